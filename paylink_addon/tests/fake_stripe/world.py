"""What the fake knows: a clock, accounts, and for each account and mode a realm of objects."""

import collections
import secrets
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal

from . import shapes
from .errors import absent
from .outbox import Outbox

# The version that requests must name, and that events are written in unless their endpoint says otherwise.
API_VERSION = "2026-10-28.endive"


class Clock:
    """The time of the fake's objects, in seconds since the epoch.

    :param start: None to follow the machine's clock, or a time at which the clock stands still
    """

    def __init__(self, start=None):
        self.start = start
        self.offset = 0

    def now(self):
        return int(time.time() if self.start is None else self.start) + self.offset

    def advance(self, seconds):
        self.offset += int(seconds)


@dataclass
class Account:
    """A merchant.

    :ivar country: ISO code
    :ivar currency: of its bank account, lower case
    :ivar takes: the types of payment methods that it has to apply for, and may take
    :ivar rates: exchange rates into ``currency``, per minor unit, by currency; what is not in it is settled as it is
    """

    id: str
    name: str
    country: str = "FR"
    currency: str = "eur"
    rates: dict = field(default_factory=dict)
    takes: tuple = ()

    def key(self, livemode=False):
        """The account's secret key."""
        return f"sk_{'live' if livemode else 'test'}_{self.id.removeprefix('acct_')}"

    def settle(self, amount, currency):
        """Convert into the settlement currency.

        :param int amount: minor units
        :return: minor units, currency, rate or None
        """
        rate = self.rates.get(currency)
        if rate is None:
            return amount, currency, None
        return int((Decimal(str(rate)) * amount).to_integral_value()), self.currency, float(rate)


class World:
    """Everything, and the lock that guards it."""

    def __init__(self, start=None, search_delay=60):
        self.lock = threading.RLock()
        self.clock = Clock(start)
        self.token = secrets.token_hex(4)
        self.serial = 0
        self.search_delay = search_delay
        self.accounts = {}
        self.realms = {}
        self.outbox = Outbox(self)
        self.request = threading.local()
        self.url = ""

    def add_account(self, name, **values):
        account = Account(values.pop("id", None) or self.new_id("acct"), name, **values)
        self.accounts[account.id] = account
        for livemode in (False, True):
            self.realms[account.key(livemode)] = Realm(self, account, livemode)
        return account

    def new_id(self, prefix):
        """An id that no other object has, in this run of the fake or another."""
        self.serial += 1
        return f"{prefix}_{self.token}{self.serial:010d}"

    def realm_of(self, object_id):
        """The realm that an object lives in.

        :raise KeyError: there is no such object
        """
        for realm in self.realms.values():
            if object_id in realm.objects:
                return realm
        raise KeyError(object_id)

    def tick(self):
        """Let everything happen that is due by now."""
        for realm in self.realms.values():
            for action in TIMERS:
                action(realm)


# Functions ``(realm)`` that do what is due; the resource modules add theirs.
TIMERS = []


def timer(function):
    """Decorator: call ``function(realm)`` whenever time may have passed."""
    TIMERS.append(function)
    return function


class Realm:
    """One account's objects in one mode.

    :ivar objects: every object by id, the events too
    :ivar hidden: by id, what Stripe knows of an object but does not show
    """

    def __init__(self, world, account, livemode):
        self.world = world
        self.account = account
        self.livemode = livemode
        self.objects = {}
        self.kinds = collections.defaultdict(dict)
        self.hidden = {}

    def now(self):
        return self.world.clock.now()

    def add(self, kind, prefix, hidden=None, **values):
        """Make an object.

        :param str kind: its ``object``
        :param dict hidden: what goes with it and is not shown
        """
        found = {"id": self.world.new_id(prefix), "object": kind, **values}
        always = {"created": self.now(), "livemode": self.livemode}
        found |= {name: value for name, value in always.items() if shapes.knows(kind, name)}
        self.hidden[found["id"]] = hidden or {}
        return self._keep(found)

    def _keep(self, found):
        self.objects[found["id"]] = self.kinds[found["object"]][found["id"]] = shapes.complete(found)
        return found

    def remove(self, found):
        """Forget an object."""
        del self.objects[found["id"]], self.kinds[found["object"]][found["id"]]

    def get(self, kind, object_id, param=None):
        """Find an object.

        :param str param: the parameter that names it, or None for the URL
        :raise ApiError: there is no such object of this kind
        """
        found = self.objects.get(object_id)
        if not found or found["object"] != kind:
            raise absent(kind, object_id, param)
        return found

    def all(self, kind):
        """The objects of a kind, oldest first."""
        return list(self.kinds[kind].values())

    def update(self, found, *events, **values):
        """Change an object, and tell in events."""
        previous = {key: shapes.copied(found[key]) for key, value in values.items() if found[key] != value}
        found.update(values)
        for event in events:
            self.emit(event, found, previous)

    def emit(self, event_type, found, previous=None):
        """Make an event of an object as it is now, and put it into the outbox."""
        data = {"object": shapes.copied(shapes.complete(found))}
        if previous and event_type.endswith("updated"):
            data["previous_attributes"] = previous
        request = self.world.request
        event = {
            "id": self.world.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": 0,
            "request": {
                "id": getattr(request, "id", None),
                "idempotency_key": getattr(request, "key", None),
            },
            "type": event_type,
        }
        self.world.outbox.queue(self, self._keep(event))
