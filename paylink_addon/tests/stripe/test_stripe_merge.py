import json

from odoo.tests import tagged

from .stripe_common import StripeCommon

SESSIONS = "/v1/checkout/sessions"


@tagged("post_install", "-at_install")
class TestStripeMerge(StripeCommon):
    """Customers who each are known at Stripe, merged by Odoo's own wizard."""

    def _known(self):
        return self.env["paylink.stripe.customer"].search([("account", "=", self.fake.account.id)])

    def test_stored_methods_of_both_are_kept_and_charged(self):
        tokens = self._stored() | self._stored(partner_id=self.john.id)
        self.assertEqual(len(set(tokens.mapped("paylink_stripe_customer"))), 2)
        self._merge(self.marie | self.john, self.marie)
        self.assertEqual((tokens.partner_id, tokens.mapped("active")), (self.marie, [True, True]))
        for token in tokens:
            with self.subTest(token=token.display_name):
                invoice = self._invoice(self.marie, 25)
                self._registration(invoice, token).action_create_payments()
                self.send_waiting()
                self.apply_events()
                self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(self._known().customer, tokens[0].paylink_stripe_customer)
        self.pay_on_page(self._free_link(10))
        self.assertEqual(len(self.requests("POST", "/v1/customers")), 2)

    def test_customer_that_stripe_knows_is_kept(self):
        """Who was merged into somebody that Stripe was never told of stays who he is there."""
        self.pay_on_page(self._free_link(10, partner_id=self.john.id))
        known = self._known()
        claimed = known.sudo().copy({"partner_id": self.marie.id, "customer": False, "key": "other"})
        self._merge(self.marie | self.john, self.marie)
        self.assertEqual((known.exists().partner_id, claimed.exists()), (self.marie, claimed.browse()))

    def test_open_page_is_paid_after_the_merge(self):
        tx = self.start(self._free_link(10, partner_id=self.john.id))
        self.pay_on_page(self._free_link(10))
        self._merge(self.marie | self.john, self.marie)
        self.fake.pay(tx.paylink_stripe_session, "card")
        self.come_back(tx)
        self.assertEqual((tx.state, tx.payment_id.partner_id), ("done", self.marie))

    def test_page_whose_answer_was_lost_is_asked_for_again_in_the_same_words(self):
        self.pay_on_page(self._free_link(10))
        before = len(self.requests("POST", SESSIONS))
        tx = self._attempt(self._free_link(11, partner_id=self.john.id))
        self.fake.fault("disconnect_after", "POST", SESSIONS, times=3)
        self.checkout(tx)
        self._merge(self.marie | self.john, self.marie)
        self.assertEqual(self.checkout(tx).status_code, 303)
        asked = self.requests("POST", SESSIONS)[before:]
        self.assertEqual(
            (len(asked) > 1, len({json.dumps(entry.params, sort_keys=True) for entry in asked})), (True, 1)
        )
