"""What is kept of a Stripe event: which object it is about, and its data without what tells who the customer is.

Kept are ids, amounts, states, times, metadata, failure codes, and a method's type, brand and last four digits.
https://docs.stripe.com/api/events/object
"""

import functools
import json
import re
from datetime import datetime, timezone

# Objects within objects that describe a person, or what a person typed.
_PERSONAL = {
    "address",
    "billing_details",
    "collected_information",
    "custom_fields",
    "custom_text",
    "customer_details",
    "evidence",
    "individual",
    "owner",
    "receipt_number",
    "risk_data",
    "shipping",
    "shipping_address_collection",
    "shipping_details",
    "shipping_options",
    "wallet",
}
# Names, addresses of any kind (of payment pages too, which let their holder in), and what identifies a method.
_IDENTIFYING = re.compile(r"(?:\w+_)?(?:email|phone|address|name|ip|url|secret|fingerprint|iban|tax_ids?|dob)")
# Our own words, whatever their names are.
_KEPT_WHOLE = {"metadata"}
# PostgreSQL's JSON knows no NUL and no half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def stripped(value):
    """``value`` (JSON) without personal data, and such that PostgreSQL can store it.

    :return: a copy
    :raise ValueError: a number that is none (JSON has no NaN; Python reads it)
    """
    if isinstance(value, dict):
        return {
            _clean(key): _copy(inner) if key in _KEPT_WHOLE else stripped(inner)
            for key, inner in value.items()
            if not _is_personal(key)
        }
    if isinstance(value, list):
        return [stripped(inner) for inner in value]
    return _clean(value)


@functools.lru_cache(2048)
def _is_personal(key):
    return key not in _KEPT_WHOLE and (key in _PERSONAL or bool(_IDENTIFYING.fullmatch(key)))


def _copy(value):
    if isinstance(value, dict):
        return {_clean(key): _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else _clean(value)


def _clean(value):
    if isinstance(value, str):
        return value if value.isprintable() else _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124  that is NaN
        raise ValueError("A number in the message is not a number.")
    return value


def object_key(found):
    """What events of one payment have in common: the id of its PaymentIntent, else that of the object itself.

    :param dict found: the object that an event is about
    :return: the id, or None: a balance has none
    """
    intent = found.get("payment_intent")
    if isinstance(intent, dict):
        intent = intent.get("id")
    return _text(intent) or _text(found.get("id"))


def event_values(event):
    """The values of a ``paylink.event``, but for its provider.

    :param dict event: as :func:`.stripe_client.verify_event` or the list of events gives it
    :raise ValueError: it can't be stored
    """
    data = event.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        raise ValueError("The event has no object.")
    event_id = _clean(event["id"])
    return {
        "event_id": event_id,
        "type": _text(event.get("type")) or "",
        "object_id": _text(found.get("id")),
        "object_key": object_key(found) or event_id,
        "account": _text(event.get("account")),
        "is_live": bool(event.get("livemode")),
        "api_version": _text(event.get("api_version")),
        "created_at": moment_of(event.get("created")),
        "payload": json.dumps(stripped(data)),
    }


def _text(value):
    return _clean(value) if isinstance(value, str) else None


def moment_of(seconds):
    """Seconds since the epoch as a naive time in UTC, or None."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
