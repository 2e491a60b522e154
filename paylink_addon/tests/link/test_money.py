from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestMoney(PaylinkCommon):
    """From a confirmed transaction to the books."""

    def test_payment_settles_the_invoice(self):
        invoice = self._invoice(amount=120)
        transaction = self._pay(self._link(invoice))
        payment = transaction.payment_id
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("paid", 0))
        self.assertEqual((payment.amount, payment.payment_type), (120, "inbound"))
        self.assertTrue(
            payment.move_id.line_ids.filtered(lambda line: line.account_id == payment.destination_account_id).reconciled
        )
        self.assertEqual(payment.journal_id, self.provider.journal_id)

    def test_post_processing_twice_books_once(self):
        link = self._link(self._invoice())
        transaction = self._pay(link)
        payment, mails = transaction.payment_id, self._customer_mails(link)
        transaction._post_process()
        self.assertEqual(transaction.payment_id, payment)
        self.assertEqual(self.env["account.payment"].search_count([("payment_transaction_id", "=", transaction.id)]), 1)
        self.assertEqual(self._customer_mails(link), mails)

    def test_several_invoices_and_a_credit_note(self):
        moves = self._invoice(amount=100) + self._invoice(amount=60) + self._invoice(amount=30, move_type="out_refund")
        link = self._link(moves)
        transaction = self._pay(link)
        self.assertEqual(transaction.amount, 130)
        self.assertEqual(set(moves.mapped("payment_state")), {"paid"})
        self.assertEqual(len(self._items(moves)), 0)

    def test_other_invoices_are_left_alone(self):
        """Only the items of the link are settled, although an older invoice of the customer is open."""
        older = self._invoice(amount=500, invoice_date="2020-01-01")
        invoice = self._invoice(amount=80)
        self._pay(self._link(invoice))
        self.assertEqual((older.amount_residual, invoice.amount_residual), (500, 0))

    def test_several_receivable_accounts(self):
        second = self.env["account.account"].create(
            {
                "code": "411999",
                "name": "Receivable B",
                "account_type": "asset_receivable",
                "reconcile": True,
            }
        )
        invoice = self._invoice(amount=100)
        partner = self._customer("Second", property_account_receivable_id=second.id)
        other = self._invoice(partner, amount=40, partner_id=partner.id)
        self.assertEqual(other.line_ids.filtered(lambda line: line.display_type == "payment_term").account_id, second)
        link = self._link(invoice + other)
        transaction = self._pay(link)
        self.assertEqual((invoice.payment_state, other.payment_state), ("paid", "paid"))
        first = invoice.line_ids.filtered(lambda line: line.display_type == "payment_term").account_id
        self.assertEqual(self._receivables(transaction.payment_id), sorted([(first.code, -100), (second.code, -40)]))

    def test_entry_that_is_no_invoice(self):
        """An opening balance is asked for and settled like an invoice."""
        receivable = self.company_data["default_account_receivable"]
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "ref": "Opening",
                "line_ids": [
                    Command.create(
                        {"account_id": receivable.id, "partner_id": self.marie.id, "debit": 75, "name": "Opening"}
                    ),
                    Command.create({"account_id": self.company_data["default_account_revenue"].id, "credit": 75}),
                ],
            }
        )
        entry.action_post()
        items = self._items(entry)
        link = self.env["paylink.link"]._create_for_items([({}, items)], partner_id=self.marie.id)
        link._issue()
        self._pay(link)
        self.assertTrue(items.reconciled)

    def test_installments(self):
        """A link may ask for one installment; the others stay open."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "Half now",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": 0}),
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": 30}),
                ],
            }
        )
        invoice = self._invoice(amount=100, invoice_payment_term_id=terms.id)
        first = self._items(invoice).sorted("date_maturity")[0]
        link = self.env["paylink.link"]._create_for_items([({}, first)], partner_id=self.marie.id)
        link._issue()
        self.assertEqual((link.amount, link.line_ids.name), (50, f"{invoice.name}-1"))
        self._pay(link)
        self.assertTrue(first.reconciled)
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("partial", 50))

    def test_early_payment_discount(self):
        """Granted while it lasts, also if the provider confirms later; not afterwards."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "2% 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "early_pay_discount_computation": "included",
                "line_ids": [Command.create({"value": "percent", "value_amount": 100, "nb_days": 30})],
            }
        )
        tax = self.company_data["default_tax_sale"]
        invoice = self._invoice(
            amount=100,
            invoice_payment_term_id=terms.id,
            invoice_line_ids=[Command.create({"name": "Work", "price_unit": 100, "tax_ids": tax.ids})],
        )
        total = invoice.amount_total
        link = self._link(invoice)
        self.assertAlmostEqual(link.amount_due, total * 0.98, 2)
        transaction = self._attempt(link)
        with freeze_time(fields.Datetime.now() + timedelta(days=12)):
            transaction._set_done()
            transaction._post_process()
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("paid", 0))
        self.assertEqual((link.state, transaction.payment_id.amount), ("paid", round(total * 0.98, 2)))
        late = self._link(self._invoice(amount=100, invoice_payment_term_id=terms.id))
        with freeze_time(fields.Datetime.now() + timedelta(days=11)):
            self.assertEqual(late._due_amounts()[late.id], 100)

    def test_foreign_currency(self):
        usd = self.setup_other_currency("CAD", rates=[("2020-01-01", 2.0)])
        invoice = self._invoice(amount=200, currency_id=usd.id)
        self.provider.available_currency_ids = [Command.link(usd.id)]
        transaction = self._pay(self._link(invoice))
        self.assertEqual((transaction.currency_id, transaction.payment_id.currency_id), (usd, usd))
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("paid", 0))

    def test_partial_payment(self):
        link = self._link(self._invoice(amount=100), allow_partial=True)
        self._pay(link, 40)
        self.assertEqual((link.state, link.status, link.amount_due), ("open", "partly_paid", 60))
        self._pay(link)
        self.assertEqual((link.state, link.amount_paid), ("paid", 100))

    def test_payment_that_paid_a_part_before_is_paid_with_the_invoice(self):
        """As when Odoo itself looks for every payment that depends on the invoice."""
        invoice = self._invoice(amount=100)
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move.line", active_ids=self._items(invoice).ids
        )
        line = self.provider.journal_id.inbound_payment_method_line_ids[:1]
        line.payment_account_id = self.outbound_payment_method_line.payment_account_id
        before = wizard.create({"amount": 40, "journal_id": line.journal_id.id, "payment_method_line_id": line.id})
        before = before._create_payments()
        self.assertEqual((before.state, invoice.payment_state), ("in_process", "partial"))
        transaction = self._pay(self._link(invoice))
        self.assertEqual((before + transaction.payment_id).mapped("state"), ["paid", "paid"])
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(invoice.reconciled_payment_ids, before + transaction.payment_id)

    def test_limited_link_asks_for_its_part_only(self):
        invoice = self._invoice(amount=100)
        link = self._link(invoice, amount=40, is_limited=True)
        self.assertEqual(link.amount_due, 40)
        self._pay(link)
        self.assertEqual((link.state, invoice.amount_residual), ("paid", 60))

    def test_authorized_then_captured(self):
        self.provider.capture_manually = True
        link = self._link(self._invoice(amount=100))
        transaction = self._attempt(link)
        transaction._set_authorized()
        self.assertEqual((link.state, link.amount_paid), ("pending", 0))
        child = transaction._create_child_transaction(100)
        child._set_done()
        (transaction + child)._post_process()
        self.assertEqual((link.state, link.amount_paid, link.attempt_count), ("paid", 100, 1))
        self.assertEqual(link.line_ids.move_id.payment_state, "paid")
        self.assertEqual(
            self.env["account.payment"].search_count([("payment_transaction_id", "in", (transaction + child).ids)]), 1
        )

    def test_authorized_then_voided(self):
        self.provider.capture_manually = True
        link = self._link(self._invoice(amount=100))
        transaction = self._attempt(link)
        transaction._set_authorized()
        transaction._create_child_transaction(100)._set_canceled()
        self.assertEqual((transaction.state, link.state), ("cancel", "open"), "not the customer's doing")
        self.assertEqual(link._payable_amount(), 100)

    def test_refunds(self):
        """Partly, then wholly refunded: the link stays paid and says so; credit notes take the refund."""
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        transaction = self._pay(link)
        self._refund(transaction, 30)
        self.assertEqual((link.state, link.amount_refunded, invoice.paylink_amount_refunded), ("paid", 30, 30))
        credit = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id})
        )
        note = self.env["account.move"].browse(credit.refund_moves()["res_id"])
        note.invoice_line_ids.price_unit = 70
        note.action_post()
        second = self._refund(transaction, 70)
        self.assertEqual((link.amount_refunded, note.payment_state), (100, "paid"))
        self.assertEqual(second.payment_id.payment_type, "outbound")

    def test_refund_of_an_overpayment_takes_its_credit(self):
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        transaction = self._force_attempt(link, 130)
        transaction._set_done()
        transaction._post_process()
        self.assertEqual(transaction.payment_id._paylink_open_credit(), 30)
        self._refund(transaction, 30)
        self.assertEqual(transaction.payment_id._paylink_open_credit(), 0)
        self.assertEqual(invoice.payment_state, "paid")

    def test_refund_of_what_something_else_has_paid(self):
        """A transfer of a part while the customer paid all of it: what is given back of that was not asked for."""
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        transaction = self._attempt(link)
        register = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        register.create({"amount": 40})._create_payments()
        transaction._set_done()
        transaction._post_process()
        self._refund(transaction, 40)
        self.assertEqual((link.state, link.status, link.amount_kept), ("paid", "paid", 60))
        self._refund(transaction, 10)
        self.assertEqual(link.status, "partly_refunded")
        self._refund(transaction, 50)
        self.assertEqual(link.status, "refunded")

    def test_free_amount_is_a_credit(self):
        link = self._free_link(50, reference="Contract 7")
        transaction = self._pay(link)
        self.assertEqual((link.state, transaction.payment_id._paylink_open_credit()), ("paid", 50))
        self.assertIn("Contract 7", transaction.payment_id.memo)
        self.assertFalse(link.activity_ids)

    def test_owner_and_customer_are_told_once(self):
        link = self._link(self._invoice())
        self._pay(link)
        self.assertTrue(link.unread)
        notified = self.env["mail.message"].search(
            [("model", "=", link._name), ("res_id", "=", link.id), ("message_type", "=", "user_notification")]
        )
        self.assertEqual(notified.notified_partner_ids, link.user_id.partner_id)
        receipt = self._customer_mails(link)
        self.assertEqual((len(receipt), receipt.email_to), (1, "marie@example.com"))
        self.assertIn("100,00", receipt.subject)
        self.assertIn("nous avons reçu", receipt.subject)

    def test_failed_booking_is_shown_and_tried_again(self):
        link = self._link(self._invoice())
        transaction = self._attempt(link)
        transaction._set_done()
        with patch.object(type(link), "_settle_open_items", side_effect=UserError("The books are closed.")):
            transaction._paylink_try_to_book()
            transaction._paylink_try_to_book()
        self.assertEqual((link.state, bool(transaction.payment_id)), ("paid", False))
        self.assertEqual(len(link.activity_ids), 1)
        self.assertIn("could not be booked", link.activity_ids.summary)
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual(link.line_ids.move_id.payment_state, "paid")

    def test_settled_by_a_module_of_odoo_without_link(self):
        """Transactions without a link are booked as ever."""
        invoice = self._invoice()
        transaction = self._create_transaction(
            "redirect", invoice_ids=[Command.set(invoice.ids)], amount=100, reference="native"
        )
        transaction._set_done()
        transaction._post_process()
        self.assertTrue(transaction.payment_id)
        self.assertFalse(transaction.paylink_id)
