"""What is known of a request that a provider did not answer as it should."""

from requests.exceptions import RequestException

# Answers of these kinds say nothing of whether the request was, or will be, carried out.
UNSURE_STATUSES = {408, 409, 425}


class NoAnswer(Exception):
    """A request may have been carried out: its outcome is unknown.

    No ``ValidationError``, which providers of Odoo take for a refusal.
    """


def may_be_done(error):
    """Whether what was asked for may have been carried out although ``error`` came back.

    Odoo makes one error of all that goes wrong with a request (``payment.provider._send_api_request``): what it was
    made of tells a time-out, a broken connection or a server that fails from a refusal.
    """
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, RequestException):
            response = error.response
            status = 0 if response is None else response.status_code
            return not 400 <= status < 500 or status in UNSURE_STATUSES
        if isinstance(error, NoAnswer | ConnectionError | TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False
