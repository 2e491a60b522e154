"""The only door to Stripe: a thin layer over the official SDK, and the only file that imports it.

* Objects leave this module as plain ``dict``; amounts in them are minor units, times are seconds since the epoch.
* Every request that changes something takes an idempotency key, which the caller stores *before* the call: the same
  key with the same parameters replays the saved answer for 24 hours (https://docs.stripe.com/api/idempotent_requests).
* Whatever goes wrong is one of the failures of :mod:`.stripe_errors`, which say what the caller may do next.
* Logs and messages carry no key, client secret, payment page address or e-mail address.
"""

import contextvars
import copy
import functools
import json
import logging
import operator
import os
import re
import ssl
import time

import requests
import stripe
from urllib3.exceptions import NewConnectionError

from . import stripe_errors as errors

try:
    from odoo.tools import config
except ImportError:  # the module also works without Odoo, for its tests and for scripts
    config = {}

_logger = logging.getLogger(__name__)
API_VERSION = "2026-10-28.endive"
TIMEOUT = 20.0  # seconds, to connect and then for the answer (one number: Odoo's tests compare it with theirs)
MAX_RETRIES = 2  # by the SDK, within one call, always with the same idempotency key
# A job can wait. Whoever has clicked keeps a worker from all others, and is told soon to try again: what was asked is
# stored, and the next click or a job asks with the same key.
PATIENCE = {
    "job": {"timeout": TIMEOUT, "retries": MAX_RETRIES},
    "click": {"timeout": TIMEOUT / 4, "retries": 1},
}
SIGNATURE_TOLERANCE = 300  # seconds, https://docs.stripe.com/webhooks#replay-attacks

stripe.set_app_info("Paylink for Odoo", version="19.0")
for _name in (__name__, "stripe"):
    logging.getLogger(_name).addFilter(errors.RedactingFilter())


def api_base():
    """The API's base address as set by the server's administrator, or None for Stripe's own.

    Environment variable ``PAYLINK_STRIPE_API_BASE`` or option ``paylink_stripe_api_base`` of ``odoo.conf``; never
    from the database, where a user's right to write would become a way to read the keys.
    """
    base = os.environ.get("PAYLINK_STRIPE_API_BASE") or config.get("paylink_stripe_api_base") or ""
    return base.strip().rstrip("/") or None


def is_live(secret_key):
    """Whether a secret or restricted key is a live one.

    :raise StripeRefused: it is not a secret or restricted key at all
    """
    match = re.fullmatch(r"[sr]k_(live|test)_\w+", secret_key or "", re.ASCII)
    if not match:
        raise errors.StripeRefused("This is not a Stripe secret key: those start with sk_live_, sk_test_ or rk_.")
    return match[1] == "live"


# Whether an attempt of the current call ended without saying if the request was carried out.
_uncertain = contextvars.ContextVar("_uncertain", default=False)


class _Transport(stripe.RequestsClient):
    """The SDK's HTTP client. It notes what each attempt left uncertain: the SDK shows only the last one."""

    def request(self, method, url, headers, post_data=None):
        try:
            answer = super().request(method, url, headers, post_data)
        except stripe.APIConnectionError as error:
            if not _never_sent(error.__cause__):
                _uncertain.set(True)
            raise
        if not 400 <= answer[1] < 500 or answer[1] == 409:  # a 200 too: it may turn out to be unreadable
            _uncertain.set(True)
        return answer

    def _should_retry(self, response, api_connection_error, *args, **kwargs):
        """Who was silent until the time was over is not waited for once more."""
        if isinstance(getattr(api_connection_error, "__cause__", None), requests.Timeout):
            return False
        return super()._should_retry(response, api_connection_error, *args, **kwargs)


def _never_sent(error):
    """Whether a ``requests`` exception proves that no byte of the request left: no connection, or no trusted one."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    untrusted = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in getattr(reason, "args", ()))
    return untrusted or isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


@functools.lru_cache(maxsize=8)
def _transport(timeout):
    """One transport per time-out and process: its connections are kept alive, and it holds no key."""
    return _Transport(timeout=timeout)


def _reads(path):
    """A method that retrieves one object: ``method(id, expand=())`` → ``dict``."""

    def method(self, *ids, expand=()):
        return self.call(path, *ids, params={"expand": list(expand)} if expand else {})

    return method


def _lists(path):
    """A method that lists objects, newest first: ``method(**params)`` → iterator of ``dict``, paged as it is read."""

    def method(self, **params):
        params.setdefault("limit", 100)
        while True:
            page = self.call(path, params=params)
            yield from page["data"]
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]

    return method


def _changes(path):
    """A method that changes something: ``method(*ids, key, **params)`` → ``dict``."""

    def method(self, *ids, key, **params):
        if not key:
            raise ValueError("A request that changes something needs a stored idempotency key.")
        return self.call(path, *ids, params=params, key=key)

    return method


class StripeApi:
    """Stripe, for one key.

    Parameters are Stripe's own (https://docs.stripe.com/api); the failures are those of :mod:`.stripe_errors`.

    :param str secret_key: secret or restricted key
    :param str base: base address of the API, or None for Stripe's own; see :func:`api_base`
    :param float timeout: seconds to connect, and then to wait for the answer, in each attempt
    :param int retries: how often the SDK repeats a failed attempt within one call
    :raise StripeRefused: the key can't be one
    """

    def __init__(self, secret_key, base=None, timeout=TIMEOUT, retries=MAX_RETRIES):
        self.livemode = is_live(secret_key)
        self._v1 = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": base} if base else {},
            max_network_retries=retries,
            http_client=_transport(timeout),
        ).v1

    account = _reads("accounts.retrieve_current")

    session = _reads("checkout.sessions.retrieve")
    sessions = _lists("checkout.sessions.list")
    session_create = _changes("checkout.sessions.create")
    session_expire = _changes("checkout.sessions.expire")

    intent = _reads("payment_intents.retrieve")
    intents = _lists("payment_intents.list")  # with `with_metadata`: Stripe's search lags behind by a minute or more
    intent_create = _changes("payment_intents.create")
    intent_capture = _changes("payment_intents.capture")
    intent_cancel = _changes("payment_intents.cancel")
    charge = _reads("charges.retrieve")

    refund = _reads("refunds.retrieve")
    refunds = _lists("refunds.list")
    refund_create = _changes("refunds.create")
    dispute = _reads("disputes.retrieve")

    customer = _reads("customers.retrieve")
    customers = _lists("customers.list")
    customer_create = _changes("customers.create")
    customer_update = _changes("customers.update")
    method = _reads("payment_methods.retrieve")
    method_detach = _changes("payment_methods.detach")
    setup_intent = _reads("setup_intents.retrieve")
    mandate = _reads("mandates.retrieve")

    balance = _reads("balance.retrieve")
    payout = _reads("payouts.retrieve")
    payouts = _lists("payouts.list")
    transaction = _reads("balance_transactions.retrieve")
    transactions = _lists("balance_transactions.list")  # of a payout: `payout=`, once its reconciliation is completed

    events = _lists("events.list")  # 30 days back
    webhooks = _lists("webhook_endpoints.list")
    webhook_create = _changes("webhook_endpoints.create")  # its `secret` is shown only in this answer

    def webhook_delete(self, endpoint_id):
        """Delete a webhook endpoint. Stripe takes no key for it: a second time is :class:`StripeAbsent`."""
        return self.call("webhook_endpoints.delete", endpoint_id)

    def call(self, path, *ids, params=None, key=None):
        """The one place where the SDK is called and its exceptions become ours.

        :param str path: service and operation, as in ``checkout.sessions.create``
        :param ids: of the objects in the address
        :param dict params: Stripe's parameters; amounts in minor units
        :param str key: idempotency key, for a request that changes something
        :return: the answer, as a ``dict``
        :raise StripeFailure: see :mod:`.stripe_errors`
        """
        _uncertain.set(False)
        operation = operator.attrgetter(path)(self._v1)
        try:
            answer = operation(*ids, params=params or {}, options={"idempotency_key": key} if key else {})
        except stripe.StripeError as error:
            failure = _failure(error, may_be_done=bool(key) and _uncertain.get())
            _logger.info("%s: %s: %s (%s)", path, type(failure).__name__, failure, failure.request_id)
            raise failure from None
        _logger.debug("%s: done", path)
        return answer.to_dict(for_json=True)


class NotAsked(BaseException):
    """Answers of Stripe's are needed that are not here. No ``Exception``: nobody on the way may take it for a failure.

    :ivar dict questions: functions that ask, by what tells a question from others
    """

    def __init__(self, questions):
        super().__init__(f"Stripe is asked first ({', '.join(sorted({question[0] for question in questions}))}).")
        self.questions = questions

    def ask(self, answers):
        """Ask now, and note the answers; that it was none is one, too. Who did not answer is asked nothing more.

        :param dict answers: see :class:`KnownAnswers`
        :return: whether Stripe has answered
        """
        for question, ask in self.questions.items():
            try:
                answers[question] = ask()
            except errors.StripeFailure as failure:
                answers[question] = failure
                if failure.is_silence:
                    return False
        return True


class Questions:
    """Those of things that are done one after the other, each in a ``with`` block: they come up all at once.

    What goes wrong after the first is the consequence of an answer that is not known, and is done anew with it.
    """

    def __init__(self):
        self._found = {}

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        if isinstance(error, NotAsked):
            self._found.update(error.questions)
            return True
        return isinstance(error, Exception) and bool(self._found)

    def come_up(self):
        """Now, if there are any.

        :raise NotAsked: with all of them
        """
        if self._found:
            raise NotAsked(self._found)


class Asking:
    """What is asked in one run of a job, when no row is held.

    :ivar dict answers: see :class:`KnownAnswers`
    :ivar bool is_silent: Stripe has not answered, and is asked nothing more in this run
    :ivar set left: ids of the records that are left to the next run for that
    """

    def __init__(self):
        self.answers, self.is_silent, self.left = {}, False, set()

    def ask(self, missing):
        """Ask what is missing.

        :return: whether Stripe was asked
        """
        if self.is_silent:
            return False
        self.is_silent = not missing.ask(self.answers)
        return True


class KnownAnswers(StripeApi):
    """Stripe for who holds rows, and so must not wait for it: it says what it was asked before.

    :param dict answers: what is known, by question
    :raise NotAsked: that is not known: undo what was done, ask, and begin anew
    """

    def __init__(self, secret_key, answers, **options):
        super().__init__(secret_key, **options)
        self._whose, self._answers = hash(secret_key), answers

    def call(self, path, *ids, params=None, key=None):
        """See :meth:`StripeApi.call`: of what changes nothing."""
        if key:
            raise ValueError("What changes something is stored, and asked when no row is held.")
        question = (path, ids, json.dumps(params or {}, sort_keys=True), self._whose)
        if question not in self._answers:
            raise NotAsked({question: lambda: super(KnownAnswers, self).call(path, *ids, params=params)})
        answer = self._answers[question]
        if isinstance(answer, errors.StripeFailure):
            raise answer
        return copy.deepcopy(answer)


def with_metadata(objects, **metadata):
    """Those of ``objects`` whose metadata has all the given values, to find what an unknown outcome left behind.

    :param objects: iterable of ``dict``, as the lists of :class:`StripeApi` give them
    :param metadata: values as strings
    """
    return (found for found in objects if metadata.items() <= (found.get("metadata") or {}).items())


_FAILURES = {
    stripe.CardError: errors.StripeDeclined,
    stripe.RateLimitError: errors.StripeTransient,
    stripe.APIConnectionError: errors.StripeTransient,
    stripe.APIError: errors.StripeTransient,
}


def _failure(error, may_be_done):
    """The failure for an SDK exception; ``may_be_done``: the request changes something, and that may have happened."""
    body = error.json_body if isinstance(error.json_body, dict) else {}
    found = body.get("error") if isinstance(body.get("error"), dict) else {}
    kind = _FAILURES.get(type(error), errors.StripeRefused)
    details = {
        "message": errors.redact(found.get("message") or _no_answer(error)),
        "code": found.get("code") or error.code,
        "param": found.get("param"),
        "status": error.http_status,
        "request_id": error.request_id,
    }
    if kind is errors.StripeDeclined:
        intent = (found.get("payment_intent") or {}).get("id")
        advice = {"decline_code": found.get("decline_code"), "advice_code": found.get("advice_code")}
        return errors.StripeDeclined(payment_intent=intent, **advice, **details)
    if kind is errors.StripeTransient and may_be_done:
        kind = errors.StripeUnknownOutcome
    if details["code"] == "resource_missing":
        kind = errors.StripeAbsent
    return kind(**details)


def _no_answer(error):
    """A message where Stripe gave none: the SDK's own is long, and names the address."""
    return f"Stripe gave no usable answer ({type(error.__cause__ or error).__name__})."


def verify_event(payload, header, secrets):
    """Check the signature of a webhook message and read the event in it.

    :param bytes payload: the request's body, untouched
    :param str header: its ``Stripe-Signature`` header, or None
    :param secrets: the endpoint's signing secrets; two are valid while one replaces the other
    :return: the event, as Stripe's JSON
    :rtype: dict
    :raise StripeSignatureError: unsigned, signed with another secret, changed, too old, from the future, no event
    """
    secrets = [secret.strip() for secret in secrets if secret and secret.strip()]
    if not secrets:
        raise errors.StripeSignatureError("No webhook secret is configured.")
    if not header or not header.isascii():
        raise errors.StripeSignatureError("The message is not signed.")
    refusals = [_refusal(payload, header, secret) for secret in secrets]
    if None not in refusals:
        raise errors.StripeSignatureError(refusals[0])
    return _event(payload)


def _refusal(payload, header, secret):
    """Why the message is not one signed with ``secret``, or None if it is. The SDK does not look at the future."""
    try:
        stripe.WebhookSignature.verify_header(payload, header, secret, SIGNATURE_TOLERANCE)
    except UnicodeDecodeError:
        return "The message is not UTF-8."
    except stripe.SignatureVerificationError as error:
        return error.user_message
    stamp = next(part.split("=")[1] for part in header.split(",") if part.startswith("t="))
    return "The timestamp is in the future." if int(stamp) > time.time() + SIGNATURE_TOLERANCE else None


def _event(payload):
    try:
        event = json.loads(payload)
    except ValueError:
        raise errors.StripeSignatureError("The message is not JSON.") from None
    if not isinstance(event, dict) or event.get("object") != "event" or not isinstance(event.get("id"), str):
        raise errors.StripeSignatureError("The message is not a Stripe event.")
    return event
