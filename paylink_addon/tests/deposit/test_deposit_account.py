from odoo.tests import tagged

from ..common import PaylinkCommon
from ..reminder.reminder_common import TODAY, ReminderCommon
from .deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestDepositAccount(DepositCommon):
    """Deposits beside what their customer owes otherwise: each pays its own order, once."""

    def _wizard(self, records, **values):
        """The sending wizard on invoices or customers."""
        return PaylinkCommon._wizard(self, records, **values)

    def _open(self):
        """What is asked of Marie: the amounts that are open of her."""
        return sorted(self.marie._paylink_open_items(self.company).mapped("amount_residual"))

    def _pending(self, link):
        """A payment of ``link`` on its way (SEPA)."""
        transaction = self._attempt(link)
        transaction._set_pending()
        return transaction

    # === PAID DEPOSITS === #

    def test_paid_deposit_is_kept_for_its_order(self):
        """Whoever asks for what is open of the customer asks for all of its invoices."""
        order = self._order(1000)
        payment = self._pay(self._deposit(order, 300)).payment_id
        other = self._invoice(amount=500)
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        self.assertEqual((statement.document_count, statement.amount_display), (1, "$\xa0500,00"))
        rows = self.env["paylink.account.item"]._open_account(self.marie)
        self.assertEqual(rows.mapped("amount"), [500])
        wizard = self._wizard(self.marie)
        self.assertEqual(wizard.amount, 500)
        self._pay(self._sent(wizard))
        self.assertEqual((other.amount_residual, payment._paylink_open_credit()), (0, 300))
        self.assertEqual(self._final_invoice(order).amount_residual, 700)

    def test_deposit_is_a_credit_like_others_once_its_order_does_not_need_it(self):
        def cancel(order):
            order._action_cancel()

        def give_away(order):
            order.partner_id = self.john

        def invoice(order):
            order.order_line.price_unit = 200
            self._final_invoice(order)

        for end, credit in ((cancel, -300), (give_away, -300), (invoice, -100)):
            with self.subTest(end=end.__name__):
                order = self._order(1000)
                payment = self._pay(self._deposit(order, 300)).payment_id
                self.assertEqual(self._open(), [])
                end(order)
                self.assertEqual(self._open(), [credit])
                payment.action_draft()

    def test_deposit_is_kept_while_the_invoice_is_a_draft_or_part_of_the_order(self):
        self.product.invoice_policy = "delivery"
        order = self._order(1000)
        order.order_line.product_uom_qty = 2
        self._pay(self._deposit(order, 1500))
        order.order_line.qty_delivered = 1
        invoice = order._create_invoices()
        self.assertEqual(self._open(), [])
        invoice.action_post()
        self.assertEqual((invoice.amount_residual, self._open()), (0, []))

    def test_deposit_that_was_used_otherwise_is_not_received(self):
        """Neither told as received, nor counted by Odoo's prepayment rule; of the order's own invoice it is."""
        order, own = self._order(1000), self._order(1000)
        for each in (order, own):
            payment = self._pay(self._deposit(each, 300)).payment_id
            self.assertEqual((each.paylink_amount_received, each.amount_paid), (300, 300))
            invoice = self._final_invoice(own) if each == own else self._invoice(amount=500)
            if each == order:
                invoice.js_assign_outstanding_line(payment._paylink_receivable_lines().id)
            self.env.invalidate_all()
        for each, paid in ((order, 0), (own, 300)):
            self.assertEqual((each.paylink_amount_received, each.amount_paid), (paid, paid))
            self.assertEqual(each.paylink_amount_remaining, 1000 - paid)

    # === DEPOSITS ON THEIR WAY === #

    def test_link_asks_for_what_deposits_on_their_way_leave(self):
        order = self._order(1000)
        transaction = self._pending(self._deposit(order, 300))
        order.action_confirm()
        invoice = self._final_invoice(order)
        other = self._invoice(amount=50)
        statement = self.env["paylink.statement"]._for_customers(self.marie).sudo()
        wizard = self._wizard(invoice)
        self.assertFalse(wizard.problem)
        sent, both = self._sent(wizard), statement._pay_link(set(self._items(invoice + other).ids))
        self.assertEqual((sent._payable_amount(), sent._page_money().payable, both._payable_amount()), (700, 700, 750))
        self.assertEqual(self._link(other)._payable_amount(), 50)
        transaction._set_done()  # not booked yet
        self.assertEqual((sent._payable_amount(), both._payable_amount()), (700, 750))
        transaction._post_process()
        self.assertEqual((invoice.amount_residual, sent._payable_amount()), (700, 700))

    def test_deposit_that_fails_is_asked_for_by_invoice(self):
        order = self._order(1000)
        transaction = self._pending(self._deposit(order, 300))
        order.action_confirm()
        link = self._link(self._final_invoice(order))
        self.assertEqual(link._payable_amount(), 700)
        transaction._set_error("Refused")
        self.assertEqual(link._payable_amount(), 1000)

    def test_invoice_that_deposits_on_their_way_cover_is_not_asked_for(self):
        order = self._order(1000)
        transactions = [self._pending(self._deposit(order, amount)) for amount in (300, 700)]
        order.action_confirm()
        invoice = self._final_invoice(order)
        link = self._link(invoice)
        self.assertEqual((link._payable_amount(), link._page_view(), link.state), (0, "closed", "open"))
        self.assertEqual(link._closed_reason(), "in_progress")
        self.assertIn("in progress", self._wizard(invoice).problem)
        self.assertFalse(self.env["paylink.link"]._askable_items(invoice))
        for transaction in transactions:
            transaction._set_done()
            transaction._post_process()
        self.assertEqual((invoice.payment_state, link.state), ("paid", "paid"))


@tagged("post_install", "-at_install")
class TestDepositReminders(ReminderCommon, DepositCommon):
    def test_deposit_covers_no_other_invoice(self):
        self._rule(include_link=True)
        self._due_invoice(3, amount=100)
        self._pay(self._deposit(self._order(1000), 40))
        covering = self._deposit(self._order(1000), 300)
        self.assertEqual(self._remind(TODAY).link_ids.amount, 100)
        self._pay(covering)
        self._due_invoice(3, amount=50)
        message = self._remind(TODAY.replace(day=25))
        self.assertIn("150", message.amount_display)

    def test_invoice_that_a_deposit_on_its_way_covers_is_not_reminded(self):
        self._rule()
        order = self._order(1000)
        transaction = self._attempt(self._deposit(order, 1000))
        transaction._set_pending()
        order.action_confirm()
        invoice = order._create_invoices(final=True)
        invoice.write({"invoice_date": TODAY.replace(month=2), "invoice_date_due": TODAY.replace(day=15)})
        invoice.action_post()
        self.assertFalse(self._remind())
        transaction._set_error("Refused")
        self.assertEqual(self._remind().reminder_ids.move_id, invoice)
