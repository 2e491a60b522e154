from odoo.tests import tagged

from .stripe_common import StripeCommon


@tagged("post_install", "-at_install")
class TestStripeCheckout(StripeCommon):
    """From the payment form to Stripe's page and back."""

    def test_link_is_paid(self):
        """The first whole way: form, page, return, books."""
        invoice = self._invoice(amount=120.5)
        link = self._link(invoice)
        tx = self.pay_on_page(link)
        self.assertEqual((tx.state, link.state, invoice.payment_state), ("done", "paid", "paid"))
        self.assertEqual(tx.paylink_method_display, "Visa •••• 4242")
        self.assertEqual((tx.paylink_fee, tx.paylink_fee_currency_id.name), (2.06, "USD"))
        self.assertEqual(link.attempt_count, 1)
        (payment,) = self.fake.ledger()
        self.assertEqual(
            (payment.received, payment.reference, payment.id), (12050, tx.reference, tx.paylink_stripe_intent)
        )
