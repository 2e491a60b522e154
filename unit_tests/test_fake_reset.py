# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""A fake that was reset is as new, and nothing of its old world goes on.

Plain unittest: run by `make test`.
"""

import re
import threading
import unittest
from types import ModuleType

import requests
from fake_stripe import FakeStripe
from standalone import EventCase, invoice, wait_until
from tools.stripe_client import StripeApi
from tools.stripe_errors import StripeFailure

PLAIN = (str, int, float, bool, bytes, type(None))
# What does not tell of a world: locks and modules; functions and classes likewise.
LEFT_OUT = {"_server", "token"}
OPAQUE = (type(threading.Lock()), type(threading.RLock()), threading.local, ModuleType)


def described(value, seen=frozenset()):
    """All that is in an object, and in what it holds, as plain values without ports and the random part of ids."""
    if isinstance(value, str):
        return re.sub(r"[0-9a-f]{8}(?=\d{10})|(?<=127\.0\.0\.1:)\d+", "…", value)
    if isinstance(value, (*PLAIN, threading.Event)):
        return value.is_set() if isinstance(value, threading.Event) else value
    if id(value) in seen or isinstance(value, OPAQUE) or callable(value):
        return type(value).__name__
    seen |= {id(value)}
    if isinstance(value, (list, tuple, set)):
        return [described(one, seen) for one in value]
    held = value if isinstance(value, dict) else vars(value)
    return {str(described(key, seen)): described(one, seen) for key, one in held.items() if key not in LEFT_OUT}


class TestReset(EventCase):
    maxDiff = None

    def use_everything(self):
        """Leave traces in all that a fake has."""
        self.paid()
        self.stored_method()
        self.fake.deliver(order="reverse")
        self.fake.add_account("Other", currency="usd", rates={"eur": 1.1})
        self.fake.account.rates["usd"] = 0.9
        self.fake.fault("500", times=7)
        self.fake.disturb("drop", times=7)
        self.fake.skew(1000)
        self.fake.advance(5000)
        self.fake.world.outbox.post = lambda *args: 200

    def test_as_new(self):
        start = self.fake.world.clock.start
        with FakeStripe(start=start) as new:
            expected = described(new)
            self.use_everything()
            self.assertNotEqual(described(self.fake), expected)
            self.fake.reset()
            self.assertEqual(described(self.fake), expected)

    def test_the_address_stays_and_the_keys_do_not(self):
        url, key, session_id = self.fake.url, self.fake.secret_key, self.paid()["id"]
        self.fake.reset()
        self.assertEqual(self.fake.url, url)
        self.assertNotEqual(self.fake.secret_key, key)
        with self.assertRaisesRegex(StripeFailure, "Invalid API Key"):
            self.api.account()
        with self.assertRaises(StripeFailure):
            self.client().session(session_id)
        self.assertEqual(requests.get(f"{url}/c/pay/{session_id}", timeout=5).status_code, 404)

    def test_idempotency_keys_are_forgotten(self):
        self.api.customer_create(key="one", email="marie@example.com")
        self.fake.reset()
        made = self.client().customer_create(key="one", email="john@example.com")
        self.assertEqual(made["email"], "john@example.com")

    def test_nobody_hears_of_an_old_event(self):
        self.paid()
        self.fake.reset()
        self.assertEqual(self.fake.deliver(), [])
        self.client().customer_create(key="one")
        self.assertEqual(self.fake.deliver(), [])
        self.assertEqual(self.received(), [])

    def test_what_hangs_is_let_go(self):
        """A request that is in flight, and one that waits for its answer, end at once, and change nothing."""
        for kind in ("stall", "timeout_before", "timeout_after"):
            with self.subTest(kind=kind):
                self.fake.fault(kind, "POST")
                api, errors = self.client(), []
                waiting = threading.Thread(target=self._ask, args=(api, errors))
                waiting.start()
                wait_until(self._is_asked)
                self.fake.reset()
                waiting.join(5)
                self.assertFalse(waiting.is_alive())
                self.assertTrue(errors)
                self.assertEqual((self.fake.events(), self.fake.journal()), ([], []))
                self.assertEqual(list(self.client().customers()), [])

    def _is_asked(self):
        return any(entry.path == "/v1/checkout/sessions" for entry in self.fake.journal())

    def _ask(self, api, errors):
        try:
            api.session_create(key="one", **invoice())
        except StripeFailure as error:
            errors.append(error)

    def test_a_client_goes_on_with_its_connection_cut(self):
        self.api.account()
        for _time in range(3):
            self.fake.reset()
            self.assertEqual(self.client().account()["id"], self.fake.account.id)

    def test_what_the_fake_could_not_do_is_told_once(self):
        headers = {"Authorization": f"Bearer {self.fake.secret_key}", "Stripe-Version": self.fake.api.version}
        data = {"mode": "subscription", "success_url": "https://merchant.example"}
        requests.post(f"{self.fake.url}/v1/checkout/sessions", data=data, headers=headers, timeout=5)
        with self.assertRaisesRegex(RuntimeError, "no sessions in subscription mode"):
            self.fake.reset()
        self.fake.reset()

    def test_it_goes_on_delivering_alone(self):
        before = _deliverers()
        with FakeStripe(automatic=True) as fake:
            for _time in range(2):
                fake.reset()
                api = StripeApi(fake.secret_key, base=fake.url, retries=0)
                api.webhook_create(key="k1", url=self.receiver.url, enabled_events=["customer.created"])
                api.customer_create(key="k2")
                wait_until(lambda: self.received_types() == ["customer.created"])
            wait_until(lambda: len(_deliverers() - before) == 1)
        wait_until(lambda: not _deliverers() - before)


def _deliverers():
    """The threads that deliver events."""
    targets = [(thread, getattr(thread, "_target", None)) for thread in threading.enumerate()]
    return {thread for thread, target in targets if getattr(target, "__qualname__", "") == "Outbox.run"}


if __name__ == "__main__":
    unittest.main()
