from odoo.tests import tagged

from ..browser_common import ToursCommon
from .bank_common import BankMixin
from .stripe_account_common import StripeAccountCommon


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


@tagged("post_install", "-at_install")
class TestStripeAccountTours(StripeAccountCommon, ToursCommon):
    """An administrator who keeps the books uses Stripe as an account, in a real browser, in French."""

    seller_groups = "base.group_system,account.group_account_manager"

    def test_used_as_account(self):
        """What has moved since the day that is chosen is read: charges, fees, a payout; it agrees with the books."""
        self.paid(120)
        self.fake.pay_payout(self.fake.payout()["id"])
        path = f"/odoo/payment.provider/{self.provider.id}"
        self.start_tour(path, "paylink_stripe_account", login="camille")
        self.keep_up()
        balance = self.env["paylink.balance"].search([("provider_id", "=", self.provider.id)])
        self.assertEqual(self.provider.journal_id, balance.journal_ids)
        self.assert_even(balance)
        self.start_tour(path, "paylink_stripe_account_read", login="camille")
