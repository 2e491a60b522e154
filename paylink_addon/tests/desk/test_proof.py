from unittest.mock import patch

from freezegun import freeze_time
from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..bank.bank_common import BankCommon
from ..browser_common import ToursCommon
from ..common import ROLES


@tagged("post_install", "-at_install")
class TestProof(BankCommon):
    """The whole way of a payment on one page: amounts that add up, and nothing that the reader may not know."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller, cls.colleague = (cls._user(name, ROLES["seller"]) for name in ("seller", "colleague"))
        cls.accountant = cls._user("accountant", "paylink_addon.group_paylink_all,account.group_account_readonly")
        cls.company.paylink_tz = "Europe/Paris"

    def _html(self, user, link, report="proof"):
        self.env.flush_all()
        self.env.invalidate_all()
        Report = self.env["ir.actions.report"].with_user(user)
        return Report._render_qweb_html(f"paylink_addon.{report}", link.ids)[0].decode()

    def _values(self, user, link):
        self.env.flush_all()
        self.env.invalidate_all()
        [values] = link.with_user(user)._proofs()
        return values

    def _rows(self, values, title):
        return next((section["rows"] for section in values["sections"] if section["title"] == title), [])

    def _paid_out(self, tx, fee, other):
        """A payout of a payment, less its fee, and of what another customer has paid; the bank shows it."""
        env, company, currency = self.env(su=True), tx.company_id, tx.currency_id
        account = env["account.account"].search([("company_ids", "in", company.ids)], limit=1)
        names = ("outstanding_account_id", "former_account_id", "fee_account_id")
        values = {
            "account": "acct_1",
            "company_id": company.id,
            "provider_id": tx.provider_id.id,
            "since": "2020-01-01",
        }
        balance = env["paylink.balance"].create(values | dict.fromkeys(names, account.id))
        total = tx.amount - fee + other
        own = {"balance_id": balance.id, "currency_id": currency.id}
        payout = env["paylink.payout"].create(own | {"name": "po_1", "status": "paid", "amount": total})
        common = own | {"created_at": "2026-04-01", "date": "2026-04-01", "category": "charge", "payout_id": payout.id}
        env["paylink.balance.move"].create(
            [
                common
                | {"name": "txn_1", "amount": tx.amount, "fee": fee, "net": tx.amount - fee, "transaction_id": tx.id},
                common | {"name": "txn_2", "amount": other, "fee": 0, "net": other},
            ]
        )
        line = self._bank_line("STRIPE PAYOUT", total, date="2026-04-03")
        payout.arrival_line_id = line.sudo()

    def _way(self):
        """A link that was sent twice, opened, tried, paid, paid out, and given back in part."""
        moves = self._invoice(amount=100) + self._invoice(amount=50.37)
        link = self._link(moves, user_id=self.seller.id, send_sms=True)
        with freeze_time("2026-03-30 08:00:00"):
            link.with_user(self.seller).action_send()
        sent = self.env["mail.notification"].sudo().search([("mail_message_id", "in", link.message_ids.ids)])
        sent.filtered(lambda one: one.notification_type == "email").notification_status = "sent"
        sent.filtered(lambda one: one.notification_type == "sms").write(
            {"notification_status": "exception", "failure_reason": "Number out of service"}
        )
        link.sudo().opened_at = "2026-03-31 09:00:00"
        failed = self._attempt(link)
        failed._set_error("Card declined by the bank")
        with freeze_time("2026-03-31 22:30:00"):  # in Paris it is April
            tx = self._pay(link)
        tx.provider_reference = "pi_123"
        self._paid_out(tx, fee=2.91, other=500)
        with freeze_time("2026-04-10 12:00:00"):
            self._refund(tx, 30.12)
        return link, tx

    def test_part_of_a_plan(self):
        """What was written of the plan belongs to it; so does the message with the page on which it was chosen."""
        page = self.env["paylink.statement"]._for_customers(self.marie)
        with freeze_time("2026-03-30 08:00:00"):
            page.sudo().action_send()
        invoice = self._invoice(amount=100)
        link = page._pay_link(set(self._items(invoice).ids)).sudo()
        said = [row[1] for row in self._rows(self._values(self.accountant, link), "What was sent")]
        self.assertEqual(said, page.message_ids.filtered("notification_ids").subtype_id.mapped("name"))
        days = (link._today(), link._today())
        part = link._agree_on_plan([(day, 50.0) for day in days]).part_ids[1]._with_links().link_id
        values = self._values(self.accountant, part)
        told = self._time_line(link, "plan_told").subtype_id.name
        self.assertIn(told, [row[1] for row in self._rows(values, "What was sent")])
        self.assertIn(f"Part 2 of 2 · {link.name}", dict(values["facts"]).values())
        self.assertIn("in 2 parts", dict(self._values(self.accountant, link)["facts"])["Payment Plan"])

    def test_amounts_add_up(self):
        link, tx = self._way()
        values = self._values(self.accountant, link)
        text = link._amount_text
        self.assertEqual(
            [(amount, is_sum) for _label, amount, is_sum in values["sums"]],
            [
                (text(150.37), False),
                (text(-30.12), False),
                (text(120.25), True),
                (text(-2.91), False),
                (text(117.34), True),
            ],
        )
        self.assertAlmostEqual(link.amount_kept, 120.25)
        money = [(row[0], row[4], row[5]) for row in self._rows(values, "Money")]
        self.assertEqual(money, [("04/01/2026", "pi_123", text(150.37)), ("04/10/2026", False, text(-30.12))])
        sent = [row[2:] for row in self._rows(values, "What was sent")][:2]
        self.assertIn(["E-mail", "marie@example.com", "Sent"], sent)
        self.assertIn(["SMS", link.phone, "Not delivered: Number out of service"], sent)
        [reason] = [row[3] for row in self._rows(values, "Payments and Attempts") if row[3]]
        self.assertEqual(reason, "Card declined by the bank")
        booked = self._rows(values, "In the books")
        self.assertEqual(booked[0][2], tx.payment_id.move_id.name)
        for move, amount in zip(link.line_ids.move_id, (100, 50.37), strict=True):
            self.assertIn(f"{move.name} ({text(amount)})", booked[0][3])
        bank = self._rows(values, "At the provider and at the bank")
        self.assertEqual(bank[0], [tx.reference, "po_1", "04/03/2026", "STRIPE PAYOUT", text(2.91), text(147.46)])

    def test_for_whom(self):
        link, tx = self._way()
        page = self._html(self.accountant, link)
        self.assertIn("po_1", page)
        for hidden in ("500", "647", "txn_2"):
            self.assertNotIn(hidden, page, "what other customers have paid is nobody's business here")
        entry = tx.payment_id.move_id.name
        for user, report in (
            (self.seller, "proof"),
            (self.seller, "proof_customer"),
            (self.accountant, "proof_customer"),
        ):
            with self.subTest(report, user=user.login):
                page = self._html(user, link, report)
                self.assertIn(tx.reference, page)
                for hidden in ("po_1", "STRIPE PAYOUT", entry, "2.91", "2,91"):
                    self.assertNotIn(hidden, page)
        self.assertIn("01/04/2026", page, "in the customer's language")
        portal = self.env["res.users"].create(
            {
                "name": "Marie",
                "login": "portal-marie",
                "partner_id": self.marie.id,
                "group_ids": [Command.set(self.env.ref("base.group_portal").ids)],
            }
        )
        for user in (self.colleague, portal):
            for report in ("proof", "proof_customer"):
                with self.subTest(report, user=user.login), self.assertRaises(AccessError):
                    self._html(user, link, report)

    def test_transfer(self):
        """A line of the bank has booked it by itself: the receipt and the proof say what it has paid."""
        moves = self._invoice(amount=100) + self._invoice(amount=20)
        link, other = self._link(moves[0], user_id=self.seller.id), self._link(moves[1], user_id=self.seller.id)
        line = self._bank_line(f"{link.transfer_reference} {other.transfer_reference}", 120, partner_id=self.marie.id)
        self.assertEqual((link | other).mapped("state"), ["paid", "paid"])
        text = link._amount_text
        receipt = link.sudo()._receipt_values()
        self.assertEqual([row["paid"] for row in receipt["rows"]], [text(100)])
        self.assertFalse(receipt["excess"])
        values = self._values(self.accountant, link)
        [booked] = self._rows(values, "In the books")
        self.assertEqual(booked[2:], [line.move_id.name, f"{moves[0].name} ({text(100)})", text(100)])
        [bank] = self._rows(values, "At the provider and at the bank")
        self.assertEqual((bank[2], bank[5]), (f"{line.date:%m/%d/%Y}", text(100)))
        self.assertNotIn("120", str(values["sections"]) + str(values["sums"]))

    def test_settled_another_way(self):
        """By a transfer that somebody has reconciled, a registered payment, a credit note; not what came before it was
        asked for. Customers read what they know of it.
        """
        invoice = self._invoice(amount=140)
        item = self._items(invoice)
        self._registered(invoice, 15)
        link = self._link(invoice, user_id=self.seller.id)
        line = self._bank_line("VIR DUBOIS 4711", 60)
        suspense = line._seek_for_lines()[1]
        suspense.write({"account_id": item.account_id.id, "partner_id": self.marie.id})
        (suspense | item).reconcile()
        entry = self._registered(invoice, 40).move_id
        note = self._invoice(amount=25, move_type="out_refund")
        (self._items(note) | item).reconcile()
        text, title = link._amount_text, "Settled another way"
        self.assertEqual((link.status, link.amount), ("settled", 125))
        values = self._values(self.accountant, link)
        day = f"{line.date:%m/%d/%Y}"
        self.assertCountEqual(
            [row[1:] for row in self._rows(values, title)],
            [
                ["Bank Transfer", line.move_id.name, day, "VIR DUBOIS 4711", text(60)],
                ["Payment", entry.name, "not yet", False, text(40)],
                ["Credit note", note.name, False, False, text(25)],
            ],
        )
        self.assertEqual(values["sums"], [(title, text(125), True)])
        self.assertCountEqual(
            self._rows(self._values(self.seller, link), title),
            [
                [day, "Bank Transfer", False, text(60)],
                [day, "Payment", False, text(40)],
                [day, "Credit note", note.name, text(25)],
            ],
        )
        for user, report in ((self.seller, "proof"), (self.accountant, "proof_customer")):
            with self.subTest(report):
                page = self._html(user, link, report)
                self.assertIn(note.name, page)
                for hidden in ("VIR DUBOIS", line.move_id.name, entry.name, "Nothing has been paid"):
                    self.assertNotIn(hidden, page)

    def test_settled_before_it_was_asked_for(self):
        """Nor does it count what somebody has registered, and the books do not have yet."""
        invoice, other = self._invoice(amount=140), self._invoice(amount=30)
        self._registered(invoice, 40)
        self.env.flush_all()
        self.cr.execute(
            "UPDATE account_partial_reconcile SET create_date = create_date - INTERVAL '1 day' WHERE id IN %s",
            [tuple(invoice.line_ids.matched_credit_ids.ids)],
        )
        own = {"user_id": self.seller.id}
        canceled = self._link(invoice + other, amount=130, is_limited=True, **own)
        other.button_draft()
        other.button_cancel()
        link, limited = self._link(invoice, **own), self._link(self._invoice(), amount=40, is_limited=True, **own)
        self._registered(limited.line_ids.move_id, 60)
        self._journal_without_entries()
        self._register(invoice, 30)
        self._register(limited.line_ids.move_id, 20)
        for one, amount in ((canceled, 130), (link, 100), (limited, 40)):
            with self.subTest(amount=amount):
                self.assertEqual(one.amount, amount)
                self.assertEqual(self._rows(self._values(self.accountant, one), "Settled another way"), [])

    def test_given_back_and_settled_another_way(self):
        link = self._link(self._invoice(), user_id=self.seller.id)
        tx = self._pay(link)
        refund = self._refund(tx, 100)
        lines = (tx.payment_id | refund.payment_id).move_id.line_ids
        lines = lines.filtered(lambda line: line.account_type == "asset_receivable")
        lines.remove_move_reconcile()
        lines.reconcile()
        entry = self._registered(link.line_ids.move_id, 100).move_id
        values, text = self._values(self.accountant, link), link._amount_text
        [row] = self._rows(values, "Settled another way")
        self.assertEqual((row[1:3], row[-1]), (["Payment", entry.name], text(100)))
        self.assertIn(("Received", text(0), True), values["sums"])

    def test_paid_by_the_link_of_a_colleague(self):
        """Its number is told to who may read it only."""
        invoice = self._invoice()
        link, other = (self._link(invoice, user_id=user.id) for user in (self.seller, self.colleague))
        tx = self._pay(other)
        self.assertIn(other.name, tx.reference)
        for user, report, is_told in (
            (self.seller, "proof", False),
            (self.seller, "proof_customer", False),
            (self.accountant, "proof_customer", True),
        ):
            with self.subTest(report, user=user.login):
                page = self._html(user, link, report)
                self.assertRegex(page, r"100[.,]00")
                self.assertEqual(other.name in page, is_told)

    def test_settled_in_part(self):
        link = self._link(self._invoice(), allow_partial=True, user_id=self.seller.id)
        self._pay(link, 40)
        self._registered(link.line_ids.move_id, 50)
        text = link._amount_text
        for rest in (10, 0):
            values = self._values(self.seller, link)
            self.assertEqual(
                values["sums"],
                [
                    ("Paid", text(40), False),
                    ("Received", text(40), True),
                    ("Settled another way", text(60 - rest), True),
                ],
            )
            if rest:
                self._registered(link.line_ids.move_id, rest)

    def test_no_kind_of_money_is_lost(self):
        link = self._link(self._invoice(), user_id=self.seller.id)
        Receipt = self.env["paylink.receipt"]
        kinds = list(Receipt._fields["kind"].get_values(self.env))
        rows = Receipt.union(*(Receipt.new({"kind": kind, "amount": 2**i}) for i, kind in enumerate(kinds)))
        with patch.object(type(link), "_amount_text", lambda _self, amount: amount):
            *parts, total = [amount for _label, amount, _is_sum in link._proof_sums(rows, knows_books=False)]
        self.assertEqual((sum(parts), total), (2 ** len(kinds) - 1,) * 2)

    def test_transfer_taken_back(self):
        link = self._link(self._invoice(), user_id=self.seller.id)
        tx = self._pay(link)
        tx._paylink_withdraw_transfers()
        values, text = self._values(self.accountant, link), link._amount_text
        self.assertEqual(
            [row[:2] for row in values["sums"][:3]],
            [("Paid", text(100)), ("Transfer taken back", text(-100)), ("Received", text(0))],
        )
        entry = tx.payment_id.move_id
        entries = {row[2] for row in self._rows(values, "In the books")}
        self.assertEqual(entries, {entry.name, entry.reversal_move_ids.name})

    def test_documents_say_what_the_receipt_says(self):
        """What waits to be booked has paid nothing, and left nothing, yet; what was paid twice is not lost."""
        link = self._link(self._invoice(), user_id=self.seller.id)
        text, title = link._amount_text, "What was asked for"
        first, second = self._attempt(link), self._force_attempt(link, 100)
        first._set_done()
        [row] = self._rows(self._values(self.seller, link), title)
        self.assertEqual(row[3:], [text(100), False, False])
        first._post_process()
        second._set_done()
        second._post_process()
        rows = self._rows(self._values(self.seller, link), title)
        self.assertEqual([row[3:] for row in rows], [[text(100), text(100), text(0)], [False, text(100), False]])

    def test_no_net_where_a_fee_is_not_known(self):
        link = self._link(self._invoice(), user_id=self.seller.id)
        self._pay(link)
        for code, text in (("demo", False), ("adyen", "not known"), ("stripe_checkout", "not known yet")):
            with self.subTest(code):
                self.cr.execute("UPDATE payment_provider SET code = %s WHERE id = %s", [code, self.provider.id])
                values = self._values(self.accountant, link)
                [bank] = self._rows(values, "At the provider and at the bank")
                if text:
                    self.assertEqual(bank[-2:], [text, text])
                    self.assertEqual(values["sums"][2:], [("Fees", text, False)])
                else:
                    self.assertEqual(values["sums"][-1], ("Net", link._amount_text(100), True))

    def test_what_is_unpaid_has_its_way_too(self):
        link = self._link(self._invoice(), user_id=self.seller.id)
        values = self._values(self.seller, link)
        self.assertEqual(values["sums"], [])
        self.assertIn("not opened yet", dict(values["facts"]).values())
        self.assertIn("Nothing has been paid", self._html(self.seller, link))


@tagged("post_install", "-at_install")
class TestProofTours(ToursCommon):
    seller_groups = ROLES["seller"]

    def test_customer_says_i_have_paid(self):
        """The seller shows the proof, prints it, and finds the receipt."""
        self._pay(self._link(self._invoice(), user_id=self.seller.id))
        self.start_tour("/odoo/payment-links", "paylink_proof", login="camille")
