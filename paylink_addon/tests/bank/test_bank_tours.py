from odoo.tests import tagged

from ..browser_common import ToursCommon
from .bank_common import BankMixin


@tagged("post_install", "-at_install")
class TestBankTours(BankMixin, ToursCommon):
    """An accountant goes through what is to be matched, in a real browser, in French."""

    seller_groups = "account.group_account_invoice"

    def test_matched(self):
        self._prepare_bank()
        invoices = self._invoice(amount=100) | self._invoice(self.john, amount=60)
        lines = self._bank_lines(*((f"VIR {invoice.name}", invoice.amount_total) for invoice in invoices))
        self.start_tour("/odoo/action-paylink_addon.paylink_bank_match_action", "paylink_bank_matched", login="camille")
        self.env.invalidate_all()
        self.assertEqual(lines.mapped("is_reconciled"), [False, True])
        self.assertEqual(invoices.mapped("payment_state"), ["not_paid", "paid"])
