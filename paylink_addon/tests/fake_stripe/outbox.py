"""Events on their way to the webhook endpoints: signed, delivered over HTTP, repeated, and disturbed on demand."""

import fnmatch
import json
import random
import threading
import time
from dataclasses import dataclass, field

import requests
import stripe

# Pauses before the next attempts, in seconds: growing, for three days. https://docs.stripe.com/webhooks#retries
PAUSES = (300, 1800, 7200, 18000, 36000, 36000, 36000, 36000, 36000, 36000)
TIMEOUT = 10  # seconds that an endpoint has for its answer

ORDERS = {
    "fifo": lambda due: due,
    "reverse": lambda due: due[::-1],
    "shuffle": lambda due: random.sample(due, len(due)),
}


@dataclass
class Disturbance:
    """What happens to the next ``times`` events whose type matches ``event_type``.

    :ivar kind: ``drop``, ``duplicate`` or ``delay``
    :ivar seconds: the delay
    """

    kind: str
    event_type: str = "*"
    times: int = 1
    seconds: int = 3600


@dataclass
class Delivery:
    """One event for one endpoint.

    :ivar due: time of the next attempt, or None when there is none
    :ivar statuses: HTTP status of each attempt; 0 for none
    """

    realm: object
    event: dict
    endpoint: str
    due: int | None
    statuses: list = field(default_factory=list)

    @property
    def done(self):
        return bool(self.statuses) and 200 <= self.statuses[-1] < 300


class Outbox:
    """The queue of deliveries.

    :ivar order: a key of :data:`ORDERS`
    :ivar skew: seconds by which the signing clock is wrong
    """

    def __init__(self, world):
        self.world = world
        self.deliveries = []
        self.disturbances = []
        self.order = "fifo"
        self.skew = 0
        self.woken = threading.Event()
        self.sending = threading.Lock()

    def queue(self, realm, event):
        """Put an event into the queue of every endpoint that listens to it, as far as nothing disturbs that."""
        for endpoint in realm.all("webhook_endpoint"):
            wanted = endpoint["enabled_events"]
            if endpoint["status"] == "enabled" and ("*" in wanted or event["type"] in wanted):
                times, delay = self._disturb(event)
                event["pending_webhooks"] += min(times, 1)
                due = self.world.clock.now() + delay
                self.deliveries += [Delivery(realm, event, endpoint["id"], due) for _time in range(times)]
        self.woken.set()

    def _disturb(self, event):
        """How often to deliver an event, and how many seconds late."""
        for found in self.disturbances:
            if found.times and fnmatch.fnmatch(event["type"], found.event_type):
                found.times -= 1
                return {"drop": (0, 0), "duplicate": (2, 0), "delay": (1, found.seconds)}[found.kind]
        return 1, 0

    def due(self):
        """The deliveries whose time has come, in the order in which they will be made."""
        with self.world.lock:
            self.world.tick()
            now = self.world.clock.now()
            found = [one for one in self.deliveries if one.due is not None and one.due <= now]
            return ORDERS[self.order](found)

    def deliver(self, limit=None):
        """Make the due deliveries, once each; what another thread is sending has arrived then, too.

        :return: list of (event type, HTTP status)
        """
        with self.sending:
            return [(found.event["type"], self.send(found)) for found in self.due()[:limit]]

    def send(self, delivery):
        """Make one attempt. The lock is free meanwhile: the receiver may call the API."""
        with self.world.lock:
            endpoint = delivery.realm.objects.get(delivery.endpoint)
            taken, delivery.due = delivery.due, None
        if not endpoint or taken is None:
            return 0
        body = json.dumps({**delivery.event, "api_version": endpoint["api_version"] or delivery.event["api_version"]})
        secrets = delivery.realm.hidden[delivery.endpoint]["secrets"]
        status = self.post(endpoint["url"], body, self.sign(body, *secrets))
        with self.world.lock:
            self._note(delivery, status)
        return status

    def post(self, url, body, signature):
        """Send a message to an endpoint.

        :return: HTTP status, 0 if there was no answer
        :rtype: int
        """
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0"}
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(headers | {"Stripe-Signature": signature})
            try:
                return session.post(url, body.encode(), timeout=TIMEOUT, allow_redirects=False).status_code
            except requests.RequestException:
                return 0

    def sign(self, body, *secrets):
        """The ``Stripe-Signature`` header: one signature for each secret, and the test mode's decoy."""
        stamp = int(time.time()) + self.skew
        signed = [stripe.WebhookSignature.generate_signature_header(body, secret, stamp) for secret in secrets]
        return ",".join([f"t={stamp}", *(header.split(",")[1] for header in signed), "v0=" + "0" * 64])

    def _note(self, delivery, status):
        delivery.statuses.append(status)
        if delivery.done:
            delivery.event["pending_webhooks"] = max(delivery.event["pending_webhooks"] - 1, 0)
        elif len(delivery.statuses) <= len(PAUSES):
            delivery.due = self.world.clock.now() + PAUSES[len(delivery.statuses) - 1]

    def run(self, stopped):
        """Deliver until ``stopped`` is set: the loop of the automatic mode."""
        while True:
            self.woken.wait(1)
            if stopped.is_set():
                return
            self.woken.clear()
            self.deliver()
