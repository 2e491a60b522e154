from contextlib import ExitStack
from datetime import date, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from lxml import etree
from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from ..common import ROLES
from .bank_common import BankCommon
from .stripe_account_common import StripeAccountCommon

DAY = date(2026, 3, 31)
BANK_TRANSFER = "payment.payment_method_bank_transfer"


@tagged("post_install", "-at_install")
class TestReceipts(BankCommon):
    """What came in, by day and method, for whoever may know."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller, cls.colleague = (cls._user(name, ROLES["seller"]) for name in ("seller", "colleague"))
        cls.accountant = cls._user("accountant", "account.group_account_readonly")
        cls.everyone = cls._user("everyone", ROLES["everyone"])

    def _paid(self, amount, user=None, day=DAY, booked_on=None, **values):
        with freeze_time(f"{day} 21:30:00"):
            move = self._invoice(amount=amount, invoice_date="2026-01-05", **values)
            tx = self._attempt(self._link(move, user_id=(user or self.seller).id))
            tx._set_done()
        with freeze_time(f"{booked_on or day} 21:40:00"):
            tx._post_process()
        return tx

    def _receipts(self, user=None, **context):
        self.env.flush_all()
        self.env.invalidate_all()
        receipts = self.env["paylink.receipt"].with_user(user or self.accountant).with_context(**context)
        return receipts.search([("company_id", "=", self.company.id)], order="id")

    def test_what_came_in(self):
        """Payments and refunds of providers, chargebacks, and what was registered by hand: each once, on its day."""
        tx = self._paid(100, booked_on="2026-04-03")
        with freeze_time("2026-04-02 12:00:00"):
            refund = self._refund(tx, 30)
            by_hand = self._by_hand(self._invoice(partner=self.john, amount=50))
        with freeze_time("2026-04-05 12:00:00"):
            self._charged_back(tx)
        rows = {
            (row.date, row.kind, row.amount, row.amount_company, row.partner_id, row.link_id, row.user_id)
            for row in self._receipts()
        }
        link = tx.paylink_id
        self.assertEqual(
            rows,
            {
                (DAY, "payment", 100, 100, self.marie, link, self.seller),
                (date(2026, 4, 2), "refund", -30, -30, self.marie, link, self.seller),
                (date(2026, 4, 2), "payment", 50, 50, self.john, link.browse(), by_hand.invoice_ids.invoice_user_id),
                (date(2026, 4, 5), "taken", -70, -70, self.marie, link, self.seller),
            },
        )
        found = self._receipts()
        self.assertEqual(
            found.payment_id, tx.payment_id | refund.payment_id | by_hand | tx.paylink_dispute_ids.withdrawal_id
        )
        self.assertEqual(found.filtered("provider_id").provider_id, self.provider)

    def _by_hand(self, move):
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids)
        return wizard.create({"journal_id": self.bank_journal.id})._create_payments()

    def _charged_back(self, tx, **values):
        dispute = (
            self.env["paylink.dispute"]
            .sudo()
            .create(
                {
                    "name": f"dp_{tx.id}",
                    "provider_id": tx.provider_id.id,
                    "transaction_id": tx.id,
                    "currency_id": tx.currency_id.id,
                    "amount": 70,
                    "status": "lost",
                    **values,
                }
            )
        )
        dispute._book_withdrawal()

    def test_page_is_read_in_the_order_of_days(self):
        """However many there are: in each large source by its index, and nothing is sorted."""
        types = set()
        for source in self.env["paylink.receipt"]._sources_sql():
            self.cr.execute(SQL("SELECT * FROM %s source LIMIT 0", source))
            types.add(tuple(column.type_code for column in self.cr.description))
        self.assertEqual(len(types), 1, "the database looks into sources only if they have the same types")
        page = self.env["paylink.receipt"]._search([], order="date DESC, id DESC", limit=80).select("id")
        self.cr.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off")
        self.cr.execute(SQL("EXPLAIN %s", page))
        plan = "\n".join(line for (line,) in self.cr.fetchall())
        for name in ("Merge Append", *(f"paylink_receipt_{source}_day" for source in ("tx", "payment", "item"))):
            self.assertIn(name, plan)

    def test_page_asks_once(self):
        """What the rules look at comes with what the list shows."""
        self._paid(100)
        receipts = self.env["paylink.receipt"].with_user(self.seller)
        self.env.flush_all()
        self.env.invalidate_all()
        original, asked = type(receipts)._fetch_query, []

        def fetch(own, query, columns):
            asked.extend([[column.name for column in columns]] if columns and own._name == receipts._name else [])
            return original(own, query, columns)

        with patch.object(type(receipts), "_fetch_query", fetch):
            self.assertTrue(receipts.web_search_read([], {"name": {}, "date": {}}, limit=80)["records"])
        self.assertEqual(len(asked), 1, asked)

    def test_paid_this_month_by_method(self):
        """In the reader's language, in the company's currency."""
        cad = self.setup_other_currency("CAD", rates=[("2020-01-01", 2.0)])
        self.provider.available_currency_ids = [Command.link(cad.id), Command.link(self.company.currency_id.id)]
        visa = self.env["payment.method"].with_context(active_test=False).search([("code", "=", "visa")], limit=1)
        visa.with_context(lang="fr_FR").name = "Carte Visa"
        self._paid(100).payment_method_id = visa
        self._paid(200, currency_id=cad.id).payment_method_id = visa
        demo = self._paid(40, day=DAY - timedelta(days=1))
        self._paid(7, day=date(2026, 2, 28))
        self.env.flush_all()
        for lang, name in (("en_US", visa.with_context(lang="en_US").name), ("fr_FR", "Carte Visa")):
            receipts = self.env["paylink.receipt"].with_user(self.accountant).with_context(lang=lang)
            domain = [("company_id", "=", self.company.id), ("date", ">=", "2026-03-01"), ("date", "<", "2026-04-01")]
            found = dict(receipts._read_group(domain, ["method"], ["amount_company:sum"]))
            method = demo.payment_method_id.with_context(lang=lang).name
            self.assertEqual(found, {name: 200, method: 40})

    def test_bank_account(self):
        """Each says whether the bank has shown it, and in which line."""
        tx, other = self._paid(100), self._paid(60)
        self.assertEqual(self._receipts().mapped("is_matched"), [False, False])
        line = self._bank_line("Payout", 100, date=DAY + timedelta(days=2))
        liquidity = tx.payment_id._seek_for_lines()[0]
        suspense = line._seek_for_lines()[1]
        suspense.account_id = liquidity.account_id
        (suspense | liquidity).reconcile()
        self.env.invalidate_all()
        found = {row.transaction_id: (row.is_matched, row.bank_line_id) for row in self._receipts()}
        self.assertEqual(found, {tx: (True, line), other: (False, line.browse())})

    def _undone(self, payment):
        payment.action_draft()
        payment.action_cancel()

    def test_taken_out_of_the_books(self):
        """What was booked for somebody else, and is by hand now, counts once; what waits to be booked again, too."""
        tx = self._paid(100)
        self._undone(tx.payment_id)
        self.assertEqual(self._receipts().mapped("amount"), [])
        by_hand = self._registered(self._invoice(amount=100), 100)
        self.assertEqual(self._receipts().payment_id, by_hand)
        self._undone(by_hand)
        tx.is_post_processed = False
        self.assertEqual(self._receipts().transaction_id, tx)

    def test_payments_find_their_transactions(self):
        """Each reconciliation asks for them: they are not looked for among all."""
        self.cr.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'payment_transaction'")
        self.assertTrue(any("(payment_id)" in index for (index,) in self.cr.fetchall()))

    def test_not_in_the_books(self):
        """Nothing shows money of which there is no payment."""
        tx = self._paid(100)
        tx.payment_id = False
        found = self._receipts()
        self.assertEqual((found.amount, found.is_matched, found.is_consolidated), (100, False, False))

    def test_paid_before_the_add_on(self):
        """What no moment was noted of is there on its day in the books; the installation notes that day."""
        tx = self._paid(100)
        self.env.flush_all()
        query = "UPDATE payment_transaction SET paylink_moved_at = NULL, paylink_moved_on = NULL WHERE id = %s"
        self.cr.execute(query, [tx.id])
        self.env.invalidate_all()
        tx.payment_id.date = date(2026, 2, 3)
        for _turn in range(2):
            found = self._receipts()
            self.assertEqual((found.transaction_id, found.date, found.amount), (tx, date(2026, 2, 3), 100))
            self.env["payment.transaction"]._paylink_note_moved_before()
        self.assertEqual(tx._paylink_moved_on(), date(2026, 2, 3))

    def test_installing_computes_no_payment_by_itself(self):
        """What was paid before is told by the database, all of it at once."""
        shown, other = self._paid(100), self._paid(50)
        line, liquidity = self._bank_line("Payout", 100), shown.payment_id._seek_for_lines()[0]
        suspense = line._seek_for_lines()[1]
        suspense.account_id = liquidity.account_id
        (suspense | liquidity).reconcile()
        self.env.flush_all()
        self.env.invalidate_all()
        names = ("paylink_is_matched", "paylink_is_consolidated", "paylink_moved_on")
        for name in names:
            self.env.cr.execute(SQL("ALTER TABLE payment_transaction DROP COLUMN %s", SQL.identifier(name)))
        model = type(self.env["payment.transaction"])
        computes = ("_compute_paylink_is_consolidated", "_compute_paylink_moved_on")
        with ExitStack() as stack:
            for name in computes:
                stack.enter_context(patch.object(model, name, side_effect=AssertionError("computed one by one")))
            self.env.registry.init_models(
                self.env.cr, ["payment.transaction"], {"module": "paylink_addon"}, install=False
            )
        found = [[tx[name] for name in names] for tx in (shown, other)]
        self.assertEqual(found, [[True, True, False], [False, False, False]])

    def test_money_of_bank_lines(self):
        """Whichever way a transfer was booked it is there once, with its line: the receivable accounts have no more."""
        transfers = {}
        link = self._link(self._invoice(amount=80), user_id=self.seller.id)
        transfers["a link's"] = self._bank_line(link.transfer_reference, 80)
        asked_by_nobody = self._invoice(partner=self.john, amount=60)
        transfers["an invoice's"] = self._bank_line(asked_by_nobody.name, 60, partner_id=self.john.id)
        transfers["an invoice's"].paylink_match_ids.filtered(lambda match: match.state == "proposed").action_accept()
        by_hand = self._invoice(amount=50)
        transfers["by hand"] = self._bank_line("SOMETHING", 50)
        suspense = transfers["by hand"]._seek_for_lines()[1]
        suspense.write({"account_id": self._items(by_hand).account_id.id, "partner_id": self.marie.id})
        (suspense | self._items(by_hand)).reconcile()
        registered = self._registered(self._invoice(amount=40), 40)
        transfers["registered"] = self._bank_line("ANYTHING", 40)
        suspense, liquidity = transfers["registered"]._seek_for_lines()[1], registered._seek_for_lines()[0]
        suspense.account_id = liquidity.account_id
        (suspense | liquidity).reconcile()
        self.env.invalidate_all()
        found = {row.bank_line_id: row for row in self._receipts()}
        self.assertEqual(set(found), set(transfers.values()))
        for name, line in transfers.items():
            with self.subTest(name):
                row = found[line]
                self.assertEqual((row.amount, row.net, row.date, row.booked_on), (line.amount,) * 2 + (line.date,) * 2)
                self.assertEqual((row.is_matched, row.is_consolidated), (True, True))
                self.assertEqual((row.journal_id, row.currency_id), (line.journal_id, line.currency_id))
                entry = registered if name == "registered" else line.move_id
                opened = row.action_open()
                self.assertEqual((opened["res_model"], opened["res_id"]), (entry._name, entry.id))
        self.assertEqual(len(set(self._receipts().mapped("method")) - {self.env.ref(BANK_TRANSFER).name}), 1)
        domain = [("account_type", "=", "asset_receivable"), ("parent_state", "=", "posted"), ("balance", "<", 0)]
        credited = self.env["account.move.line"].search([*domain, ("company_id", "=", self.company.id)])
        self.assertEqual(sum(self._receipts().mapped("amount_company")), -sum(credited.mapped("balance")))

    def test_what_was_left_of_money_and_given_back(self):
        """Both count, whichever of them a bank's line has booked, and which a payment: they are two movements."""
        values = {"partner_id": self.john.id, "partner_type": "customer", "journal_id": self.bank_journal.id}
        for kind, paid, line_amount in (("outbound", 40, 100), ("inbound", 100, -40)):
            with self.subTest(kind):
                before = sum(self._receipts().mapped("amount"))
                payment = self.env["account.payment"].create({**values, "payment_type": kind, "amount": paid})
                payment.action_post()
                _liquidity, counterpart, _others = payment._seek_for_lines()
                suspense = self._bank_line("SOMETHING", line_amount)._seek_for_lines()[1]
                suspense.write({"account_id": counterpart.account_id.id, "partner_id": self.john.id})
                (suspense | counterpart).reconcile()
                self.assertEqual(sum(self._receipts().mapped("amount")) - before, 60)

    def test_refund_that_came_back(self):
        """It stays in the month in which it was made, and comes back in another one: as in the books."""
        with freeze_time("2026-03-02 12:00:00"):
            tx = self._paid(100, day=date(2026, 3, 1))
            refund = self._refund(tx, 30)
        march = [(row.date, row.kind, row.amount, row.amount_company) for row in self._receipts()]
        with freeze_time("2026-04-05 12:00:00"):
            refund._set_error("It failed", extra_allowed_states=("done",))
            refund.payment_id._paylink_undo()
        rows = [(row.date, row.kind, row.amount, row.amount_company) for row in self._receipts()]
        self.assertEqual(sorted(rows), [*sorted(march), (date(2026, 4, 5), "returned", 30, 30)])
        self.assertEqual(sum(self._receipts().mapped("net")), 100)

    def test_transfer_that_is_taken_back(self):
        """As the books have it: a payment of a month that is over is reversed later; what the bank's entry has booked
        itself is there no more.
        """
        with freeze_time("2026-03-02 12:00:00"):
            links = self._free_link(80), self._link(self._invoice(amount=50))
            lines = [self._bank_line(link.transfer_reference, link.amount) for link in links]
        self.assertEqual([link.state for link in links], ["paid", "paid"])
        march = {(row.date, row.kind, row.amount) for row in self._receipts()}
        with freeze_time("2026-04-05 12:00:00"):
            for line in lines:
                line.paylink_match_ids.action_undo()
        rows = self._receipts()
        self.assertEqual(
            {(row.date, row.kind, row.amount) for row in rows},
            march - {(date(2026, 3, 2), "payment", 50)} | {(date(2026, 4, 5), "undone", -80)},
        )
        self.assertEqual([sum(rows.mapped(name)) for name in ("net", "amount_company")], [0, 0])

    def test_fee_that_nobody_has_told(self):
        """Neither it nor the net is known, also in Excel; who keeps nothing has brought all.

        Lists take rows without a currency, and groups without an amount, for others in another currency: the totals
        would be no numbers.
        """
        self._by_hand(self._invoice(partner=self.john, amount=20))
        tx = self._paid(100)
        self._refund(tx, 30)
        link = self._free_link(50)
        self._bank_line(link.transfer_reference, 50)
        known = (100, -30, 50, 20)
        for code, nets in (("demo", known), ("custom", known), ("adyen", ("", "", 50, 20))):
            with self.subTest(code):
                self.cr.execute("UPDATE payment_provider SET code = %s WHERE id = %s", [code, self.provider.id])
                rows = self._receipts().sorted("id")
                self.assertFalse(rows.filtered(lambda row: not row.settled_currency_id))
                sums = rows._read_group([("id", "in", rows.ids)], ["name", "is_fee_known"], ["fee:sum"])
                self.assertFalse([name for name, is_known, fee in sums if is_known and fee is False])
                known = [row.net if row.is_fee_known else "" for row in rows]
                self.assertEqual(sorted(known, key=str), sorted(nets, key=str))
                exported = [row[0] for row in rows.sudo().export_data(["net"])["datas"]]
                self.assertEqual(exported, known)

    def test_fee_of_what_was_captured_in_parts(self):
        """Each part has its share: the fee is Stripe's once."""
        tx = self._attempt(self._link(self._invoice(amount=100)))
        tx._set_authorized()
        parts = [tx._create_child_transaction(amount) for amount in (60, 40)]
        for part in parts:
            part._set_done()
            part._post_process()
        tx.write({"paylink_fee": 3, "paylink_fee_currency_id": tx.currency_id.id})
        rows = {row.transaction_id: (row.fee, row.net) for row in self._receipts()}
        self.assertEqual(rows, {parts[0]: (1.8, 58.2), parts[1]: (1.2, 38.8)})

    def test_day_of_the_money_and_of_the_books(self):
        """Where the day is locked both are told; the day stays, whatever becomes of the company's clock."""
        tx = self._paid(100, booked_on="2026-04-03")
        self.company.fiscalyear_lock_date = DAY
        with freeze_time("2026-04-02 12:00:00"):
            other = self._attempt(self._link(self._invoice(amount=60)))
            other._set_done()
            other.paylink_moved_at = f"{DAY} 09:00:00"
            other._post_process()
        with freeze_time("2026-04-05 12:00:00"):
            self._charged_back(tx, withdrawn_at=f"{DAY} 10:00:00")
        days = {row.kind + str(row.amount): (row.date, row.booked_on) for row in self._receipts()}
        opened = DAY + timedelta(days=1)
        self.assertEqual(days, {"payment100.0": (DAY, DAY), "payment60.0": (DAY, opened), "taken-70.0": (DAY, opened)})
        self.company.paylink_tz = "Pacific/Kiritimati"
        self.assertEqual(tx._paylink_moved_on(), DAY)

    def test_rates(self):
        """What no payment says in the company's currency is what Odoo, or the line of the bank, makes of it."""
        currency = self.setup_other_currency("CAD", rates=[("2026-06-01", 3.0), ("2026-07-01", 5.0)])
        self.provider.available_currency_ids = [Command.link(currency.id)]
        with freeze_time(f"{DAY} 12:00:00"):
            tx = self._attempt(self._link(self._invoice(amount=200, currency_id=currency.id)))
            tx._set_done()
        own = self.company.currency_id
        for day in (DAY, date(2026, 6, 15), date(2026, 8, 1)):
            tx.paylink_moved_at = f"{day} 12:00:00"
            self.assertEqual(self._receipts().amount_company, currency._convert(200, own, self.company, day))
        self.env.flush_all()
        self.cr.execute("UPDATE res_currency SET rounding = 1, decimal_places = 0 WHERE id = %s", [own.id])
        self.assertEqual(self._receipts().amount_company, 40)
        tx.paylink_moved_at = "2026-06-15 12:00:00"
        self.assertEqual(self._receipts().amount_company, 67)
        link = self._link(self._invoice(amount=200, currency_id=currency.id), user_id=self.seller.id)
        values = {"foreign_currency_id": currency.id, "amount_currency": 200, "date": "2026-06-15"}
        line = self._bank_line(link.transfer_reference, 61, **values)
        matches = line.paylink_match_ids
        matches.filtered(lambda match: match.state == "proposed").action_accept()
        row = self._receipts().filtered(lambda row: row.link_id == link)
        self.assertEqual((row.amount, row.amount_company), (200, 61))

    def test_everyone_can_filter(self):
        """Whoever sees the list can look for what it shows, group by it, and use its filters."""
        self._paid(100)
        self._charged_back(self._paid(80))
        for user in (self.seller, self.everyone, self.accountant):
            receipts = self.env["paylink.receipt"].with_user(user)
            arch = etree.fromstring(receipts.get_view(view_type="search")["arch"])
            names = [node.get("name") for node in arch.xpath("//field")]
            self.assertIn("provider_name", names)
            groups = [safe_eval(node.get("context")).get("group_by") for node in arch.xpath("//filter[@context]")]
            self.assertEqual("payout_id" in groups, user == self.accountant)
            for name in names:
                with self.subTest(user.login, name=name):
                    receipts.web_search_read([(name, "ilike", "a")], {"name": {}})
            for group in groups:
                with self.subTest(user.login, group=group):
                    receipts.web_read_group([], [group], ["amount_company:sum"])
            self.assertEqual(receipts.search_count([("provider_name", "ilike", self.provider.name)]), 3)

    def test_salesperson(self):
        """Of what no link asked for: the document's, else the customer's, also where a contact of theirs has paid."""
        self.john.user_id, self.john.is_company = self.colleague, True
        contact = self.env["res.partner"].create({"name": "Billing", "parent_id": self.john.id, "user_id": False})
        other = self._invoice(partner=self.john, amount=50, invoice_user_id=self.seller.id)
        self._registered(other, 50)
        line = self._bank_line("ANYTHING", 30, partner_id=contact.id)
        line._seek_for_lines()[1].account_id = self.john.property_account_receivable_id
        found = {row.amount: row.user_id for row in self._receipts()}
        self.assertEqual(found, {50: self.seller, 30: self.colleague})

    def test_rights(self):
        """Sellers see what their links have brought, who sees all payments those of all links, accountants all."""
        own, theirs = self._paid(100), self._paid(60, user=self.colleague)
        by_hand = self._by_hand(self._invoice(amount=50))
        abroad = self._other_company()
        for user, expected in (
            (self.seller, own),
            (self.colleague, theirs),
            (self.everyone, own | theirs),
            (self.accountant, own | theirs),
        ):
            with self.subTest(user.login):
                found = self._receipts(user)
                self.assertEqual(found.link_id.sudo().transaction_ids, expected)
                self.assertEqual(len(found), len(expected) + (user == self.accountant))
                self.assertEqual(found[0].action_open()["res_model"], self._opens(user))
        self.assertFalse(self.env["paylink.receipt"].with_company(abroad).search([("company_id", "=", abroad.id)]))
        self.assertTrue(by_hand)
        with self.assertRaises(AccessError):
            self._receipts(self._user("nobody", "base.group_user"))

    def _opens(self, user):
        return "account.payment" if user == self.accountant else "paylink.link"


@tagged("post_install", "-at_install")
class TestReceiptsOfAccount(StripeAccountCommon):
    """With the account at Stripe kept: what it has cost, and with which payout it has come to the bank."""

    def test_way_to_the_bank(self):
        self.use_as_account()
        tx = self.paid(100)
        self.fake.refund(tx.paylink_stripe_intent, 1000)
        self.deliver_and_handle()
        payout_id = self.fake.payout()["id"]
        self.fake.pay_payout(payout_id, "TRN4711X")
        self.keep_up()
        payout = self.env["paylink.payout"].search([("name", "=", payout_id)])
        self.check("payment", tx, payout, False)
        line = self.arrived(payout, "VIR SEPA STRIPE trn 4711-X RECU")
        self.run_job("ir_cron_paylink_balance")
        rows = self.check("payment", tx, payout, True)
        self.assertEqual(rows.mapped("bank_line_id"), line)
        self.assertAlmostEqual(sum(rows.mapped("net")), payout.amount)

    def test_fees_are_shown_where_they_are_known(self):
        """A total of 0.00 would say that there are none. Stripe tells fees also where its account is not kept."""
        Receipt = self.env["paylink.receipt"].with_company(self.company)
        for is_kept in (False, True):
            arch = Receipt.get_view(view_type="list")["arch"]
            shown = [f'name="{name}"' in arch for name in ("fee", "net", "payout_id")]
            self.assertEqual(shown, [True, True, is_kept])
            if not is_kept:
                self.use_as_account()

    def test_fees_without_the_account(self):
        """As the details of the payment say; in one currency gross is fee and net."""
        tx = self.paid(100)
        self.fake.refund(tx.paylink_stripe_intent, 1000)
        self.deliver_and_handle()
        self._registered(self._invoice(amount=40), 40)
        tx.write({"paylink_fee": 1.75, "paylink_fee_currency_id": tx.currency_id.id})
        self.env.flush_all()
        rows = self.env["paylink.receipt"].search([("company_id", "=", self.company.id)])
        self.assertEqual(
            {row.amount: (row.fee, row.net) for row in rows}, {100: (1.75, 98.25), -10: (0, -10), 40: (0, 40)}
        )

    def test_net_of_what_is_given_back(self):
        """It is known where that of the payment is; what a refund has cost is there once, also where it came back."""
        foreign = self.setup_other_currency("CAD")
        for currency, nets in ((self.company.currency_id, (100 - 1.75, -30.5, 30)), (foreign, (0, 0, 0))):
            with self.subTest(currency=currency.name):
                tx = self.paid(100)
                self.fake.refund(tx.paylink_stripe_intent, 3000)
                self.deliver_and_handle()
                refund = tx.child_transaction_ids
                tx.write({"paylink_fee": 1.75, "paylink_fee_currency_id": currency.id})
                refund.write({"paylink_fee": 0.5, "paylink_fee_currency_id": currency.id})
                self.fake.fail_refund(refund.paylink_stripe_refund)
                self.deliver_and_handle()
                self.env.flush_all()
                rows = self.env["paylink.receipt"].search([("link_id", "=", tx.paylink_id.id)], order="id")
                found = {row.kind: (row.fee, row.net) for row in rows}
                fees = (1.75, 0.5, 0)
                self.assertEqual(
                    found, dict(zip(("payment", "refund", "returned"), zip(fees, nets, strict=True), strict=True))
                )

    def test_chargebacks_of_a_payout(self):
        """The net of its rows is what the bank gets; what was taken back is at the bank with it, not before."""
        self.use_as_account()
        lost, won, _kept = self.paid(100), self.paid(50), self.paid(300)
        disputes = [self.fake.dispute(tx.paylink_stripe_charge) for tx in (lost, won)]
        self.deliver_and_handle()
        self.fake.close_dispute(disputes[1]["id"], won=True)
        self.deliver_and_handle()
        payout_id = self.fake.payout()["id"]
        self.fake.pay_payout(payout_id, "TRN4711X")
        self.keep_up()
        payout = self.env["paylink.payout"].search([("name", "=", payout_id)])
        for is_there in (False, True):
            self.env.flush_all()
            self.env.invalidate_all()
            rows = self.env["paylink.receipt"].search([("company_id", "=", self.company.id)])
            self.assertEqual(sorted(rows.mapped("kind")), ["given", *["payment"] * 3, *["taken"] * 2])
            self.assertEqual(rows.payout_id, payout)
            self.assertAlmostEqual(sum(rows.mapped("net")), payout.amount)
            self.assertEqual(set(rows.mapped("is_consolidated")), {is_there})
            if not is_there:
                self.arrived(payout, "VIR SEPA STRIPE trn 4711-X RECU")
                self.run_job("ir_cron_paylink_balance")

    def check(self, kind, tx, payout, consolidated):
        self.env.flush_all()
        self.env.invalidate_all()
        rows = self.env["paylink.receipt"].search([("link_id", "=", tx.paylink_id.id)])
        paid = rows.filtered(lambda row: row.kind == kind)
        self.assertEqual((paid.amount, paid.net), (100, 100 - paid.fee))
        self.assertGreater(paid.fee, 0)
        self.assertEqual(rows.mapped("payout_id"), payout)
        self.assertEqual(rows.mapped("is_matched"), [True, True])
        self.assertEqual(rows.mapped("is_consolidated"), [consolidated] * 2)
        return rows
