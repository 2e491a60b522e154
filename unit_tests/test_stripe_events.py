"""What is kept of an event: enough to book a payment, nothing that tells who paid.

Plain unittest: run by `make test`.
"""

import json
import unittest
from datetime import datetime

from standalone import FakeCase
from tools.stripe_events import event_values, object_key, stripped

PERSON = ("buyer@example.com", "Marie", "+33639981234", "10 rue", "192.0.2.7", "https://", "_secret_")


class TestKept(FakeCase):
    def test_no_event_of_a_payment_names_its_customer(self):
        """Card, debit, decline, saved method, refund, dispute: whatever Stripe sends."""
        customer = self.api.customer_create(
            key=self.key(), name="Marie Dubois", email="marie@example.com", phone="+33639981234"
        )
        self.paid(customer=customer["id"])
        self.paid(method="sepa_debit", outcome="succeed")
        self.fake.pay(self.session(customer_email="buyer@example.com")["id"], outcome="generic_decline")
        customer_id, method_id = self.stored_method()
        intent = self.charge(customer_id, method_id, receipt_email="buyer@example.com")
        self.fake.refund(intent["id"], 100)
        self.fake.dispute(intent["id"])
        events = self.fake.events()
        self.assertGreater(len({event["type"] for event in events}), 10)
        for event in events:
            kept = event_values(event)["payload"]
            for trace in PERSON:
                with self.subTest(event["type"], trace=trace):
                    self.assertNotIn(trace, kept)

    def test_what_is_needed_to_book_is_there(self):
        session = self.paid(metadata={"paylink_tx": "7", "customer_name": "ours"})
        completed = self.kept("checkout.session.completed")
        for name in ("id", "payment_status", "status", "amount_total", "currency", "metadata", "livemode"):
            with self.subTest(name):
                self.assertEqual(completed[name], session[name])
        charge = self.kept("charge.succeeded")
        for name in ("amount", "payment_intent", "balance_transaction", "failure_code"):
            with self.subTest(name):
                self.assertIn(name, charge)
        card = charge["payment_method_details"]["card"]
        self.assertEqual(charge["payment_method_details"]["type"], "card")
        self.assertLessEqual({"brand", "last4", "exp_month", "exp_year"}, set(card))
        self.assertNotIn("fingerprint", card)

    def test_reason_of_a_decline_is_there(self):
        self.fake.pay(self.session()["id"], outcome="generic_decline")
        error = self.kept("payment_intent.payment_failed")["last_payment_error"]
        self.assertLessEqual({"code", "decline_code", "message"}, set(error))

    def kept(self, event_type):
        (event,) = (event for event in self.fake.events() if event["type"] == event_type)
        return json.loads(event_values(event)["payload"])["object"]


class TestValues(unittest.TestCase):
    def test_events_of_a_payment_have_one_key(self):
        cases = [
            ({"id": "cs_1", "payment_intent": "pi_1"}, "pi_1"),
            ({"id": "cs_1", "payment_intent": {"id": "pi_1"}}, "pi_1"),
            ({"id": "cs_1", "payment_intent": None}, "cs_1"),
            ({"id": "pi_1"}, "pi_1"),
            ({"object": "balance"}, None),
        ]
        for found, key in cases:
            with self.subTest(found):
                self.assertEqual(object_key(found), key)

    def test_values_of_strange_events(self):
        event = {"id": "evt_1", "object": "event", "data": {"object": {}}}
        cases = [
            ({}, ("", None, "evt_1", None)),
            ({"type": 5, "created": "soon", "livemode": 1}, ("", None, "evt_1", None)),
            ({"created": 10**18}, ("", None, "evt_1", None)),
            ({"type": "balance.available", "created": 0}, ("balance.available", None, "evt_1", datetime(1970, 1, 1))),  # noqa: DTZ001
        ]
        for values, expected in cases:
            with self.subTest(values):
                kept = event_values(event | values)
                self.assertEqual(
                    tuple(kept[name] for name in ("type", "object_id", "object_key", "created_at")), expected
                )

    def test_what_can_not_be_stored(self):
        for data in (None, [], {}, {"object": None}, {"object": {"amount": float("nan")}}):
            with self.subTest(data), self.assertRaises(ValueError):
                event_values({"id": "evt_1", "data": data})
        dirty = {"a\0": ["x\0y", "\ud83d", "😀"], "metadata": {"name": "z\0"}}
        self.assertEqual(stripped(dirty), {"a\ufffd": ["x\ufffdy", "\ufffd", "😀"], "metadata": {"name": "z\ufffd"}})


if __name__ == "__main__":
    unittest.main()
