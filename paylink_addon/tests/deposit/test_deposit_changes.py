from odoo.exceptions import UserError
from odoo.tests import tagged

from .deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestDepositChanges(DepositCommon):
    """Orders that become another customer's, or another currency's, after a deposit was asked for or paid."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cad = cls.setup_other_currency("CAD", rates=[("2020-01-01", 2.0)])
        cls.pricelist = cls.env["product.pricelist"].create({"name": "CAD", "currency_id": cls.cad.id})
        cls.changes = ({"partner_id": cls.john.id}, {"pricelist_id": cls.pricelist.id})

    def test_links_are_closed(self):
        for values in self.changes:
            with self.subTest(values=values):
                order = self._order(1000)
                link = self._deposit(order, 300)
                order.write(values)
                self.assertEqual((link.state, link._due_amounts()[link.id]), ("cancelled", 0))
                self.assertEqual((link._closed_reason(), link._page_values()["order"]), ("cancelled", False))
                self.assertFalse(link._has_order_pdf())
                with self.assertRaisesRegex(UserError, "can no longer be paid"):
                    self._attempt(link, 300)
                with self.assertRaisesRegex(UserError, "its customer or currency has changed"):
                    link.action_renew()
                self.assertEqual(self._deposit(order, 1000).partner_id, order.partner_invoice_id)

    def test_money_that_comes_all_the_same_is_a_credit_and_a_task(self):
        for values in self.changes:
            with self.subTest(values=values):
                order = self._order(1000)
                link = self._deposit(order, 300)
                transaction = self._attempt(link)
                transaction._set_pending()
                order.write(values)
                successor = self._deposit(order, 1000)
                self.assertEqual(successor._payable_amount(), 1000)  # what is on its way is not for this order
                transaction._set_done()
                transaction._post_process()
                self.assertEqual(transaction.payment_id._paylink_open_credit(), 300)
                self.assertEqual((len(link.activity_ids), order.state, order.amount_paid), (1, "draft", 0))
                self.assertEqual(successor.state, "open")

    def test_automatic_invoices_are_not_made_for_a_former_customer(self):
        self._automatic_invoices()
        order = self._order(1000)
        transaction = self._attempt(self._deposit(order, 300))
        transaction._set_pending()
        order.partner_id = self.john
        order.action_confirm()
        transaction._set_done()
        transaction._post_process()
        self.assertFalse(order.invoice_ids)
        self.assertEqual(transaction.payment_id._paylink_open_credit(), 300)

    def test_what_was_paid_before_stays_with_who_paid_it(self):
        """The order does not count it anymore, somebody knows; changed back, all is as before."""
        for values in self.changes:
            with self.subTest(values=values):
                order = self._order(1000, prepayment=1.0)
                link = self._deposit(order, 300)
                payment = self._pay(link).payment_id
                self.assertEqual((order.amount_paid, order.paylink_deposit), (300, "received"))
                before = {field: order[field].id for field in values}
                order.write(values)
                order.invalidate_recordset()
                self.assertEqual((order.amount_paid, order.paylink_deposit), (0, False))
                self.assertEqual((order.paylink_amount_received, order.paylink_amount_remaining), (0, 1000))
                self.assertEqual((link.state, len(link.activity_ids)), ("paid", 1))
                self.assertEqual(link._page_values()["order"], False)
                copy = order.copy()
                copy.action_confirm()
                self.assertEqual(self._final_invoice(copy).amount_residual, 1000)
                order.write(before)
                order.invalidate_recordset()
                self.assertEqual((order.amount_paid, order.paylink_deposit), (300, "received"))
                order.action_confirm()
                self.assertEqual(self._final_invoice(order).amount_residual, 700)
                self.assertEqual(payment._paylink_open_credit(), 0)

    def test_invoice_of_another_customer_does_not_take_the_deposit(self):
        order = self._order(1000)
        payment = self._pay(self._deposit(order, 300)).payment_id
        self.assertEqual(order.state, "sale")
        order.partner_invoice_id = self.john
        invoice = self._final_invoice(order)
        self.assertEqual((invoice.partner_id, invoice.amount_residual), (self.john, 1000))
        self.assertEqual(payment._paylink_open_credit(), 300)

    def test_another_contact_of_the_same_customer_changes_nothing(self):
        contact = self._customer("Accounts of Marie", parent_id=self.marie.id, type="invoice")
        order = self._order(1000)
        link = self._deposit(order, 300)
        order.partner_invoice_id = contact
        self.assertEqual((link.state, link._payable_amount()), ("open", 300))
        self._pay(link)
        self.assertEqual((order.state, order.amount_paid, link.activity_ids.ids), ("sale", 300, []))

    def test_deposit_of_a_deleted_order_cannot_be_made_anew(self):
        order = self._order(1000)
        link = self._deposit(order, 300)
        order.unlink()
        with self.assertRaisesRegex(UserError, "its order was deleted"):
            link.action_renew()
