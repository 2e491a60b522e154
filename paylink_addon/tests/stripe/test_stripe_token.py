from datetime import date, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ...models.stripe.payment_transaction_requests import _logger as requests_logger
from .stripe_common import StripeCommon

INTENTS = "/v1/payment_intents"


@tagged("post_install", "-at_install")
class TestStripeToken(StripeCommon):
    """Methods that customers store, and what is charged to them later."""

    def _offline(self, token, amount=25.0, **values):
        """An attempt to charge ``token`` without the customer."""
        return (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": token.payment_method_id.id,
                    "token_id": token.id,
                    "amount": amount,
                    "currency_id": self.company.currency_id.id,
                    "partner_id": token.partner_id.id,
                    "operation": "offline",
                    **values,
                }
            )
        )

    def _charge(self, tx):
        """Charge as a job does, until Stripe has answered."""
        tx._charge_with_token()
        self.send_waiting()
        return tx

    # === STORING === #

    def test_method_is_stored_with_a_payment(self):
        tx = self.pay_on_page(self._free_link(10), tokenize=True)
        token = tx.token_id
        intent = self.fake.get(tx.paylink_stripe_intent)
        self.assertEqual(
            (token.provider_ref, token.paylink_stripe_customer),
            (
                intent["payment_method"],
                intent["customer"],
            ),
        )
        self.assertEqual((token.payment_details, token.paylink_brand), ("4242", "visa"))
        self.assertEqual((token.paylink_expires_on, token.partner_id), (date(2034, 12, 31), self.marie))
        self.assertEqual(token.display_name, "Visa •••• 4242")
        self.assertEqual(token.payment_method_id.code, "visa")
        self.assertFalse(tx.tokenize)
        self.assertEqual(intent["setup_future_usage"], "off_session")

    def test_events_alone_store_the_method(self):
        """They do not tell the card: the job asks for it."""
        tx = self.start(self._free_link(10), tokenize=True)
        self.fake.pay(tx.paylink_stripe_session)
        self.apply_events()
        self.assertEqual((tx.state, bool(tx.token_id)), ("done", False))
        self.send_waiting()
        self.assertEqual(tx.token_id.payment_details, "4242")
        self.apply_events()
        self.come_back(tx)
        self.assertEqual(self.env["payment.token"].search_count([("partner_id", "=", self.marie.id)]), 1)

    def test_nothing_is_stored_unasked(self):
        self.assertFalse(self._stored_unasked().token_id)

    def _stored_unasked(self):
        tx = self.pay_on_page(self._free_link(10))
        self.assertFalse(self.fake.get(tx.paylink_stripe_intent)["setup_future_usage"])
        return tx

    def test_sepa_is_stored(self):
        link = self._free_link(10, currency_id=self.currency_euro.id)
        tx = self.pay_on_page(link, "sepa_debit", tokenize=True)
        self.assertFalse(tx.token_id, "not before it has succeeded once")
        self.fake.settle(tx.paylink_stripe_intent)
        self.apply_events()
        self.send_waiting()
        self.assertEqual(
            (tx.token_id.payment_details, tx.token_id.payment_method_id.code),
            (
                "3000",
                "sepa_direct_debit",
            ),
        )

    def _finished_setup(self):
        """An attempt to store a method on the portal, whose customer has finished Stripe's page."""
        values = {
            "provider_id": self.provider.id,
            "payment_method_id": self.payment_method_id,
            "amount": 0,
            "currency_id": self.company.currency_id.id,
            "partner_id": self.john.id,
            "operation": "validation",
            "tokenize": True,
            "landing_route": "/my/payment_method",
        }
        tx = self.env["payment.transaction"].sudo().create(values)
        tx._get_processing_values()
        self.assertEqual(self.checkout(tx).status_code, 303)
        self.fake.pay(tx.paylink_stripe_session)
        return tx

    def test_method_is_stored_before_the_customer_is_back(self):
        """The messages come first, in any order, twice; coming back then stores nothing more."""
        for order in (list, lambda events: events[::-1]):
            tx = self._finished_setup()
            self.apply_events(order=lambda events, order=order: order(events) * 2)
            token = tx.token_id
            self.assertEqual((tx.state, token.payment_details, token.partner_id), ("done", "4242", self.john))
            self.come_back(tx)
            self.assertEqual(tx.token_id, token)
        self.assertEqual(self.env["payment.token"].search_count([("partner_id", "=", self.john.id)]), 2)

    def test_method_is_stored_with_an_authorization(self):
        """The page's own message leads to the method, without a question more."""
        self.provider.capture_manually = True
        tx = self.start(self._free_link(10), tokenize=True)
        self.fake.pay(tx.paylink_stripe_session)
        self.apply_events(only=("checkout.session.completed",))
        self.assertEqual((tx.state, tx.token_id.payment_details), ("authorized", "4242"))

    def test_method_is_stored_without_a_payment(self):
        """Odoo's “payment methods” page of the portal: a session in setup mode."""
        tx = self._finished_setup()
        self.come_back(tx)
        self.assertEqual((tx.state, tx.token_id.payment_details, tx.token_id.partner_id), ("done", "4242", self.john))
        self.assertEqual(tx.token_id.payment_method_id.code, "visa")
        self.apply_events()
        self.assertEqual(self.env["payment.token"].search_count([("partner_id", "=", self.john.id)]), 1)
        self.assertEqual(self._charge(self._offline(tx.token_id)).state, "done")

    # === CHARGING === #

    def test_offline_charge(self):
        token = self._stored()
        tx = self._charge(self._offline(token))
        self.assertEqual((tx.state, tx.paylink_method_display), ("done", "Visa •••• 4242"))
        (entry,) = self.requests("POST", INTENTS)
        self.assertEqual((entry.key, entry.params["off_session"]), (tx.paylink_key, "true"))
        self.assertEqual((entry.params["amount"], entry.params["customer"]), ("2500", token.paylink_stripe_customer))
        self.apply_events()
        self.assertEqual((tx.state, tx.payment_id.amount), ("done", 25))

    def test_charge_is_sent_after_the_commit(self):
        tx = self._offline(self._stored())
        tx._charge_with_token()
        self.assertEqual((tx.state, tx.paylink_todo), ("pending", "charge"))
        self.assertFalse(self.requests("POST", INTENTS))

    def test_unknown_outcome_is_looked_up(self):
        """Charged or not, we never heard: in progress until it is known, and charged once in the end."""
        token = self._stored()
        faults = ("disconnect_after", "500_done", "500", "garbled", "503", "disconnect_before")
        for fault in faults:
            with self.subTest(fault):
                self.fake.fault(fault, "POST", INTENTS, times=3)
                tx = self._charge(self._offline(token))
                self.assertEqual((tx.state, tx.paylink_todo), ("pending", "charge"))
                self.fake.abandon_faults()
                self.look_up(tx)
                mine = [paid for paid in self.fake.ledger() if paid.metadata.get("paylink_tx") == str(tx.id)]
                if fault == "500":  # kept under its key for a day: it was never carried out
                    self.assertEqual((tx.state, sum(paid.received for paid in mine)), ("pending", 0))
                    with freeze_time(fields.Datetime.now() + timedelta(days=1)):
                        self.send_waiting()
                    self.assertEqual(tx.state, "error")
                else:
                    self.assertEqual((tx.state, [paid.received for paid in mine]), ("done", [2500]))

    def test_crash_between_charge_and_answer(self):
        """The worker dies when Stripe has charged, before the answer is stored."""
        tx = self._offline(self._stored())
        tx._charge_with_token()

        def die(*_args):
            raise RuntimeError("killed")

        with (
            patch.object(type(tx), "_paylink_apply", die),
            self.assertLogs(requests_logger.name, "ERROR"),
        ):
            self.send_waiting()
        self.assertEqual((tx.state, bool(tx.paylink_sent_at)), ("pending", True))
        self.send_waiting()
        self.assertEqual(tx.state, "done")
        mine = [paid for paid in self.fake.ledger() if paid.metadata.get("paylink_tx") == str(tx.id)]
        self.assertEqual([paid.received for paid in mine], [2500])

    def test_declined(self):
        """The customer reads why; nothing is tried again by itself."""
        token = self._stored()
        cases = [
            ("insufficient_funds", False),
            ("expired_card", False),
            ("generic_decline", False),
            ("authentication_required", True),
        ]
        for outcome, action_needed in cases:
            with self.subTest(outcome):
                self.fake.set_outcome(token.provider_ref, outcome)
                tx = self._charge(self._offline(token))
                self.assertEqual((tx.state, tx.paylink_action_needed), ("error", action_needed))
                self.assertTrue(tx.state_message)
                self.assertEqual((tx.paylink_todo, bool(tx.paylink_stripe_intent)), (False, True))
                before = len(self.requests("POST", INTENTS))
                self.apply_events()
                self.send_waiting()
                self.assertEqual(len(self.requests("POST", INTENTS)), before)
                self.assertEqual((tx.state, tx.paylink_decline_count), ("error", 0))

    def test_decline_told_by_the_event_alone(self):
        token = self._stored()
        self.apply_events()
        self.fake.set_outcome(token.provider_ref, "authentication_required")
        self.fake.fault("disconnect_after", "POST", INTENTS, times=3)
        tx = self._charge(self._offline(token))
        self.apply_events()
        self.assertEqual((tx.state, tx.paylink_action_needed, tx.paylink_todo), ("error", True, False))

    def test_amount_that_is_not_exact(self):
        """An error that says why, and nothing is sent or left to be sent."""
        token, kwd = self._stored(), self._enable_currency("KWD")
        tx = self._charge(self._offline(token, 1.005, currency_id=kwd.id))
        self.assertEqual((tx.state, tx.paylink_todo), ("error", False))
        self.assertIn("only for multiples of 0.010", tx.state_message)
        with self.assertRaisesRegex(UserError, "KWD"):
            self._offline(token, 1.005, currency_id=kwd.id)._paylink_wish("charge")
        self.assertFalse(self.requests("POST", INTENTS))

    def test_detached_method_is_refused(self):
        token = self._stored()
        self.provider._paylink_stripe().method_detach(token.provider_ref, key="gone")
        tx = self._charge(self._offline(token))
        self.assertEqual((tx.state, bool(tx.state_message)), ("error", True))
