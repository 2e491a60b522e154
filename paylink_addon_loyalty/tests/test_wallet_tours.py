from odoo.tests import tagged

from odoo.addons.paylink_addon.tests.browser_common import ToursCommon

from .common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletTours(ToursCommon, WalletCommon):
    """What users do, in a real browser, in French."""

    seller_groups = "account.group_account_invoice,sales_team.group_sale_manager"

    def test_top_up_from_the_customer(self):
        self.start_tour(f"/odoo/res.partner/{self.john.id}", "paylink_top_up", login="camille")
        link = self.env["paylink.link"].search([("partner_id", "=", self.john.id)])
        self.assertEqual((link.kind, link.amount, link.user_id), ("wallet", 75, self.seller))
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_accountant_compares_wallets_and_books(self):
        self._pay(self._wallet_link(50))
        url = f"/odoo/action-loyalty.loyalty_program_gift_ewallet_action/{self.program.id}"
        self.start_tour(url, "paylink_wallet_program", login="camille")
