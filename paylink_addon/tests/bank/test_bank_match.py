from datetime import timedelta

from freezegun import freeze_time
from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ...tools import creditor_reference
from .bank_common import BankCommon

MARIES, JOHNS = "FR1420041010050500013M02606", "DE89370400440532013000"


@tagged("post_install", "-at_install")
class TestBankMatch(BankCommon):
    """Lines of banks find the links and invoices that they pay."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._iban(cls.marie, MARIES)
        cls._iban(cls.john, JOHNS)

    def _reference(self, link):
        return creditor_reference.written(link.transfer_reference)

    def _matches(self, line, state=None):
        """Those of what was found."""
        found = line.paylink_match_ids.filtered(lambda match: match.state != "unknown")
        return found.filtered(lambda match: match.state == state) if state else found

    def _assert_paid(self, link, line, amount=None):
        """The link is paid by this line, which is reconciled; nothing else was booked of what it asks for."""
        self.assertTrue(line.is_reconciled)
        self.assertEqual((link.state, link.status, link.amount_due), ("paid", "paid", 0))
        self.assertEqual(link.amount_paid, amount or line.amount)
        self.assertEqual(self._matches(line).mapped("state"), ["accepted"])
        self.assertEqual(line.partner_id, link.partner_id.commercial_partner_id)
        self.assertTrue(link.consolidated and line in link.transfer_line_ids)

    def _assert_open(self, line):
        self.assertFalse(line.is_reconciled)
        self.assertFalse(self._matches(line, "accepted"))

    def _open_items(self):
        """What is open of Marie in the books."""
        domain = [("partner_id", "=", self.marie.id), ("account_type", "=", "asset_receivable")]
        return self.env["account.move.line"].search([*domain, ("reconciled", "=", False)])

    # === PROOF === #

    def test_reference_and_amount_are_proof(self):
        """However dirty the label is, and wherever in the line the reference stands."""
        for kind, text in (
            ("as it is", "{0}"),
            ("in lower case", "virement dubois {1} merci"),
            ("cut", "VIR SEPA\n{2}"),
            ("without letters", "{3} DUBOIS"),
        ):
            with self.subTest(kind):
                invoice = self._invoice(amount=100)
                link = self._link(invoice)
                whole = link.transfer_reference
                label = text.format(
                    self._reference(link), whole.lower(), f"{whole[:9]}\n{whole[9:]}", f"{whole[2:4]} PL{whole[6:]}"
                )
                line = self._bank_line(label, 100)
                self._assert_paid(link, line)
                self.assertEqual((invoice.payment_state, invoice.amount_residual), ("paid", 0))
                self.assertFalse(link.transaction_ids.payment_id)
        for field, value in (
            ("ref", str),
            ("narration", "<p>{}</p>".format),
            ("transaction_details", lambda text: {"end_to_end_id": text, "more": [{"a": 1}]}),
        ):
            with self.subTest(field):
                link = self._link(self._invoice(amount=100))
                self._assert_paid(link, self._bank_line("VIR", 100, **{field: value(link.transfer_reference)}))

    def test_number_of_the_link_is_proof_with_its_amount(self):
        """As a whole, whatever stands between its pieces; not from somebody else's account."""
        for label in ("{0}", "facture {1} merci", "VIR {2}"):
            link = self._link(self._invoice(amount=120))
            number = link.name
            text = label.format(number, number.lower(), number.replace("/", " "))
            with self.subTest(text):
                self._assert_paid(link, self._bank_line(text, 120))
        link = self._link(self._invoice(amount=120))
        for text, amount, more in (
            (f"1{link.name}", 120, {}),
            (f"{link.name}9", 120, {}),
            (f"{link.name}/7", 120, {}),
            (link.name, 119, {}),
            (link.name, 121, {}),
            (link.name, 120, {"account_number": JOHNS}),
        ):
            with self.subTest(text, amount=amount, **more):
                self._assert_open(self._bank_line(text, amount, **more))

    def test_number_of_an_invoice_is_proof_from_its_payer(self):
        invoice = self._invoice(amount=210)
        self._assert_open(self._bank_line(invoice.name, 210))
        self._assert_open(self._bank_line(invoice.name, 210, account_number=JOHNS))
        self._assert_open(self._bank_line(f"{invoice.name}1", 210, partner_name="Marie Dubois Martin"))
        line = self._bank_line(f"FACT {invoice.name}", 210, partner_name="MME DUBOIS MARIE")
        self.assertTrue(line.is_reconciled)
        self.assertEqual(invoice.payment_state, "paid")

    def test_several_invoices_at_once(self):
        """By their numbers, and by one link for all of them: as what a customer ticks in the account."""
        one, two = self._invoice(amount=30), self._invoice(amount=70)
        line = self._bank_line(f"{one.name} + {two.name}", 100, account_number=MARIES)
        self.assertTrue(line.is_reconciled)
        self.assertEqual((one | two).mapped("payment_state"), ["paid", "paid"])
        moves = self.env["account.move"].union(*(self._invoice(amount=10 * number) for number in range(1, 8)))
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        link = statement._pay_link(set(self._items(moves).ids))
        line = self._bank_line(link.transfer_reference, 280)
        self._assert_paid(link, line)
        self.assertEqual(set(moves.mapped("payment_state")), {"paid"})

    def test_amount_and_account_are_proof_if_nothing_else_shares_them(self):
        invoice = self._invoice(amount=77.77)
        link = self._link(invoice)
        self._assert_paid(link, self._bank_line("VIREMENT", 77.77, account_number=MARIES))
        alike = self._invoice(amount=50) | self._invoice(amount=50)
        line = self._bank_line("VIREMENT", 50, account_number=MARIES)
        self._assert_open(line)
        self.assertEqual(len(self._matches(line, "proposed")), 2)
        self.assertEqual(self._matches(line).item_ids.move_id, alike)
        # All of it is one thing, again.
        self.assertTrue(self._bank_line("TOUT", 100, account_number=MARIES).is_reconciled)

    def test_equal_amounts_of_two_customers(self):
        """Names are no proof; two lines that want the same are none either."""
        self._invoice(amount=64), self._invoice(self.john, amount=64)
        line = self._bank_line("VIREMENT", 64, partner_name="Marie Dubois")
        self._assert_open(line)
        self.assertEqual(self._matches(line, "proposed").partner_id, self.marie)
        lines = self._bank_lines(("A", 64, {"account_number": MARIES}), ("B", 64, {"account_number": MARIES}))
        for line in lines:
            self._assert_open(line)
            self.assertIn("contested", self._matches(line, "proposed").reasons)

    def test_what_is_no_match(self):
        """Of other companies, currencies and signs; what is nobody's."""
        link = self._link(self._invoice(amount=100))
        other = self._other_company()
        theirs = self.env["account.journal"].search([("company_id", "=", other.id), ("type", "=", "bank")], limit=1)
        usd = self.env["account.journal"].create(
            {"name": "USD", "type": "bank", "code": "USDB", "currency_id": self.env.ref("base.GBP").id}
        )
        self.env.ref("base.GBP").active = True
        for amount, values in ((100, {"journal_id": theirs.id}), (100, {"journal_id": usd.id}), (-100, {}), (0, {})):
            with self.subTest(amount=amount, **values):
                line = self._bank_line(link.transfer_reference, amount, **values)
                self.assertFalse(self._matches(line))
        self.assertEqual(link.state, "open")

    # === OTHER AMOUNTS === #

    def test_more_than_is_due(self):
        """The rest is an open credit of the customer, and somebody's task."""
        link = self._link(self._invoice(amount=100))
        line = self._bank_line(link.transfer_reference, 130)
        self._assert_open(line)
        self._matches(line).action_accept()
        self._assert_paid(link, line, 130)
        credit = line.move_id.line_ids.filtered(lambda item: item.account_id.account_type == "asset_receivable")
        self.assertEqual(credit.amount_residual, -30)
        self._run_cron("ir_cron_paylink_book")
        self.assertTrue(link.activity_ids)

    def test_less_than_is_due(self):
        """Only a proposal, unless the customer may pay a part."""
        link = self._link(self._invoice(amount=100), allow_partial=False)
        line = self._bank_line(link.transfer_reference, 60)
        self._assert_open(line)
        self.assertEqual((link.status, self._matches(line).link_ids), ("not_opened", link))
        link = self._link(self._invoice(amount=100), allow_partial=True)
        line = self._bank_line(link.transfer_reference, 60)
        self.assertTrue(line.is_reconciled)
        self.assertEqual((link.status, link.amount_due), ("partly_paid", 40))
        self._assert_paid(link, self._bank_line(link.transfer_reference, 40), 100)

    def test_bank_fees(self):
        """Within the tolerance it is proposed as paid; accepted, the fees are booked where they belong."""
        self.company.paylink_bank_fee_limit = 5
        account = self.company_data["default_account_expense"]
        self.company.paylink_bank_fee_account_id = account
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        line = self._bank_line(link.transfer_reference, 97.5)
        self._assert_open(line)
        self._matches(line).action_accept()
        self._assert_paid(link, line, 100)
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(line.move_id.line_ids.filtered(lambda own: own.account_id == account).balance, 2.5)
        far = self._bank_line(self._link(self._invoice(amount=100)).transfer_reference, 94)
        self.assertNotIn("fees", self._matches(far).reasons)

    def test_early_payment_discount(self):
        """That of the day of the transfer is granted."""
        invoice = self._invoice(amount=1000, invoice_payment_term_id=self._two_percent().id)
        link = self._link(invoice)
        due = link._due_amounts()[link.id]
        self.assertLess(due, 1000)
        line = self._bank_line(link.transfer_reference, due)
        self._assert_paid(link, line)
        self.assertEqual(invoice.payment_state, "paid")

    def _plan(self, invoice):
        """A plan of three parts of 100, and the link that it was made of."""
        link = self._link(invoice).sudo()
        days = (link._today() + timedelta(days=30 * number) for number in range(3))
        return link._agree_on_plan([(day, 100.0) for day in days]), link

    def test_part_of_a_plan(self):
        """What its page asks for, whatever else has reduced what is due."""
        plan, _origin = self._plan(invoice := self._invoice(amount=300))
        first, second, _third = plan.part_ids
        links = (first + second)._with_links().link_id
        self.assertEqual([links._due_amounts()[link.id] for link in links], [100, 200])
        credit = self._invoice(move_type="out_refund", amount=50)
        self._items(invoice + credit).reconcile()
        self.assertEqual([links._due_amounts()[link.id] for link in links], [50, 150])
        line = self._bank_line(links[0].transfer_reference, 100)  # ordered before
        self._assert_open(line)
        self.assertIn("over", self._matches(line).reasons)
        self._matches(line).action_accept()
        self.assertEqual((line.is_reconciled, invoice.amount_residual, first.progress), (True, 150, "paid"))
        self._assert_paid(links[1], self._bank_line(links[1].transfer_reference, 50))
        self.assertEqual((plan.state, second.progress, invoice.amount_residual), ("running", "paid", 100))

    def test_parts_earn_no_early_payment_discount(self):
        plan, origin = self._plan(self._invoice(amount=300, invoice_payment_term_id=self._two_percent().id))
        self.assertEqual((plan.amount, origin.amount_due), (300, 300))
        line = self._bank_line(origin.transfer_reference, 294)
        self._assert_open(line)
        self.assertIn("part", self._matches(line).reasons)
        part = plan.part_ids[:1]._with_links().link_id
        self._assert_paid(part, self._bank_line(part.transfer_reference, 100))

    def _two_percent(self):
        return self.env["account.payment.term"].create(
            {"name": "2 % 10", "early_discount": True, "discount_percentage": 2, "discount_days": 10}
        )

    def test_what_is_asked_for_at_first(self):
        """Of an invoice in installments: who pays what the page asks for has paid that, and the rest is due later."""
        term = self.env["account.payment.term"].create(
            {
                "name": "Three",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": share, "nb_days": days})
                    for share, days in ((30, 0), (30, 30), (40, 60))
                ],
            }
        )
        invoice = self._invoice(amount=1000, invoice_payment_term_id=term.id)
        link = self._link(invoice, allow_partial=False)
        line = self._bank_line(link.transfer_reference, 300)
        self.assertTrue(line.is_reconciled)
        self.assertEqual((link.state, link.amount_due, link.amount_paid), ("open", 700, 300))
        self.assertEqual(invoice.payment_state, "partial")
        self._assert_paid(link, self._bank_line(link.transfer_reference, 700), 1000)

    def test_money_that_comes_twice(self):
        """A person decides; then it is an open credit, and somebody's task."""
        link = self._link(self._invoice(amount=100))
        self._pay(link)
        line = self._bank_line(link.transfer_reference, 100)
        self._assert_open(line)
        self.assertEqual(self._matches(line, "proposed").reasons, "reference,paid_already")
        self._matches(line).action_accept()
        self.assertTrue(line.is_reconciled)
        self.assertEqual((link.state, link.amount_paid), ("paid", 200))
        self._run_cron("ir_cron_paylink_book")
        self.assertTrue(link.activity_ids)
        self.assertEqual(sum(self._open_items().mapped("amount_residual")), -100)

    def test_payment_that_was_registered_before(self):
        """The line is the money of that payment: nothing is a credit, and the link stays settled."""
        for with_account in (True, False):
            with self.subTest(with_account=with_account):
                invoice = self._invoice(amount=100)
                link = self._link(invoice)
                payment = self._registered(invoice, 100)
                more = {"account_number": MARIES} if with_account else {}
                label = "VIREMENT" if with_account else link.transfer_reference
                line = self._bank_line(label, 100, **more)
                self.assertTrue(line.is_reconciled)
                self.assertTrue(payment.is_matched)
                self.assertFalse(self._open_items() & (payment.move_id | line.move_id).line_ids)
                self.assertEqual((link.state, link.transaction_ids.ids), ("paid", []))
                self._matches(line).action_undo()
                self.assertFalse(payment.is_matched)
                self.assertEqual(invoice.amount_residual, 0)
                payment.action_draft()
                payment.unlink()

    def test_half_registered_before(self):
        """The line may be the money of the half that is noted already: the other half is not paid by it."""
        invoice = self._invoice(amount=200)
        link = self._link(invoice)
        payment = self._registered(invoice, 100)
        self.assertEqual((payment.is_matched, link.amount_due), (False, 100))
        for label in (link.transfer_reference, link.name, invoice.name, "VIR"):
            with self.subTest(label):
                line = self._bank_line(label, 100, account_number=MARIES)
                self._assert_open(line)
                proposed = self._matches(line, "proposed").item_ids
                self.assertEqual(proposed & payment.move_id.line_ids, payment._seek_for_lines()[0])
                self.assertTrue(proposed & self._items(invoice))

    def test_registered_elsewhere(self):
        """What is registered in another journal is not the money of this one's lines, whatever else is looked at."""
        other = self.bank_journal.copy({"name": "Other", "code": "OTHB"})
        other.inbound_payment_method_line_ids.payment_account_id = (
            self.bank_journal.inbound_payment_method_line_ids.payment_account_id[:1]
        )
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        payment = self._registered(invoice, 100, other)
        self.assertTrue(payment.outstanding_account_id)
        lines = self._bank_lines(
            ("VIR", 100, {"account_number": MARIES}),
            (link.transfer_reference, 100),
            ("something", 5, {"journal_id": other.id}),
        )
        for line in lines:
            self._assert_open(line)
        self.assertFalse(payment.is_matched)
        self.assertEqual(self._matches(lines[1]).reasons, "reference,paid_already")
        self.assertTrue(self._bank_line("VIR", 100, account_number=MARIES, journal_id=other.id).is_reconciled)

    def test_only_the_bank_says_whose_account_has_paid(self):
        """Not who is named on the line, though Odoo notes an account of theirs."""
        invoice = self._invoice(amount=50)
        link = self._link(self._invoice(amount=70))
        for label, amount, account, reason in (
            ("VIR", 50, False, "partner,amount"),
            (link.name, 70, JOHNS, "link_number,other_payer,amount"),
            (link.transfer_reference, 70, JOHNS, "reference,other_payer,amount"),
        ):
            with self.subTest(label, account=account):
                line = self._bank_line(label, amount, partner_id=self.marie.id, account_number=account)
                self.assertTrue(line.move_id.partner_bank_id)
                self._assert_open(line)
                self.assertEqual(self._matches(line).mapped("reasons"), [reason])
        self.assertEqual(invoice.amount_residual, 50)

    def test_payment_without_an_entry(self):
        """As Odoo Enterprise sets journals up: the line pays the invoice, which was in payment until then."""
        self._journal_without_entries()
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        self._register(invoice)
        line = self._bank_line(link.transfer_reference, 100)
        self.assertTrue(line.is_reconciled)
        self.assertEqual((invoice.amount_residual, self._open_items().ids), (0, []))

    # === KINDS === #

    def test_free_amount_is_a_credit(self):
        link = self._free_link(80)
        line = self._bank_line(link.transfer_reference, 80)
        self._assert_paid(link, line)
        payment = link.transaction_ids.payment_id
        self.assertEqual((payment.journal_id, payment.date, payment.state), (self.bank_journal, line.date, "paid"))
        self.assertEqual(payment._paylink_open_credit(), 80)
        self._matches(line).action_undo()
        self.assertEqual((link.state, link.amount_paid, line.is_reconciled), ("open", 0, False))
        self.assertFalse(self._open_items())

    # === PEOPLE DECIDE === #

    def test_proposals_are_accepted(self):
        """Many at once: what was left out is said, with its reason."""
        invoices = [self._invoice(amount=40), self._invoice(amount=45)]
        lines = self._bank_lines(*((invoice.name, invoice.amount_total) for invoice in invoices))
        self._invoice(amount=50), self._invoice(amount=50)
        unclear = self._bank_line("?", 50, account_number=MARIES)
        matches = self._matches(lines | unclear, "proposed")
        answer = matches.action_accept()
        self.assertTrue(all(lines.mapped("is_reconciled")))
        self._assert_open(unclear)
        self.assertIn("2 bank lines matched", answer["params"]["message"])
        self.assertIn("accept one of them", answer["params"]["message"])
        self.assertEqual({invoice.payment_state for invoice in invoices}, {"paid"})
        with self.assertRaises(UserError):
            matches.exists().filtered(lambda match: match.state == "accepted").action_reject()

    def test_undone_match(self):
        """The line and the link are as before; the same is neither matched nor proposed again."""
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        line = self._bank_line(link.transfer_reference, 100)
        self._matches(line).action_undo()
        self._assert_open(line)
        self.assertEqual((link.state, link.paid_at, link.amount_paid), ("open", False, 0))
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("not_paid", 100))
        line.action_paylink_match()
        self.assertEqual(self._matches(line).mapped("state"), ["undone"])
        self.assertEqual(len(self._time_line(link, "transfer_undone")), 1)
        self._assert_paid(link, self._bank_line(link.transfer_reference, 100))

    def test_match_undone_at_any_hour(self):
        """A transfer has moved at noon of its day; whoever takes it back in the morning is not before it."""
        for hour in ("05:00", "18:00"):
            with self.subTest(hour), freeze_time(f"2026-03-04 {hour}:00"):
                link = self._link(self._invoice(amount=100))
                line = self._bank_line(link.transfer_reference, 100, date="2026-03-04")
                self._assert_paid(link, line)
                self._matches(line).action_undo()
                self.assertEqual((link.state, link.paid_at, link.amount_paid), ("open", False, 0))

    def test_rejected_proposal_does_not_come_again(self):
        invoice = self._invoice(amount=100)
        line = self._bank_line(invoice.name, 100)
        self._matches(line).action_reject()
        line.action_paylink_match()
        self.assertEqual(self._matches(line).mapped("state"), ["rejected"])

    def test_link_follows_what_becomes_of_the_line(self):
        """Un-reconciled in Odoo, changed, deleted."""
        changes = {
            "the line undone": lambda line: line.action_undo_reconciliation(),
            "the invoice's item": lambda line: line.move_id.line_ids.matched_debit_ids.unlink(),
            "another amount": lambda line: line.write({"amount": 90}),
            "deleted": lambda line: line.unlink(),
        }
        for name, change in changes.items():
            with self.subTest(name):
                invoice = self._invoice(amount=100)
                link = self._link(invoice)
                line = self._bank_line(link.transfer_reference, 100)
                self._assert_paid(link, line)
                change(line)
                self.env.flush_all()
                self.assertEqual((link.state, link.amount_paid), ("open", 0))
                self.assertEqual(invoice.amount_residual, 100)
                self.assertFalse(self._matches(line.exists(), "accepted"))

    def test_lines_that_others_have_reconciled_are_left_alone(self):
        link = self._link(self._invoice(amount=100))
        line = self._bank_line("VIR", 100)
        suspense = line._seek_for_lines()[1]
        suspense.account_id = self.company_data["default_account_revenue"]
        self.env.flush_all()
        self.assertTrue(line.is_reconciled)
        line.with_context(skip_account_move_synchronization=True).payment_ref = link.transfer_reference
        entry = line.move_id.line_ids.mapped("account_id")
        line.action_paylink_match()
        self.assertEqual(line.move_id.line_ids.mapped("account_id"), entry)
        self.assertFalse(self._matches(line))

    def test_other_ways_to_pay_are_closed(self):
        link = self._link(self._invoice(amount=100))
        attempt = self._attempt(link)
        self._bank_line(link.transfer_reference, 100)
        self.assertEqual((attempt.state, attempt.paylink_closed), ("cancel", True))
        self.assertEqual(link._payable_amount(), 0)

    # === RIGHTS === #

    def test_who_may_match(self):
        """Accountants and payment managers; in their companies."""
        invoice = self._invoice(amount=100)
        line = self._bank_line(invoice.name, 100)
        match = self._matches(line)
        *others, manager, accountant = self._people(
            "employee", "seller", "salesperson", "everyone", "manager", "invoicing"
        )
        for user in others:
            for method in ("action_accept", "action_reject", "action_undo"):
                with self.subTest(user.login, method=method), self.assertRaises(AccessError):
                    getattr(match.with_user(user), method)()
            with self.assertRaises(AccessError):
                line.with_user(user).action_paylink_match()
        stranger = self._user("stranger", "account.group_account_invoice", self._other_company())
        with self.assertRaises(AccessError):
            match.with_user(stranger).action_accept()
        with self.assertRaises(AccessError):
            match.with_user(accountant).write({"state": "accepted"})
        action = self.env.ref("paylink_addon.paylink_bank_match_action_lines")
        self.assertFalse(action.group_ids & manager.all_group_ids)  # who doesn't see lines is offered nothing for them
        match.with_user(manager).action_accept()
        self.assertEqual((match.state, match.user_id, invoice.payment_state), ("accepted", manager, "paid"))
