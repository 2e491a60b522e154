"""The fake as its users see it."""

import functools
import threading

from . import balance as money
from . import checkout, disputes, ledger, methods, refunds, setups
from .api import Api
from .endpoints import new_secret
from .faults import Fault
from .outbox import Disturbance
from .server import Server
from .world import API_VERSION, World


class FakeStripe:
    """A Stripe on this machine.

    .. code-block:: python

        with FakeStripe() as fake:
            api = StripeApi(fake.secret_key, base=fake.url)

    Objects are given by id and returned as Stripe's JSON; amounts are minor units.

    :param int port: to listen on; 0 for any
    :param bool automatic: deliver events in the background at once, instead of when :meth:`deliver` is called
    :param str version: API version that requests must name
    :param start: seconds since the epoch at which time stands still until :meth:`advance`; None for the real time
    :param int search_delay: seconds after which searches find an object
    :ivar account: the first account
    :ivar crashes: tracebacks of what the fake could not do; :meth:`stop` and :meth:`reset` raise if there are any
    """

    def __init__(self, port=0, automatic=False, version=API_VERSION, start=None, search_delay=60):
        self.automatic = automatic
        self._new_world = functools.partial(World, start, search_delay)
        self._new_api = functools.partial(Api, version=version)
        self._server = Server(self, port)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._begin()

    # === LIFE === #

    def _begin(self):
        """Make a world in which nothing has happened yet."""
        self.world = self._new_world()
        self.world.url = self.url
        self.api = self._new_api(self.world)
        self.account = self.add_account("Fake Merchant")
        self.crashes = []
        self._ended = threading.Event()

    def start(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self._deliver_alone()
        return self

    def _deliver_alone(self):
        if self.automatic:
            threading.Thread(target=self.world.outbox.run, args=(self._ended,), daemon=True).start()

    def reset(self):
        """Be as new, at the same address: other accounts and keys, nothing known, nothing set, nobody connected.

        Requests that are under way end in the old world, and nobody hears their answers.

        :raise RuntimeError: something was asked of the fake that it can't do
        """
        api, ended, crashes = self.api, self._ended, self.crashes
        self._begin()
        self._deliver_alone()
        self._end(api, ended, crashes)

    def stop(self):
        """Stop.

        :raise RuntimeError: something was asked of the fake that it can't do
        """
        self._server.shutdown()
        self._server.server_close()
        self._end(self.api, self._ended, self.crashes)

    def _end(self, api, ended, crashes):
        """End what still goes on in a world, and say what failed in it."""
        self._server.disconnect()
        ended.set()
        api.world.outbox.woken.set()
        api.release()
        if crashes:
            raise RuntimeError("The fake Stripe failed:\n" + "\n".join(crashes))

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exception):
        self.stop()

    # === ACCOUNTS === #

    @property
    def secret_key(self):
        """The test key of the first account."""
        return self.account.key()

    def add_account(self, name, **values):
        """Make another account.

        :param values: fields of :class:`.world.Account`
        :return: the account; its keys are ``account.key(livemode)``
        """
        return self.world.add_account(name, **values)

    def realm(self, key=None):
        """The objects that a key opens; by default the first account's test mode."""
        return self.world.realms[key or self.secret_key]

    def get(self, object_id):
        """An object as it is now."""
        with self.world.lock:
            self.world.tick()
            return self.world.realm_of(object_id).objects[object_id]

    def _find(self, object_id):
        self.world.tick()
        realm = self.world.realm_of(object_id)
        return realm, realm.objects[object_id]

    def _do(self, action, object_id, *args, **kwargs):
        """Run ``action(realm, object, …)``; its result, or the object."""
        with self.world.lock:
            realm, found = self._find(object_id)
            return action(realm, found, *args, **kwargs) or found

    # === CUSTOMERS AND BANKS === #

    def pay(self, session_id, method="card", outcome="succeed", email=checkout.EMAIL):
        """Submit a session's page, as :func:`.checkout.pay` says; the session."""
        return self._do(checkout.pay, session_id, method, outcome, email)

    def authenticate(self, session_id, succeed=True):
        """Answer, or fail, the 3-D Secure question that a session waits for; the session."""
        return self._do(checkout.authenticate, session_id, succeed)

    def expire(self, session_id):
        """A page has been open for too long; the session."""
        return self._do(checkout.leave, session_id)

    def settle(self, intent_id, succeed=True):
        """A SEPA debit succeeds or fails; the PaymentIntent."""
        return self._do(checkout.settle_intent, intent_id, succeed)

    def save_method(self, customer_id, kind="card", outcome="succeed"):
        """Store a payment method of a customer; ``outcome`` is how charges of it end; the method."""
        return self._do(lambda realm, found: methods.new_method(realm, kind, outcome, found["id"]), customer_id)

    def set_outcome(self, method_id, outcome):
        """Change how later charges of a stored payment method end; the method."""
        return self._do(lambda realm, found: realm.hidden[method_id].update(outcome=outcome), method_id)

    def replace_card(self, method_id, **details):
        """A bank replaces a card, as :func:`.methods.replace` says; the method."""
        return self._do(methods.replace, method_id, **details)

    def detach(self, method_id):
        """A stored payment method is removed in the dashboard; the method."""
        return self._do(methods.detach, method_id)

    def delete_customer(self, customer_id):
        """A customer is deleted in the dashboard; the customer."""
        return self._do(methods.remove_customer, customer_id)

    def revoke(self, mandate_id):
        """A customer, or a bank, takes a mandate back; the mandate."""
        return self._do(setups.revoke, mandate_id)

    def verify(self, setup_id, succeed=True):
        """The customer confirms the small deposits that a SetupIntent waits for, or can't; the SetupIntent."""
        return self._do(setups.verify, setup_id, succeed)

    def refund(self, charge_id, amount=None):
        """Refund a charge, or a PaymentIntent's, in the dashboard; the refund."""
        with self.world.lock:
            realm, found = self._find(charge_id)
            return refunds.refund(realm, realm.objects[found.get("latest_charge") or charge_id], amount)

    def settle_refund(self, refund_id):
        return self._do(refunds.settle_refund, refund_id)

    def fail_refund(self, refund_id):
        return self._do(refunds.fail_refund, refund_id)

    def dispute(self, charge_id, **values):
        """Dispute a charge, or a PaymentIntent's, as :func:`.disputes.open_dispute` says; the dispute."""
        with self.world.lock:
            realm, found = self._find(charge_id)
            return disputes.open_dispute(realm, realm.objects[found.get("latest_charge") or charge_id], **values)

    def close_dispute(self, dispute_id, won, fee_back=True):
        return self._do(disputes.close_dispute, dispute_id, won, fee_back)

    def payout(self, key=None, currency=None, **values):
        """Pay out the balance; the payout."""
        with self.world.lock:
            self.world.tick()
            return money.payout(self.realm(key), currency, **values)

    def pay_payout(self, payout_id, trace=None):
        return self._do(money.pay_payout, payout_id, trace)

    def cancel_payout(self, payout_id):
        return self._do(money.cancel_payout, payout_id)

    def top_up(self, amount, currency=None, key=None):
        """Send money from the bank to the balance; the top-up."""
        with self.world.lock:
            return money.top_up(self.realm(key), amount, currency or self.account.currency)

    def adjust(self, amount, currency=None, key=None, **values):
        """Correct the balance, as :func:`.balance.adjust` says; the balance transaction."""
        with self.world.lock:
            return money.adjust(self.realm(key), amount, currency or self.account.currency, **values)

    def fail_payout(self, payout_id):
        return self._do(money.fail_payout, payout_id)

    # === TIME, EVENTS AND FAULTS === #

    def advance(self, seconds):
        """Let time pass; what is due then happens."""
        with self.world.lock:
            self.world.clock.advance(seconds)
            self.world.tick()
        self.world.outbox.woken.set()

    def deliver(self, limit=None, order=None):
        """Make the due deliveries, once each.

        :param order: ``fifo``, ``reverse`` or ``shuffle``, from now on
        :return: list of (event type, HTTP status or 0)
        """
        self.world.outbox.order = order or self.world.outbox.order
        return self.world.outbox.deliver(limit)

    def disturb(self, kind, event_type="*", times=1, seconds=3600):
        """``drop``, ``duplicate`` or ``delay`` the next events of a type (a pattern)."""
        self.world.outbox.disturbances.append(Disturbance(kind, event_type, times, seconds))

    def skew(self, seconds):
        """Set the clock that events are signed with wrong."""
        self.world.outbox.skew = seconds

    def rotate_secret(self, endpoint_id, keep_old=True):
        """Give a webhook endpoint a new signing secret; the secret. Both sign for as long as the old one is kept."""
        with self.world.lock:
            kept = self.world.realm_of(endpoint_id).hidden[endpoint_id]["secrets"]
            kept[:] = [new_secret(), *kept[: 1 if keep_old else 0]]
            return kept[0]

    def fault(self, kind, method="*", path="*", times=1):
        """Set a fault: see :class:`.faults.Fault`."""
        self.api.faults.append(Fault(kind, method, path, times))

    def abandon_faults(self):
        """Take back all faults and disturbances that are still set."""
        self.api.faults.clear()
        self.world.outbox.disturbances.clear()

    def release(self):
        """Let stalled requests go on."""
        self.api.release()

    # === WHAT HAPPENED === #

    def journal(self):
        """All requests: list of :class:`.api.Entry`."""
        return list(self.api.journal)

    def events(self, key=None):
        """All events, oldest first."""
        return self.realm(key).all("event")

    def deliveries(self):
        """All deliveries, made and to be made: list of :class:`.outbox.Delivery`."""
        return list(self.world.outbox.deliveries)

    def ledger(self, key=None):
        """What came of each PaymentIntent: list of :class:`.ledger.Payment`."""
        with self.world.lock:
            return ledger.payments(self.realm(key))

    def balance(self, key=None):
        """The account's balance, in minor units by currency."""
        with self.world.lock:
            return ledger.balance(self.realm(key))
