"""The fake's events are delivered like Stripe's.

Plain unittest: run by `make test`.
"""

import threading
import unittest

from fake_stripe import FakeStripe
from standalone import EventCase, wait_until
from tools.stripe_client import StripeApi, verify_event

DAY = 86400


class TestDelivery(EventCase):
    def test_delivered_once_in_order_and_only_on_demand(self):
        self.paid()
        self.assertEqual(self.received(), [])
        types = self.event_types()
        self.assertEqual(self.fake.deliver(), [(event_type, 200) for event_type in types])
        self.assertEqual(self.received_types(), types)
        self.assertEqual(self.fake.deliver(), [])

    def test_what_is_delivered_is_what_the_list_says(self):
        self.paid()
        self.fake.deliver()
        delivered = {event["id"]: event["data"] for event in self.received()}
        self.assertEqual({event["id"]: event["data"] for event in self.api.events()}, delivered)

    def test_repeated_with_pauses_for_three_days(self):
        self.receiver.statuses = [500] * 100
        self.api.customer_create(key=self.key())
        self.assertEqual(self.fake.deliver(), [("customer.created", 500)])
        self.assertEqual(self.fake.deliver(), [])
        self.assertEqual(len(list(self.api.events(delivery_success=False))), 1)
        started, attempts = self.fake.world.clock.now(), 1
        for _hour in range(5 * 24):
            self.fake.advance(3600)
            attempts += len(self.fake.deliver())
            last = self.fake.world.clock.now() if self.fake.deliveries()[-1].due else 0
            self.assertLess(last - started, 4 * DAY)
        self.assertEqual((attempts, self.fake.deliveries()[-1].due), (11, None))

    def test_delivered_when_the_receiver_is_back(self):
        self.receiver.statuses = [503]
        self.api.customer_create(key=self.key())
        self.fake.deliver()
        self.fake.advance(301)
        self.assertEqual(self.fake.deliver(), [("customer.created", 200)])
        first, second = self.received()
        self.assertEqual(first["id"], second["id"])
        self.assertEqual(list(self.api.events(delivery_success=False)), [])

    def test_nobody_listens(self):
        self.receiver.close()
        self.api.customer_create(key=self.key())
        self.assertEqual(self.fake.deliver(), [("customer.created", 0)])

    def test_disturbances(self):
        self.fake.disturb("drop", "charge.*")
        self.fake.disturb("duplicate", "payment_intent.succeeded")
        self.fake.disturb("delay", "checkout.session.completed", seconds=7200)
        self.paid()
        self.fake.deliver()
        expected = ["payment_intent.created", "payment_intent.succeeded", "payment_intent.succeeded", "charge.updated"]
        self.assertEqual(self.received_types(), expected)
        self.fake.advance(7200)
        self.fake.deliver()
        self.assertEqual(self.received_types(), ["checkout.session.completed"])
        self.assertIn("charge.succeeded", [event["type"] for event in self.api.events()])

    def test_order(self):
        self.paid()
        self.fake.deliver(order="reverse")
        self.assertEqual(self.received_types(), self.event_types()[::-1])

    def test_endpoints_get_what_they_asked_for_in_their_version(self):
        self.api.webhook_delete(self.endpoint["id"])
        chosen = self.listen("payment_intent.succeeded", api_version="2025-03-31.basil")
        self.paid()
        self.fake.deliver()
        received = self.received()
        self.assertEqual(
            [(one["type"], one["api_version"]) for one in received], [("payment_intent.succeeded", "2025-03-31.basil")]
        )
        self.api.call("webhook_endpoints.update", chosen["id"], params={"disabled": True}, key=self.key())
        self.paid()
        self.assertEqual(self.fake.deliver(), [])
        self.assertEqual([found["status"] for found in self.api.webhooks()], ["disabled"])
        self.assertNotIn("secret", next(self.api.webhooks()))

    def test_list_of_events_by_type_and_time(self):
        self.paid()
        self.fake.advance(100)
        since = self.fake.world.clock.now()
        session_id = self.session()["id"]
        self.api.session_expire(session_id, key=self.key())
        self.assertEqual(
            [event["type"] for event in self.api.events(created={"gte": since})], ["checkout.session.expired"]
        )
        found = self.api.events(types=["charge.*", "checkout.session.completed"])
        self.assertEqual(
            [event["type"] for event in found], ["checkout.session.completed", "charge.updated", "charge.succeeded"]
        )
        self.fake.advance(30 * DAY)
        self.assertEqual(list(self.api.events()), [])

    def test_events_tell_which_request_made_them(self):
        self.api.customer_create(key="mine")
        self.fake.pay(self.session()["id"])
        keys = [event["request"]["idempotency_key"] for event in self.fake.events()]
        self.assertEqual((keys[0], keys[-1]), ("mine", None))

    def test_whoever_delivers_waits_for_what_is_under_way(self):
        self.api.customer_create(key=self.key())
        self.receiver.open.clear()
        first, second = (threading.Thread(target=self.fake.deliver) for _time in range(2))
        first.start()
        wait_until(lambda: self.receiver.received)
        second.start()
        second.join(0.1)
        self.assertTrue(second.is_alive())
        self.receiver.open.set()
        first.join(5)
        second.join(5)
        self.assertFalse(first.is_alive() or second.is_alive())
        self.assertEqual(len(self.received()), 1)

    def test_automatic(self):
        with FakeStripe(automatic=True) as fake:
            api = StripeApi(fake.secret_key, base=fake.url, retries=0)
            endpoint = api.webhook_create(key="k1", url=self.receiver.url, enabled_events=["customer.created"])
            api.customer_create(key="k2")
            wait_until(lambda: self.receiver.received)
            self.assertTrue(verify_event(*self.receiver.received[0], [endpoint["secret"]]))


if __name__ == "__main__":
    unittest.main()
