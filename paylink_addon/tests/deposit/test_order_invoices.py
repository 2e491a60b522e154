from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestOrderInvoices(DepositCommon):
    """Who sells, without Invoicing, asks for what is invoiced of an order from the order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller, cls.colleague = (cls._user(login, "sales_team.group_sale_salesman") for login in ("anne", "bob"))

    def _invoiced(self, seller):
        order = self._order(1000, user_id=seller.id)
        order.action_confirm()
        self._final_invoice(order)
        return order

    def _as(self, user, order):
        self.env.flush_all()
        return order.with_user(user).with_context(allowed_company_ids=self.company.ids)

    def test_seller_asks_for_the_invoices_of_an_order(self):
        order = self._as(self.seller, self._invoiced(self.seller))
        self.assertTrue(Form(order).paylink_can_send)
        wizard = order.env["paylink.send"].with_context(**order.action_paylink_send_invoices()["context"]).create({})
        self.assertEqual((wizard.amount, wizard.problem), (1000, False))
        link = self._sent(wizard)
        self.assertEqual((link.line_ids.move_id, link.user_id), (order.sudo().invoice_ids, self.seller))
        order.invalidate_recordset()
        self.assertEqual(order.paylink_invoice_link_count, 1)
        self.assertEqual(order.action_paylink_view_invoice_links()["res_id"], link.id)
        self._pay(link.sudo())
        order.invalidate_recordset()
        self.assertFalse(order.paylink_can_send)
        with self.assertRaisesRegex(UserError, "left to be paid"):
            order.action_paylink_send_invoices()

    def test_nobody_asks_for_what_is_hidden(self):
        """An invoice of a colleague is none of the seller's, whatever order it is of."""
        order = self._invoiced(self.colleague)
        order.user_id = self.seller
        order.invoice_ids.sudo().invoice_user_id = self.colleague
        order = self._as(self.seller, order)
        self.assertFalse(order.paylink_can_send)
        with self.assertRaisesRegex(UserError, "left to be paid"):
            order.action_paylink_send_invoices()

    def test_seller_asks_the_own_customer(self):
        """For all that is due: from the contact, too."""
        order = self._invoiced(self.seller)
        customer = self.marie.with_user(self.seller).with_context(allowed_company_ids=self.company.ids)
        wizard = customer.env["paylink.send"].with_context(**customer.action_paylink_send()["context"]).create({})
        self.assertEqual(self._sent(wizard).line_ids.move_id, order.invoice_ids)
