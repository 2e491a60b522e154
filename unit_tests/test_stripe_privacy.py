"""Nothing private leaves the client, and only the server says where it calls.

Plain unittest: run by `make test`.
"""

import os
import unittest
from unittest import mock

from standalone import FakeCase
from tools import stripe_client
from tools.stripe_client import api_base
from tools.stripe_errors import StripeRefused, redact


class TestPrivacy(FakeCase):
    def test_redact(self):
        cases = [
            ("key sk_live_51Habc rk_test_9 pk_live_1.", "key sk_live_*** rk_test_*** pk_live_***."),
            ("whsec_abc123", "whsec_***"),
            ("pi_1_secret_2", "pi_1_secret_***"),
            ("url https://checkout.stripe.com/c/pay/cs_live_1#fid next", "url https://checkout.stripe.com/*** next"),
            ("email=marie%40example.com&to=a.b+c@example.co.uk", "email=***@***&to=***@***"),
            ("No such customer: 'cus_1'", "No such customer: 'cus_1'"),
        ]
        for text, redacted in cases:
            self.assertEqual(redact(text), redacted)

    def test_nothing_secret_in_logs_and_messages(self):
        with self.assertLogs("stripe", "DEBUG") as sdk, self.assertLogs(stripe_client.__name__, "DEBUG") as ours:
            customer = self.api.customer_create(key=self.key(), email="marie@example.com")
            endpoint = self.api.webhook_create(
                key=self.key(), url="https://merchant.example/hook", enabled_events=["*"]
            )
            session = self.session(customer=customer["id"])
            self.fake.pay(session["id"])
            intent_id = self.api.session(session["id"])["payment_intent"]
            secret = self.api.intent(intent_id)["client_secret"]
            with self.assertRaises(StripeRefused) as caught:
                self.session(expires_at="marie@example.com")
        written = "\n".join(sdk.output + ours.output) + caught.exception.message
        self.assertIn(customer["id"], written)
        self.assertIn("Invalid integer: ***@***", caught.exception.message)
        for private in ("marie", endpoint["secret"], secret, self.fake.secret_key):
            self.assertNotIn(private, written)

    def test_base_address_comes_from_the_server_only(self):
        for value, base in [("", None), (" http://127.0.0.1:12111/ ", "http://127.0.0.1:12111")]:
            with mock.patch.dict(os.environ, PAYLINK_STRIPE_API_BASE=value):
                self.assertEqual(api_base(), base)
        config = {"paylink_stripe_api_base": "http://127.0.0.1:1"}
        with mock.patch.dict(os.environ), mock.patch.object(stripe_client, "config", config):
            os.environ.pop("PAYLINK_STRIPE_API_BASE", None)
            self.assertEqual(api_base(), "http://127.0.0.1:1")


if __name__ == "__main__":
    unittest.main()
