from odoo.tests import tagged

from ..browser_common import ToursCommon
from ..deposit.deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestNoticeTours(ToursCommon, DepositCommon):
    """What tells people something by itself: the top bar, what a customer owes, what is left to set up."""

    seller_groups = "sales_team.group_sale_salesman"

    def test_who_has_no_right_to_links_has_no_menu(self):
        self._user("employee", "base.group_user")
        for login, expected in (("camille", True), ("employee", False)):
            with self.subTest(login):
                self.authenticate(login, login)
                answer = self.make_jsonrpc_request("/web/session/get_session_info", {})
                self.assertIs(answer["paylink_has_links"], expected)

    def test_top_bar(self):
        """The number, the menu, and what is left after reading one and then all."""
        links = [self._free_link(amount, user_id=self.seller.id) for amount in (1200, 30, 7)]
        for link in links:
            self._pay(link)
        self.start_tour("/odoo/payment-links", "paylink_news", login="camille")
        self.assertFalse(any(link.unread for link in links))

    def test_banner_on_an_order(self):
        """What the customer owes, and its statement sent from there."""
        self._invoice(amount=1200)
        order = self._order(user_id=self.seller.id)
        self.start_tour(f"/odoo/sale.order/{order.id}", "paylink_owed", login="camille")
        self.assertTrue(self.env["paylink.statement"].search([("partner_id", "=", self.marie.id)]).sent_at)

    def test_checklist_above_the_payments(self):
        """A step is done from there, is ticked when its dialog closes, and the list is put away."""
        self.seller.group_ids += self.env.ref("base.group_system") + self.env.ref("account.group_account_manager")
        self.company.partner_id.bank_ids.active = False
        self.env["iap.account"].search([("service_name", "=", "sms")]).unlink()
        self.start_tour("/odoo/payment-links", "paylink_checklist", login="camille")
        self.assertTrue(self.company._paylink_bank_account())
        self.assertFalse(self.company.paylink_checklist)
