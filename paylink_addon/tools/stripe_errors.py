"""What can go wrong with Stripe, by what the caller may do next, and the redaction of what is logged or shown."""

import logging
import re


class StripeFailure(Exception):
    """A call to Stripe that did not succeed.

    :ivar str message: what Stripe said, redacted
    :ivar str code: Stripe's error code (https://docs.stripe.com/error-codes), or None
    :ivar str param: the parameter it is about, or None
    :ivar int status: HTTP status, or None if there was no answer
    :ivar str request_id: Stripe's request id, for its support, or None
    """

    def __init__(self, message, code=None, param=None, status=None, request_id=None):
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.status = status
        self.request_id = request_id

    @property
    def is_silence(self):
        """Whether nobody has answered."""
        return False


class StripeTransient(StripeFailure):
    """Nothing was done; the same call may work later (rate limit, unreachable, or a read that failed)."""

    @property
    def is_silence(self):
        """Whether nobody has answered."""
        return self.status is None


class StripeUnknownOutcome(StripeFailure):
    """The request may have been carried out. Look its object up, or repeat it with the *same* key; never a new one."""


class StripeAbsent(StripeFailure):
    """The object, or the one that ``param`` names, does not exist in this account and mode."""


class StripeRefused(StripeFailure):
    """Stripe refuses the request or the key. Repeating is useless: an administrator has to change something."""

    @property
    def about_key(self):
        """Whether there is no usable key, or it may not do that: nothing of the kind works until it is changed."""
        return self.status in (None, 401, 403)


class StripeDeclined(StripeFailure):
    """The payment method was declined.

    :ivar str decline_code: the bank's reason (https://docs.stripe.com/declines/codes), or None
    :ivar str advice_code: what the bank says of further tries, such as ``do_not_try_again``, or None
    :ivar str payment_intent: id of the PaymentIntent that failed, or None
    :ivar bool needs_authentication: the bank wants the customer to confirm: ask them on a payment page
    """

    def __init__(self, message, decline_code=None, payment_intent=None, advice_code=None, **details):
        super().__init__(message, **details)
        self.advice_code = advice_code
        self.decline_code = decline_code
        self.payment_intent = payment_intent
        self.needs_authentication = "authentication_required" in (self.code, decline_code)


class StripeSignatureError(ValueError):
    """The message is not a fresh, signed event of ours: refuse it. The text says why, without the message."""


_SECRETS = [
    (re.compile(r"\b([srp]k_(?:live|test)_)\w+"), r"\1***"),
    (re.compile(r"\b(whsec_)\w+"), r"\1***"),
    (re.compile(r"(_secret_)\w+"), r"\1***"),
    (re.compile(r"https://checkout\.stripe\.com/[^\s\"']+"), "https://checkout.stripe.com/***"),
    (re.compile(r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "***@***"),
]


def redact(text):
    """``text`` without keys, client secrets, payment page addresses and e-mail addresses."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFilter(logging.Filter):
    """Redacts whatever the logger that it is added to writes."""

    def filter(self, record):
        """Redact the record's message; it is always written."""
        record.msg, record.args = redact(record.getMessage()), None
        return True
