"""What the tests that need no Odoo share: run by `make test`."""

import json
import logging
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fake_stripe import FakeStripe
from tools.stripe_client import StripeApi

logging.getLogger("tools").addHandler(logging.NullHandler())


def wait_until(condition, seconds=5):
    """Wait for what another thread is about to do; an AssertionError if it never does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("It never happened.")
        time.sleep(0.01)


def invoice(amount=5000, currency="eur", **values):
    """Parameters of a Checkout Session for one line of ``amount`` minor units."""
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Invoice 1"}}
    return {
        "mode": "payment",
        "success_url": "https://merchant.example/back",
        "line_items": [{"quantity": 1, "price_data": price}],
        **values,
    }


class FakeCase(unittest.TestCase):
    """A fake Stripe, whose time stands still, and a client of it for each test."""

    def setUp(self):
        self.fake = FakeStripe(start=time.time()).start()
        self.addCleanup(self.fake.stop)
        self.api = self.client()
        self.serial = 0

    def client(self, key=None, **options):
        options.setdefault("retries", 0)
        return StripeApi(key or self.fake.secret_key, base=self.fake.url, **options)

    def hasty(self):
        """A client that soon gives up waiting."""
        return self.client(timeout=0.1)

    def key(self):
        """A new idempotency key."""
        self.serial += 1
        return f"key-{self.serial}"

    def session(self, **values):
        return self.api.session_create(key=self.key(), **invoice(**values))

    def paid(self, method="card", outcome="succeed", **values):
        """A paid session, with its PaymentIntent and charge expanded."""
        session_id = self.session(**values)["id"]
        self.fake.pay(session_id, method, outcome)
        return self.api.session(session_id, expand=["payment_intent.latest_charge"])

    def stored_method(self, kind="card", outcome="succeed"):
        """A customer and a payment method stored for it."""
        customer = self.api.customer_create(key=self.key(), email="marie@example.com")
        return customer["id"], self.fake.save_method(customer["id"], kind, outcome)["id"]

    def charge(self, customer_id, method_id, api=None, key=None, **values):
        """Charge a stored payment method off-session."""
        values = {"amount": 1000, "currency": "eur", "off_session": True, "confirm": True, **values}
        api = api or self.api
        return api.intent_create(key=key or self.key(), customer=customer_id, payment_method=method_id, **values)

    def event_types(self):
        return [event["type"] for event in self.fake.events()]


class Receiver:
    """A webhook endpoint.

    :ivar statuses: what it answers, in order; 200 when they are used up
    :ivar received: list of (body, signature header)
    :ivar open: cleared, it lets the fake wait for the answer
    """

    def __init__(self):
        self.statuses = []
        self.received = []
        self.open = threading.Event()
        self.open.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((body, self.headers["Stripe-Signature"]))
                receiver.open.wait(5)
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class EventCase(FakeCase):
    """The same, with an endpoint that listens to all events."""

    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.endpoint = self.listen("*")

    def listen(self, *types, **values):
        return self.api.webhook_create(key=self.key(), url=self.receiver.url, enabled_events=list(types), **values)

    def received(self):
        """The events received so far; they are forgotten."""
        events = [json.loads(body) for body, _header in self.receiver.received]
        self.receiver.received.clear()
        return events

    def received_types(self):
        return [event["type"] for event in self.received()]
