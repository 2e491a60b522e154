# pylint: disable=missing-return
"""HTTP: the API under ``/v1``, the hosted page under ``/c/pay``, and the controls under ``/_control``."""

import contextlib
import dataclasses
import json
import select
import socket
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from . import page
from .api import Answer, Request

HOLD = 60  # seconds that a client may wait for an answer that never comes

# What can be done over HTTP: methods of FakeStripe (POST with JSON arguments), and what it shows (GET).
COMMANDS = {
    "abandon_faults",
    "advance",
    "authenticate",
    "close_dispute",
    "deliver",
    "dispute",
    "disturb",
    "fail_payout",
    "fail_refund",
    "fault",
    "pay",
    "pay_payout",
    "payout",
    "refund",
    "release",
    "rotate_secret",
    "set_outcome",
    "settle",
    "settle_refund",
    "skew",
}
VIEWS = {"journal", "ledger", "balance", "events", "deliveries"}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        """The journal is enough."""

    def _serve(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        try:
            answer = self._dispatch(url, body)
        except Exception as error:  # noqa: BLE001 (kept, and raised by `stop`)
            self.server.fake.crashes.append(traceback.format_exc())
            text = json.dumps({"error": {"type": "fake_error", "message": repr(error)}})
            answer = Answer(501, text.encode(), {"Content-Type": "application/json"})
        self._send(answer)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    def _dispatch(self, url, body):
        for prefix, name in _PREFIXES.items():
            if url.path.startswith(prefix):
                return getattr(self, name)(url, body)
        return Answer(404, b"Not found", {"Content-Type": "text/plain"})

    def _send(self, answer):
        if answer.lost:
            self._lose(answer.lost)
            return
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _lose(self, how):
        """Let the client wait until it gives up, or close the connection at once."""
        self.close_connection = True
        if how == "timeout":
            select.select([self.connection], [], [], HOLD)
        _cut(self.connection)

    def _api(self, url, body):
        headers = {name.lower(): value for name, value in self.headers.items()}
        encoded = body if self.command == "POST" else url.query
        return self.server.fake.api.handle(Request(self.command, url.path, encoded, headers))

    def _page(self, url, body):
        world = self.server.fake.world
        with world.lock:
            world.tick()
            try:
                realm = world.realm_of(url.path.removeprefix("/c/pay/"))
            except KeyError:
                return Answer(404, b"There is no such page.", {"Content-Type": "text/plain"})
            session = realm.objects[url.path.removeprefix("/c/pay/")]
            if self.command == "GET":
                return _html(page.show(realm, session))
            target = page.submit(realm, session, body)
        if target and self.server.fake.automatic:
            self.server.fake.deliver()  # the customer is sent on only after the merchant has heard of it
        return Answer(303, b"", {"Location": target or url.path})

    def _control(self, url, body):
        name = url.path.removeprefix("/_control/")
        allowed = VIEWS if self.command == "GET" else COMMANDS
        if name not in allowed:
            return Answer(404, json.dumps({"known": sorted(allowed)}).encode(), {"Content-Type": "application/json"})
        found = getattr(self.server.fake, name)(**(json.loads(body) if body else {}))
        return Answer(200, json.dumps(found, default=_plain).encode(), {"Content-Type": "application/json"})


_PREFIXES = {"/v1/": "_api", "/c/pay/": "_page", "/_control/": "_control"}


def _html(text):
    return Answer(200, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


def _plain(value):
    if dataclasses.is_dataclass(value):
        return {name: getattr(value, name) for name in value.__dataclass_fields__ if name != "realm"}
    return str(value)


class Server(ThreadingHTTPServer):
    """The listening socket of a fake, and its connections, which end with it."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, fake, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.fake = fake
        self.connections = set()

    def handle_error(self, request, client_address):
        """A client that is gone before its answer is no error of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def disconnect(self):
        """End all connections."""
        for connection in list(self.connections):
            _cut(connection)


def _cut(connection):
    with contextlib.suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)
