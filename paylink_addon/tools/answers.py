"""What is known of a request that a provider did not answer as it should."""

from socket import gaierror
from ssl import SSLCertVerificationError

from requests.exceptions import ConnectTimeout, RequestException
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from .collected import Collected

# Answers of these kinds say nothing of whether the request was, or will be, carried out.
UNSURE_STATUSES = {408, 409, 425}
# No address, nobody there, or somebody else: no connection, and so no request.
NO_CONNECTION = (
    *(ConnectTimeout, ConnectTimeoutError, NewConnectionError),
    *(ConnectionRefusedError, gaierror, SSLCertVerificationError),
)


class NoAnswer(Exception):
    """A request may have been carried out: its outcome is unknown.

    No ``ValidationError``, which providers of Odoo take for a refusal.
    """


class NotSent(Exception):
    """A request has not reached anybody: it can be sent later. No ``ValidationError`` either."""


class Answers(Collected):
    """What a provider answers to what it is asked, as ``(provider_code, payment_data)``.

    :ivar bool was_reached: it has got something of it: a further request that is not sent undoes nothing
    """

    was_reached = False


def may_be_done(error):
    """Whether what was asked for may have been carried out although ``error`` came back.

    Odoo makes one error of all that goes wrong with a request (``payment.provider._send_api_request``): what it was
    made of tells a time-out, a broken connection or a server that fails from a refusal.
    """
    for cause in _causes(error):
        if isinstance(cause, RequestException):
            response = cause.response
            status = 0 if response is None else response.status_code
            return not 400 <= status < 500 or status in UNSURE_STATUSES
        if isinstance(cause, NoAnswer | ConnectionError | TimeoutError):
            return True
    return False


def was_not_sent(error):
    """Whether nothing was sent at all: there was no connection."""
    return any(isinstance(cause, NO_CONNECTION) for cause in _causes(error))


def _causes(error):
    """The error, and what it was made of."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
