"""Stripe's errors, as it writes them. Sources: https://docs.stripe.com/api/errors, https://docs.stripe.com/error-codes."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class ApiError(Exception):
    """An answer that is not 200.

    :ivar message: the text
    :ivar code: Stripe's error code
    :ivar param: the parameter it is about, in brackets notation
    :ivar status: HTTP status
    :ivar type: Stripe's error type
    :ivar extra: further keys of the error object
    """

    message: str
    code: str | None = None
    param: str | None = None
    status: int = 400
    type: str = "invalid_request_error"
    extra: dict = field(default_factory=dict)

    def body(self):
        """The JSON object of the answer."""
        error = {"code": self.code, "message": self.message, "param": self.param, "type": self.type, **self.extra}
        if self.code:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        return {"error": {key: value for key, value in error.items() if value is not None}}


def malformed(message, code, param):
    """A parameter that Stripe refuses before the endpoint begins."""
    return ApiError(message, code, param)


def absent(kind, object_id, param=None):
    """The object of a URL (404), or one that a parameter names (400), does not exist."""
    names = {"checkout.session": "checkout session", "payment_method": "PaymentMethod"}
    status = 400 if param else 404
    return ApiError(f"No such {names.get(kind, kind)}: '{object_id}'", "resource_missing", param or "id", status=status)


def unexpected(kind, message, code=None):
    """An object in a state that does not allow the request."""
    return ApiError(message, code or f"{kind}_unexpected_state")


# The decline codes that the fake knows: error code, and what the customer reads.
# https://docs.stripe.com/declines/codes
DECLINES = {
    "generic_decline": ("card_declined", "Your card was declined."),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds."),
    "lost_card": ("card_declined", "Your card was declined."),
    "stolen_card": ("card_declined", "Your card was declined."),
    "do_not_honor": ("card_declined", "Your card was declined."),
    "expired_card": ("expired_card", "Your card has expired."),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": ("processing_error", "An error occurred while processing your card."),
    "authentication_required": (
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
    "verification_failed": (
        "payment_method_microdeposit_failed",
        "Microdeposit transfers failed. Please check the account, institution and transit numbers provided.",
    ),
    "authentication_failed": (
        "payment_intent_authentication_failure",
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again.",
    ),
}


# What may follow a reason: the bank never wants to be asked again.
# https://docs.stripe.com/declines/codes#retrying-issuer-declines
NEVER_AGAIN = " for good"


def decline(reason):
    """The error object of a declined payment, as in ``last_payment_error``.

    :param str reason: a key of :data:`DECLINES`, with or without :data:`NEVER_AGAIN`
    """
    reason, never, _rest = reason.partition(NEVER_AGAIN)
    code, message = DECLINES[reason]
    found = {"type": "card_error", "code": code, "message": message}
    if code != "payment_intent_authentication_failure":
        found["decline_code"] = reason
    else:
        found["type"] = "invalid_request_error"
    return found | ({"advice_code": "do_not_try_again"} if never else {})
