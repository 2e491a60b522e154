from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestDeposit(DepositCommon):
    """Deposits: what is asked and due, what Odoo does with the order, and the books."""

    # === THE BOOKS === #

    def test_without_automatic_invoice_the_next_invoice_takes_the_credit(self):
        order = self._order(1000)
        transaction = self._pay(self._deposit(order, 300))
        payment = transaction.payment_id
        self.assertEqual(order.state, "sale")
        self.assertFalse(order.invoice_ids)
        self.assertEqual(payment._paylink_open_credit(), 300)
        self.assertEqual(self._lines(payment.move_id), [("asset_current", 300.0), ("asset_receivable", -300.0)])
        invoice = self._final_invoice(order)
        self.assertEqual(self._lines(invoice), [("asset_receivable", 1000.0), ("income", -1000.0)])
        self.assertEqual((invoice.amount_total, invoice.amount_residual), (1000, 700))
        self.assertEqual(payment._paylink_open_credit(), 0)
        partial = invoice.line_ids.matched_credit_ids
        self.assertEqual((partial.amount, partial.credit_move_id.move_id), (300, payment.move_id))

    def test_with_automatic_invoice_the_down_payment_is_invoiced_and_deducted(self):
        self._automatic_invoices()
        order = self._order(1000)
        transaction = self._pay(self._deposit(order, 300))
        down = order.invoice_ids
        self.assertEqual((order.state, len(down), down.state), ("sale", 1, "posted"))
        self.assertTrue(down._is_downpayment())
        self.assertEqual((down.amount_total, down.payment_state), (300, "paid"))
        self.assertEqual(transaction.payment_id._paylink_open_credit(), 0)
        self.assertEqual(
            self._lines(transaction.payment_id.move_id), [("asset_current", 300.0), ("asset_receivable", -300.0)]
        )
        self.assertEqual(down.line_ids.matched_credit_ids.credit_move_id.move_id, transaction.payment_id.move_id)
        final = self._final_invoice(order)
        self.assertEqual((final.amount_total, final.amount_residual), (700, 700))
        self.assertEqual(sum(line.balance for line in final.line_ids if line.account_id.account_type == "income"), -700)

    def test_each_deposit_is_invoiced_once(self):
        """Odoo alone would invoice the sum of all payments each time."""
        self._automatic_invoices()
        order = self._order(1000)
        for amount, invoiced in ((300, [300]), (200, [300, 200]), (500, [300, 200, 500])):
            self._pay(self._deposit(order, amount))
            self.assertEqual(order.invoice_ids.sorted("id").mapped("amount_total"), invoiced)
            self.assertEqual(set(order.invoice_ids.mapped("payment_state")), {"paid"})
        self.assertEqual((order.invoice_status, order.amount_invoiced), ("invoiced", 1000))

    def test_down_payment_covers_what_was_paid_before_the_confirmation(self):
        self._automatic_invoices()
        order = self._order(1000, prepayment=0.5)
        first = self._pay(self._deposit(order, 300))
        self.assertEqual((order.state, order.invoice_ids), ("draft", order.invoice_ids.browse()))
        second = self._pay(self._deposit(order, 200))
        self.assertEqual(order.state, "sale")
        self.assertEqual((order.invoice_ids.amount_total, order.invoice_ids.payment_state), (500, "paid"))
        self.assertFalse((first + second).payment_id._paylink_receivable_lines())

    def test_payment_in_the_portal_after_a_deposit_is_invoiced_once(self):
        self._automatic_invoices()
        order = self._order(1000)
        self._pay(self._deposit(order, 300))
        native = self._create_transaction(
            "redirect", sale_order_ids=[(6, 0, order.ids)], amount=200, reference="native", partner_id=self.marie.id
        )
        native._set_done()
        native._post_process()
        invoices = order.invoice_ids.sorted("id")
        self.assertEqual(invoices.mapped("amount_total"), [300, 200])
        self.assertEqual(invoices.mapped("payment_state"), ["paid", "paid"])
        self.assertFalse(native.payment_id._paylink_receivable_lines())

    def test_taxes(self):
        self._automatic_invoices()
        tax = self.company_data["default_tax_sale"]
        order = self._order(1000, taxes=tax.ids, prepayment=0.1)
        self._pay(self._deposit(order, 333.33))
        self.assertEqual((order.invoice_ids.amount_total, order.invoice_ids.payment_state), (333.33, "paid"))
        self._pay(self._deposit(order, order.amount_total - 333.33))
        self.assertEqual(sum(order.invoice_ids.mapped("amount_total")), order.amount_total)
        self.assertEqual(set(order.invoice_ids.mapped("payment_state")), {"paid"})

    def test_foreign_currency(self):
        currency = self.setup_other_currency("CAD", rates=[("2020-01-01", 2.0)])
        self.provider.available_currency_ids += currency
        pricelist = self.env["product.pricelist"].create({"name": "CAD", "currency_id": currency.id})
        order = self._order(1000, pricelist_id=pricelist.id)
        link = self._deposit(order, 400)
        self.assertEqual(link.currency_id, currency)
        payment = self._pay(link).payment_id
        self.assertEqual((payment.currency_id, payment.amount), (currency, 400))
        invoice = self._final_invoice(order)
        self.assertEqual((invoice.currency_id, invoice.amount_residual), (currency, 600))
        self.assertEqual(payment._paylink_open_credit(), 0)

    def test_credit_is_taken_although_the_bank_has_it_already(self):
        """Odoo itself looks at payments *in process* only."""
        order = self._order(1000)
        payment = self._pay(self._deposit(order, 300)).payment_id
        payment.state = "paid"
        invoice = self._final_invoice(order)
        self.assertEqual((invoice.amount_residual, payment._paylink_open_credit()), (700, 0))

    def test_draft_invoice_made_before_the_payment_takes_it(self):
        order = self._order(1000)
        order.action_confirm()
        draft = order._create_invoices(final=True)
        payment = self._pay(self._deposit(order, 300)).payment_id
        self.assertEqual((draft.state, payment._paylink_open_credit()), ("draft", 300))
        draft.action_post()
        self.assertEqual((draft.amount_residual, payment._paylink_open_credit()), (700, 0))

    def test_payment_that_comes_after_the_invoice_settles_it(self):
        order = self._order(1000)
        link = self._deposit(order, 300)
        transaction = self._attempt(link)
        transaction._set_pending()
        order.action_confirm()
        invoice = self._final_invoice(order)
        self.assertEqual(link.state, "pending")
        transaction._set_done()
        transaction._post_process()
        self.assertEqual((invoice.amount_residual, transaction.payment_id._paylink_open_credit()), (700, 0))
        self.assertEqual(link.state, "paid")
        self.assertFalse(link.activity_ids)

    def test_booked_once(self):
        self._automatic_invoices()
        order = self._order(1000)
        link = self._deposit(order, 300)
        transaction = self._pay(link)
        transaction._post_process()
        self.assertEqual((len(order.invoice_ids), len(order.transaction_ids)), (1, 1))
        self.assertEqual(self.env["account.payment"].search_count([("payment_transaction_id", "=", transaction.id)]), 1)
        self.assertEqual(len(self._customer_mails(link)), 1)

    # === THE ORDER === #

    def test_prepayment_rule_of_odoo_confirms(self):
        cases = [
            # prepayment, signature, deposits, states
            (0.3, False, [300], ["sale"]),
            (0.3, False, [100, 200], ["draft", "sale"]),
            (1.0, False, [999.99, 0.01], ["draft", "sale"]),
            (0, False, [50], ["sale"]),
            (0.3, True, [300], ["draft"]),
        ]
        for prepayment, signature, deposits, states in cases:
            with self.subTest(prepayment=prepayment, signature=signature, deposits=deposits):
                order = self._order(1000, prepayment=prepayment, require_signature=signature)
                found = []
                for amount in deposits:
                    self._pay(self._deposit(order, amount))
                    found.append(order.state)
                self.assertEqual(found, states)

    def test_refunded_money_does_not_confirm(self):
        order = self._order(1000, prepayment=0.5)
        transaction = self._pay(self._deposit(order, 400))
        self._refund(transaction, 400)
        self.assertEqual((order.amount_paid, order.state), (0, "draft"))
        self._pay(self._deposit(order, 200))
        self.assertEqual((order.amount_paid, order.state), (200, "draft"))

    def test_order_that_cannot_be_confirmed_is_a_task(self):
        """The money is booked all the same."""
        order = self._order(1000)
        link = self._deposit(order, 300)
        order.order_line.product_id = False
        order.order_line.price_unit = 1000
        transaction = self._pay(link)
        self.assertEqual((order.state, transaction.payment_id.amount), ("draft", 300))
        self.assertEqual(len(link.activity_ids), 1)
        self.assertIn(order.name, link.activity_ids.summary)

    def test_manual_capture(self):
        """What was captured counts, not what was authorized; the rest of Odoo's rule stays."""
        self._automatic_invoices()
        order = self._order(1000)
        link = self._deposit(order, 500)
        transaction = self._authorized(link)
        self.assertEqual(order.amount_paid, 500)
        part = transaction._create_child_transaction(300)
        part._set_done()
        rest = transaction._create_child_transaction(200)
        rest._set_canceled()
        (part + rest + transaction)._post_process()
        self.assertEqual((transaction.state, order.amount_paid, order.state), ("done", 300, "sale"))
        self.assertEqual((order.invoice_ids.amount_total, order.invoice_ids.payment_state), (300, "paid"))
        self.assertEqual(order.paylink_amount_received, 300)

    def test_who_writes_the_order_is_no_payment_manager(self):
        """Odoo's buttons on orders capture and release in superuser mode for whoever may write the order."""
        self.patch(type(self.provider), "support_manual_capture", "full_only")
        seller = self._user("seller", "sales_team.group_sale_salesman")
        order = self._order(1000, user_id=seller.id)
        transaction = self._authorized(self._deposit(order, 500))
        for method in ("payment_action_void", "payment_action_capture"):
            with self.subTest(method=method), self.assertRaises(AccessError):
                getattr(order.with_user(seller), method)()
            self.assertEqual((transaction.state, transaction.child_transaction_ids.ids), ("authorized", []))

    def test_chatter_of_the_order_tells(self):
        order = self._order(1000)
        link = self._deposit(order, 300)
        self._pay(link)
        self.assertTrue(order.message_ids.filtered(lambda message: link.name in (message.body or "")))

    def _refund(self, transaction, amount):
        refund = transaction._create_child_transaction(amount, is_refund=True)
        refund._set_done()
        refund._post_process()
        return refund

    # === WHAT ORDERS SHOW === #

    def _shown(self, order):
        order.invalidate_recordset()
        return (
            order.paylink_deposit,
            order.paylink_amount_asked,
            order.paylink_amount_received,
            order.paylink_amount_remaining,
        )

    def test_amounts_and_badge(self):
        order = self._order(1000)
        self.assertEqual(self._shown(order), (False, 0, 0, 1000))
        first = self._deposit(order, 300)
        self.assertEqual(self._shown(order), ("asked", 300, 0, 1000))
        self._deposit(order, 200).action_cancel()
        self.assertEqual(self._shown(order), ("asked", 300, 0, 1000))
        transaction = self._pay(first)
        self.assertEqual(self._shown(order), ("received", 300, 300, 700))
        self._refund(transaction, 100)
        self.assertEqual(self._shown(order), ("received", 300, 200, 800))
        self._refund(transaction, 200)
        self.assertEqual(self._shown(order), ("refunded", 300, 0, 1000))
        self.assertEqual(order.paylink_amount_refunded, 300)

    def test_remaining_whichever_way_it_was_paid(self):
        for automatic in (False, True):
            with self.subTest(automatic=automatic):
                self.env["ir.config_parameter"].set_param("sale.automatic_invoice", str(automatic))
                order = self._order(1000)
                self._pay(self._deposit(order, 300))
                final = self._final_invoice(order)
                self.assertEqual(self._shown(order), ("received", 300, 300, 700))
                self._pay(self._link(final))
                self.assertEqual(self._shown(order), ("received", 300, 300, 0))

    def test_ended_links_show(self):
        order = self._order(1000)
        self._deposit(order, 300).action_cancel()
        self.assertEqual(self._shown(order), ("ended", 0, 0, 1000))

    def test_filters(self):
        orders = {state: self._order(100) for state in (False, "asked", "received", "refunded", "ended")}
        for state, order in orders.items():
            if state:
                link = self._deposit(order, 50)
            if state == "received":
                self._pay(link)
            if state == "refunded":
                self._refund(self._pay(link), 50)
            if state == "ended":
                link.action_cancel()
        ids = [order.id for order in orders.values()]
        for state, order in orders.items():
            with self.subTest(state=state):
                found = self.env["sale.order"].search([("paylink_deposit", "=", state), ("id", "in", ids)])
                self.assertEqual(found, order)
        self.assertEqual(orders["received"].paylink_color, 2)

    def test_list_takes_the_same_queries_for_any_number(self):
        orders = self.env["sale.order"].union(*(self._order(100) for _n in range(12)))
        for order in orders:
            self._deposit(order, 50)
        counts = []
        for some in (orders[:2], orders[:2], orders):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some.read(["paylink_deposit", "paylink_status", "paylink_color"])
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])

    def test_links_of_paid_orders_take_the_same_queries_for_any_number(self):
        orders = self.env["sale.order"].union(*(self._order(100) for _n in range(8)))
        for order in orders:
            self._pay(self._deposit(order, 50))
            self._pay(self._link(self._final_invoice(order)))
        counts = []
        for some in (orders[:2], orders[:2], orders):
            links = self.env["paylink.link"].browse(some.paylink_link_ids.ids)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            links.read(["amount_due", "state", "status"])
            some.read(["paylink_amount_received", "paylink_amount_remaining", "paylink_can_ask"])
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2], counts)

    # === LIMITS === #

    def test_never_more_than_the_order(self):
        order = self._order(1000)
        self._deposit(order, 300)
        self._pay(self._deposit(order, 200))
        for amount, message in (
            (500.01, "at most"),
            (1000, "at most"),
            (0, "more than zero"),
            (-5, "more than zero"),
        ):
            with self.subTest(amount=amount), self.assertRaisesRegex(UserError, message):
                self._deposit(order, amount)
        self._deposit(order, 500)
        with self.assertRaisesRegex(UserError, "already paid, invoiced or asked for"):
            self._deposit(order, 0.01)

    def test_what_was_invoiced_is_asked_by_invoice(self):
        order = self._order(1000)
        order.action_confirm()
        link = self._deposit(order, 300)
        self._final_invoice(order)
        self.assertEqual((link.state, link._due_amounts()[link.id]), ("cancelled", 0))
        with self.assertRaisesRegex(UserError, "invoiced"):
            self._deposit(order, 1)

    def test_credited_invoice_is_paid_until_the_money_is_given_back(self):
        """The credit note waits for its refund, or for another invoice: what was paid is not asked for again."""
        order = self._order(1000)
        self._pay(self._deposit(order, 300))
        invoice = self._final_invoice(order)
        self._pay(self._link(invoice))
        credit_note = invoice._reverse_moves([{"invoice_date": invoice.invoice_date}])
        credit_note.action_post()
        order.invalidate_recordset()
        self.assertEqual((order.amount_invoiced, order.paylink_amount_remaining, order.paylink_can_ask), (0, 0, False))
        with self.assertRaisesRegex(UserError, "already paid, invoiced or asked for"):
            self._deposit(order, 1)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=credit_note.ids
        ).create({})._create_payments()
        order.invalidate_recordset()
        self.assertEqual((order.paylink_amount_remaining, order.paylink_can_ask), (1000, True))

    def test_smaller_order_leaves_less_to_pay(self):
        order = self._order(1000)
        link = self._deposit(order, 800)
        order.order_line.price_unit = 500
        self.assertEqual((link._payable_amount(), link.amount), (500, 800))
        self._pay(link)
        self.assertEqual((link.state, order.amount_paid), ("paid", 500))

    def test_payments_under_way_are_respected(self):
        """Two deposits can be under way as long as the order has room for both; the customer portal counts too."""
        order = self._order(1000)
        first, second = self._deposit(order, 600), self._deposit(order, 400)
        self._attempt(first)._set_pending()
        self.assertEqual(second._payable_amount(), 400)
        native = self._attempt(second)
        native.write({"paylink_id": False})
        native._set_pending()
        self.assertEqual(second._payable_amount(), 0)
        with self.assertRaisesRegex(UserError, "Nothing is left"):
            self._attempt(second, 400)

    def test_excess_is_a_task(self):
        order = self._order(1000)
        link = self._deposit(order, 1000)
        first, second = self._force_deposit(link, 1000), self._force_deposit(link, 1000)
        for transaction in (first, second):
            transaction._set_done()
            transaction._post_process()
        self.assertEqual(second.payment_id._paylink_open_credit(), 1000)
        self.assertEqual(len(link.activity_ids), 1)

    def _force_deposit(self, link, amount):
        transaction = self._force_attempt(link, amount)
        transaction.sale_order_ids = link.sale_order_id
        return transaction

    def test_refund_is_booked_after_its_deposit(self):
        """Both wait for the books to be open again: the refund belongs to the payment that it gives back."""
        for automatic in (False, True):
            with self.subTest(automatic=automatic):
                self.env["ir.config_parameter"].set_param("sale.automatic_invoice", str(automatic))
                deposit = self._attempt(self._deposit(self._order(), 300))
                deposit._set_done()
                refund = deposit._create_child_transaction(300, is_refund=True)
                refund._set_done()
                self._run_cron("ir_cron_paylink_book")
                self.assertEqual((len(deposit.payment_id), len(refund.payment_id)), (1, 1))
                self.assertLess(deposit.payment_id.id, refund.payment_id.id)
                payments = deposit.payment_id | refund.payment_id
                self.assertFalse(payments._paylink_receivable_lines(), "lettered")
                self.assertFalse(deposit.sale_order_ids.invoice_ids.mapped("amount_residual"), "nothing is invoiced")

    def test_automatic_invoices_are_made_one_by_one(self):
        """Odoo sends them while it books: nobody else waits for that."""
        for automatic, sizes in ((True, [1, 1]), (False, [2])):
            with self.subTest(automatic=automatic):
                self.env["ir.config_parameter"].set_param("sale.automatic_invoice", str(automatic))
                for _number in range(2):
                    self._attempt(self._deposit(self._order(), 300))._set_done()
                Transaction, found = type(self.env["payment.transaction"]), []
                claim = Transaction._paylink_claim
                self.patch(
                    Transaction,
                    "_paylink_claim",
                    lambda txs, found=found, claim=claim: (found.append(len(txs)), claim(txs))[1],
                )
                self._run_cron("ir_cron_paylink_book")
                self.assertEqual(found, sizes)
