from odoo.tests import tagged

from ..browser_common import ToursCommon
from .deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestDepositTours(ToursCommon, DepositCommon):
    """Deposits and Odoo's Send in a real browser, in French."""

    seller_groups = "sales_team.group_sale_salesman,account.group_account_invoice"

    def test_ask_for_a_deposit(self):
        order = self._order(1000, user_id=self.seller.id)
        self.start_tour(f"/odoo/orders/{order.id}", "paylink_ask_deposit", login="camille")
        link = order.paylink_link_ids
        self.assertEqual((link.amount, link.user_id, link.state), (250, self.seller, "open"))
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_deposit_received(self):
        self._pay(self._deposit(self._order(1000, user_id=self.seller.id), 300))
        self.start_tour("/odoo/orders", "paylink_deposit_received", login="camille")

    def test_odoos_send(self):
        invoice = self._invoice()
        self.start_tour(f"/odoo/customer-invoices/{invoice.id}", "paylink_send_print", login="camille")
        self.assertTrue(invoice.paylink_link_id.sent_at)

    def test_odoos_send_for_many(self):
        invoices = self._invoice() + self._invoice(self.john)
        self.start_tour("/odoo/customer-invoices", "paylink_send_print_many", login="camille")
        self.env.invalidate_all()
        self.assertEqual([data["paylink_add_link"] for data in invoices.mapped("sending_data")], [True, True])
