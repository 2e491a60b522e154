from unittest.mock import patch

from odoo.tests import tagged

from ...models.bank import paylink_bank_match
from ..deposit.deposit_common import DepositCommon
from .bank_common import BankMixin

MARIES = "FR1420041010050500013M02606"


@tagged("post_install", "-at_install")
class TestBankBooks(BankMixin, DepositCommon):
    """What people accept, and take back, is in the books to the cent; nothing is paid twice by it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_bank()
        cls._iban(cls.marie, MARIES)
        cls.fee_account = cls.company_data["default_account_expense"]
        cls.company.paylink_bank_fee_account_id = cls.fee_account
        cls.company.paylink_bank_fee_limit = 5

    def _accepted(self, line):
        """Accept the only thing that is proposed of a line."""
        line.paylink_match_ids.filtered(lambda match: match.state == "proposed").action_accept()
        self.env.invalidate_all()
        return line.paylink_match_ids.filtered(lambda match: match.state == "accepted")

    def _open_balance(self, partner):
        domain = [
            ("partner_id", "=", partner.id),
            ("account_type", "=", "asset_receivable"),
            ("reconciled", "=", False),
        ]
        return self.env["account.move.line"].search([*domain, ("parent_state", "=", "posted")])

    # === FEES === #

    def test_fees_of_each_kind(self):
        """What the bank has kept is booked once, and whatever the link is for is paid as a whole."""
        invoice = self._invoice(amount=300)
        for kind, link in (
            ("free amount", self._free_link(100)),
            ("deposit", self._deposit(self._order(1000), 100)),
            ("a part of an invoice", self._link(invoice, amount=100, is_limited=True)),
            ("invoice", self._link(self._invoice(amount=100))),
        ):
            with self.subTest(kind):
                line = self._bank_line(link.transfer_reference, 97.5)
                match = self._accepted(line)
                self.assertEqual(
                    (line.is_reconciled, match.fees, link.state, link.amount_paid), (True, 2.5, "paid", 100)
                )
                entry = line.move_id.line_ids
                self.assertEqual(entry.filtered(lambda own: own.account_id == self.fee_account).balance, 2.5)
                if payment := link.transaction_ids.payment_id:
                    self.assertEqual((payment.amount, payment.is_matched), (100, True))
        self.assertEqual(invoice.amount_residual, 200)

    def test_fees_have_a_limit_when_they_are_accepted(self):
        """More is due than when it was proposed: nobody writes that off with a click; it is proposed anew."""
        invoice = self._invoice(amount=1000)
        payment = self._registered(invoice, 900)
        line = self._bank_line(self._link(invoice).transfer_reference, 97.5)
        match = line.paylink_match_ids
        self.assertIn("fees", match.reasons)
        payment.move_id.line_ids.remove_move_reconcile()
        self.assertEqual(invoice.amount_residual, 1000)
        answer = match.action_accept()
        self.assertIn("has changed", answer["params"]["message"])
        self.assertFalse(line.is_reconciled)
        self.assertEqual([(match.due, "fees" in match.reasons) for match in line.paylink_match_ids], [(1000, False)])

    # === ONE THING, TWO LINES === #

    def test_many_lines_for_one_thing(self):
        """Accepted at once or one after the other: the first one gets it, of the other it is said why not."""
        for together in (True, False):
            with self.subTest(together=together):
                invoice = self._invoice(amount=64)
                lines = self._bank_lines(*((label, 64, {"account_number": MARIES}) for label in "AB"))
                first, second = (line.paylink_match_ids for line in lines)
                if together:
                    message = (first | second).action_accept()["params"]["message"]
                    self.assertIn("Another line was accepted for it", message)
                else:
                    first.action_accept()
                    self.assertIn("has changed", second.action_accept()["params"]["message"])
                self.assertEqual((lines.mapped("is_reconciled"), invoice.payment_state), ([True, False], "paid"))
                self.assertFalse(self._open_balance(self.marie))
                self.assertEqual(lines[1].paylink_match_ids.mapped("state"), ["unknown"])
                lines[1].unlink()

    def test_likeliest_of_a_line(self):
        """Of all that is chosen of one line; what was less likely is gone, and told of."""
        link, other = self._link(self._invoice(amount=50)), self._invoice(amount=50)
        link.sudo().write({"transfer_claim_date": link._today(), "transfer_claim_amount": 50})
        line = self._bank_line("VIR", 50, account_number=MARIES)
        matches = line.paylink_match_ids
        self.assertEqual(len(matches), 2)
        self.assertIn("likelier", matches.action_accept()["params"]["message"])
        self.assertEqual((line.is_reconciled, link.state, other.amount_residual), (True, "paid", 50))

    def test_what_only_the_customer_says_is_not_accepted_among_many(self):
        link = self._link(self._invoice(amount=40))
        link.sudo().write({"transfer_claim_date": link._today(), "transfer_claim_amount": 40})
        other = self._invoice(self.john, amount=41)
        lines = self._bank_lines(("?", 40), (other.name, 41))
        matches = lines.paylink_match_ids
        self.assertIn("customer's word", matches.action_accept()["params"]["message"])
        self.assertEqual(lines.mapped("is_reconciled"), [False, True])
        self._accepted(lines[0])
        self.assertEqual(link.state, "paid")

    def test_invoices_of_several_customers(self):
        """Each customer gets what is theirs."""
        for with_links in (False, True):
            with self.subTest(with_links=with_links):
                invoices = self._invoice(amount=30), self._invoice(self.john, amount=70)
                names = [self._link(invoice).name if with_links else invoice.name for invoice in invoices]
                line = self._bank_line(" ".join(names), 100)
                self._accepted(line)
                self.assertEqual([invoice.payment_state for invoice in invoices], ["paid", "paid"])
                self.assertFalse(self._open_balance(self.marie) | self._open_balance(self.john))
                entry = line.move_id.line_ids.filtered(lambda own: own.account_id.account_type == "asset_receivable")
                self.assertEqual({own.partner_id: own.balance for own in entry}, {self.marie: -30.0, self.john: -70.0})
                self.assertFalse(line.partner_id)

    def test_all_of_it_though_a_discount_held(self):
        term = self.env["account.payment.term"].create(
            {"name": "2 % 10", "early_discount": True, "discount_percentage": 2, "discount_days": 10}
        )
        invoice = self._invoice(amount=1000, invoice_payment_term_id=term.id)
        link = self._link(invoice)
        line = self._bank_line(link.transfer_reference, 1000)
        self.assertEqual((line.is_reconciled, link.state, invoice.amount_residual), (True, "paid", 0))
        self.assertFalse(self._open_balance(self.marie))

    # === TAKEN BACK === #

    def test_undone_line_names_whom_it_named_before(self):
        for before in (self.john, self.env["res.partner"]):
            with self.subTest(before=before.name):
                invoice = self._invoice(amount=100)
                line = self._bank_line(invoice.name, 100, partner_id=before.id)
                match = self._accepted(line)
                self.assertEqual(line.partner_id, self.marie)
                match.action_undo()
                self.assertEqual((line.partner_id, line.move_id.partner_id), (before, before))
                self.assertFalse(line.is_reconciled)

    def test_what_settled_nothing_is_taken_back(self):
        """A second payment is a credit: whatever becomes of the line, the link follows."""
        for name, change in {
            "undone in Odoo": lambda line: line.action_undo_reconciliation(),
            "another label": lambda line: line.write({"payment_ref": "something"}),
            "another customer": lambda line: line.write({"partner_id": self.john.id}),
            "draft": lambda line: line.move_id.button_draft(),
            "deleted with its entry": lambda line: (line.move_id.button_draft(), line.move_id.unlink()),
        }.items():
            with self.subTest(name):
                link = self._link(self._invoice(amount=100))
                self._pay(link)
                line = self._bank_line(link.transfer_reference, 100)
                match = self._accepted(line)
                self.assertEqual((match.state, link.amount_paid), ("accepted", 200))
                change(line)
                self.env.flush_all()
                self.assertEqual((link.state, link.amount_paid), ("paid", 100))
                self.assertFalse(match.exists().filtered(lambda own: own.state == "accepted"))

    def test_part_of_a_transfer_that_is_taken_back(self):
        """One invoice un-reconciled: the rest is paid all the same. All of them: nothing is."""
        invoices = self._invoice(amount=30) | self._invoice(amount=70)
        link = self._link(invoices)
        line = self._bank_line(link.transfer_reference, 100)
        match = line.paylink_match_ids
        for invoice, state, paid in ((invoices[0], "accepted", 100), (invoices[1], "undone", 0)):
            invoice.line_ids.remove_move_reconcile()
            self.assertEqual((match.state, link.amount_paid), (state, paid))

    def test_what_a_card_has_paid_stays_paid(self):
        """A second transfer that is undone was not what had paid the link."""
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        self._pay(link)
        self._accepted(self._bank_line(link.transfer_reference, 100)).action_undo()
        invoice.line_ids.remove_move_reconcile()
        self.env.flush_all()
        self.assertEqual((invoice.amount_residual, link.state, link.amount_paid), (100, "paid", 100))

    def test_corrected_line_is_matched_again(self):
        """Somebody mistyped: what the right amount pays was refused by nobody."""
        link = self._link(self._invoice(amount=100))
        line = self._bank_line(link.transfer_reference, 100)
        line.amount = 90
        self.assertEqual((line.paylink_match_ids.mapped("state"), link.state), (["void"], "open"))
        line.amount = 100
        line.action_paylink_match()
        self.assertEqual((line.is_reconciled, link.state), (True, "paid"))

    # === MANY === #

    def test_a_click_looks_at_so_many(self):
        links = [self._link(self._invoice(amount=amount)) for amount in (10, 20)]
        lines = self._bank_lines(("A", 10), ("B", 20))
        for line, link in zip(lines, links, strict=True):
            line.with_context(skip_account_move_synchronization=True).payment_ref = link.transfer_reference
        with patch.object(paylink_bank_match, "BATCH", 1):
            self.env["paylink.bank.match"].action_match_all()
        self.assertEqual(sorted(lines.mapped("is_reconciled")), [False, True])
        self._run_cron("ir_cron_paylink_match")
        self.assertEqual(lines.mapped("is_reconciled"), [True, True])

    def test_lines_of_long_ago_that_came_today(self):
        """As with the first file of a bank."""
        invoice = self._invoice(amount=100)
        line = self._bank_line("VIR", 100, date="2020-01-31")
        link = self._link(invoice)
        line.with_context(skip_account_move_synchronization=True).payment_ref = link.transfer_reference
        self._run_cron("ir_cron_paylink_match")
        self.assertEqual((line.is_reconciled, link.state), (True, "paid"))
