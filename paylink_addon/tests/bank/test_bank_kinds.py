from odoo.tests import tagged

from ..deposit.deposit_common import DepositCommon
from .bank_common import BankMixin


@tagged("post_install", "-at_install")
class TestBankKinds(BankMixin, DepositCommon):
    """Transfers for what is no open item are booked by its kind, as any other payment by the link is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_bank()

    def test_deposit(self):
        """The order is confirmed; undone, the deposit is due again, and nothing is left in the books."""
        order = self._order(1000)
        link = self._deposit(order, 300)
        line = self._bank_line(link.transfer_reference, 300)
        self.assertTrue(line.is_reconciled)
        self.assertEqual((link.state, link.status, order.state), ("paid", "paid", "sale"))
        payment = link.transaction_ids.payment_id
        self.assertEqual((payment.amount, payment.date, payment.journal_id), (300, line.date, self.bank_journal))
        self.assertEqual(order._paylink_ceilings()[order.id], 700)
        line.paylink_match_ids.action_undo()
        self.assertEqual((link.state, line.is_reconciled, payment.state), ("open", False, "rejected"))
        self.assertEqual(order._paylink_ceilings()[order.id], 1000)

    def test_deposit_with_automatic_invoice(self):
        self._automatic_invoices()
        order = self._order(1000)
        link = self._deposit(order, 300)
        line = self._bank_line(link.transfer_reference, 300)
        self.assertEqual((link.state, line.is_reconciled), ("paid", True))
        self.assertEqual(order.invoice_ids.payment_state, "paid")

    def test_several_kinds_at_once(self):
        """As a file brings them: each by its own kind, all in one plan."""
        links = self._free_link(20) | self._link(self._invoice(amount=30)) | self._deposit(self._order(), 40)
        lines = self._bank_lines(*((link.transfer_reference, link.amount) for link in links))
        self.assertEqual(set(lines.mapped("is_reconciled")), {True})
        self.assertEqual(links.mapped("state"), ["paid"] * 3)
        lines[0].unlink()
        self.assertEqual(links.mapped("state"), ["open", "paid", "paid"])
