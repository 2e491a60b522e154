"""The API: from a request to an answer, without HTTP."""

import json
import threading
from dataclasses import dataclass, field

from . import balance, disputes, endpoints, intents, methods, refunds, sessions, setups  # noqa: F401 (operations)
from .checking import check
from .errors import ApiError
from .faults import KINDS, take
from .forms import parse
from .idempotency import Keys
from .lists import expand
from .routing import find
from .world import API_VERSION


@dataclass
class Request:
    """What came over HTTP; ``encoded`` is the body, or the query of a GET or DELETE."""

    method: str
    path: str
    encoded: str
    headers: dict


@dataclass
class Answer:
    """What goes back. ``lost``: None, ``timeout`` or ``disconnect``: the client gets nothing."""

    status: int
    body: bytes
    headers: dict = field(default_factory=dict)
    lost: str | None = None


@dataclass
class Entry:
    """A line of the journal. ``status`` is what was answered or got lost; 0 if there is no answer."""

    method: str
    path: str
    params: dict
    account: str | None = None
    key: str | None = None
    status: int = 0
    replayed: bool = False
    fault: str | None = None
    request_id: str | None = None


class Api:
    """The API of a world.

    :ivar journal: all requests, in order
    :ivar faults: those that are set
    :ivar released: what stalled requests wait for
    """

    def __init__(self, world, version=API_VERSION):
        self.world = world
        self.version = version
        self.keys = Keys(world.clock)
        self.journal = []
        self.faults = []
        self.released = threading.Event()

    def release(self):
        """Let the stalled requests go on."""
        released, self.released = self.released, threading.Event()
        released.set()

    def handle(self, request):
        """Answer a request."""
        entry = Entry(request.method, request.path, {}, key=request.headers.get("idempotency-key"))
        with self.world.lock:
            fault = take(self.faults, request.method, request.path)
            self.journal.append(entry)
            entry.request_id = self.world.new_id("req")
        entry.fault = fault and fault.kind
        if fault and KINDS[fault.kind] == "before":
            answer = _unseen(fault.kind)
            entry.status = answer.status
            return answer
        answer = self._answer(request, entry, fault and fault.kind)
        entry.status = answer.status
        answer.headers = {**answer.headers, "Request-Id": entry.request_id, "Stripe-Version": self.version}
        return _lost(fault.kind) if fault and KINDS[fault.kind] == "after" else answer

    def _answer(self, request, entry, fault):
        try:
            realm = self._realm(request)
            entry.account = realm.account.id
            operation, ids = find(request.method, request.path)
            raw = parse(request.encoded)
            entry.params = raw
            params = check(operation.params, raw)
            work = lambda: self._work(operation, realm, params, ids, fault)  # noqa: E731
            if request.method == "POST" and entry.key:
                return self._once(realm, entry, raw, work, fault)
            return _json(200, work())
        except ApiError as error:
            return _json(error.status, error.body())

    def _realm(self, request):
        """The account and mode that the key opens.

        :raise ApiError: no or a wrong key, another API version, or an account of somebody else
        """
        key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        realm = self.world.realms.get(key)
        if not key:
            raise ApiError("You did not provide an API key.", status=401)
        if not realm:
            raise ApiError(f"Invalid API Key provided: {key[:8]}****{key[-4:]}", status=401)
        if "stripe-account" in request.headers:
            raise ApiError("The key does not have access to this account.", "account_invalid", status=403)
        version = request.headers.get("stripe-version")
        if version != self.version:
            raise ApiError(f"Invalid Stripe API version: {version}; this fake is {self.version}.")
        return realm

    def _once(self, realm, entry, raw, work, fault):
        """Do a request that has an idempotency key, or replay it."""
        scope = (realm.account.id, realm.livemode)
        with self.world.lock:
            kept = self.keys.claim(scope, entry.key, (entry.method, entry.path, json.dumps(raw, sort_keys=True)))
        entry.replayed = kept is not None
        if kept:
            return Answer(kept.status, kept.body, {**kept.headers, "Idempotent-Replayed": "true"})
        if fault == "stall":
            self.released.wait(30)
        return self._keep(scope, entry, work)

    def _keep(self, scope, entry, work):
        self.world.request.id, self.world.request.key = entry.request_id, entry.key
        try:
            answer = _json(200, work())
        except ApiError as error:
            answer = _json(error.status, error.body())
        except BaseException:
            self.keys.forget(scope, entry.key)
            raise
        finally:
            self.world.request.id = self.world.request.key = None
        answer.headers |= {"Idempotency-Key": entry.key, "Original-Request": entry.request_id}
        if answer.status == 500:  # a repetition would only replay it
            answer.headers["Stripe-Should-Retry"] = "false"
        self.keys.keep(scope, entry.key, answer)
        return answer

    def _work(self, operation, realm, params, ids, fault):
        """Run an operation and expand its answer, alone in the world."""
        with self.world.lock:
            self.world.tick()
            paths = params.pop("expand", [])
            if fault == "500":
                raise _broken()
            answer = expand(realm, operation.run(realm, params, *ids), paths)
            if fault == "500_done":
                raise _broken()
            return answer


def _broken():
    return ApiError("An unknown error occurred", status=500, type="api_error")


def _json(status, body):
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _unseen(kind):
    """The answer to a request that the API never saw."""
    if kind == "429":
        return _json(429, ApiError("Request rate limit exceeded.", "rate_limit").body())
    if kind == "503":
        return Answer(503, b"<html>Service unavailable</html>", {"Content-Type": "text/html"})
    return _lost(kind)


def _lost(kind):
    """What arrives instead of an answer."""
    if kind == "garbled":
        return Answer(200, b"<html>Welcome to the hotel</html>", {"Content-Type": "text/html"})
    return Answer(0, b"", lost=kind.split("_")[0])
