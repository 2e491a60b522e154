"""What happens to PaymentIntents: attempts, the charges that come of them, captures, cancellations."""

from .balance import DAYS, fee_of, transaction
from .errors import decline
from .methods import KINDS
from .world import timer

AUTHORIZED_FOR = 7 * DAYS


def new_intent(realm, hidden=None, **values):
    """Make a PaymentIntent that waits for a payment method."""
    found = realm.add(
        "payment_intent",
        "pi",
        hidden=hidden,
        amount_capturable=0,
        amount_received=0,
        capture_method=values.pop("capture_method", "automatic_async"),
        confirmation_method="automatic",
        metadata=values.pop("metadata", {}),
        payment_method_types=list(KINDS),
        status="requires_payment_method",
        **values,
    )
    found["client_secret"] = f"{found['id']}_secret_{realm.world.token}"
    realm.emit("payment_intent.created", found)
    return found


# === ATTEMPTS === #


def attempt(realm, intent, method, outcome):
    """Try to charge a payment method.

    :param str outcome: ``succeed``, ``pending`` (known later), ``authenticate`` (the customer has to act now), or a key
        of :data:`.errors.DECLINES`
    """
    intent["payment_method"] = method["id"]
    _OUTCOMES.get(outcome, _declined)(realm, intent, method, outcome)


def _succeeded(realm, intent, method, outcome):
    manual = intent["capture_method"] == "manual"
    charge = _new_charge(realm, intent, method, paid=True, captured=not manual, status="succeeded")
    realm.emit("charge.succeeded", charge)
    if manual:
        realm.update(
            intent,
            "payment_intent.amount_capturable_updated",
            status="requires_capture",
            amount_capturable=intent["amount"],
            **_CLEARED,
        )
    else:
        _received(realm, intent, charge)


def _pending(realm, intent, method, outcome):
    charge = _new_charge(realm, intent, method, paid=False, captured=True, status="pending")
    _book(realm, charge)
    realm.emit("charge.pending", charge)
    realm.update(intent, "payment_intent.processing", status="processing", **_CLEARED)


def _authenticated(realm, intent, method, outcome):
    action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    realm.update(
        intent, "payment_intent.requires_action", status="requires_action", next_action=action, last_payment_error=None
    )


def _declined(realm, intent, method, outcome):
    problem = decline(outcome)
    if outcome != "authentication_failed":
        charge = _new_charge(realm, intent, method, paid=False, captured=False, status="failed", problem=problem)
        realm.emit("charge.failed", charge)
        problem["charge"] = charge["id"]
    error = {**problem, "payment_method": dict(method)}
    realm.update(
        intent,
        "payment_intent.payment_failed",
        status="requires_payment_method",
        next_action=None,
        last_payment_error=error,
        payment_method=None,
    )


_CLEARED = {"next_action": None, "last_payment_error": None}
_OUTCOMES = {"succeed": _succeeded, "pending": _pending, "authenticate": _authenticated}


def _new_charge(realm, intent, method, *, paid, captured, status, problem=None):
    kind = method["type"]
    known = {name: method[kind].get(name, value) for name, value in KINDS[kind].details.items()}
    if mandate := KINDS[kind].mandate and realm.hidden[method["id"]].get("mandate"):
        known["mandate"] = mandate
    details = {"type": kind, kind: known}
    if method["type"] == "card" and paid and not captured:
        details["card"]["capture_before"] = realm.now() + AUTHORIZED_FOR
    charge = realm.add(
        "charge",
        "ch" if method["type"] == "card" else "py",
        amount=intent["amount"],
        amount_captured=intent["amount"] if captured else 0,
        amount_refunded=0,
        billing_details=dict(method["billing_details"]),
        captured=captured,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_code=problem and problem["code"],
        failure_message=problem and problem["message"],
        metadata=dict(intent["metadata"]),
        paid=paid,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=details,
        refunded=False,
        status=status,
    )
    intent["latest_charge"] = charge["id"]
    return charge


def _book(realm, charge):
    """Book a captured charge with its fee."""
    method_type = charge["payment_method_details"]["type"]
    amount = realm.account.settle(charge["amount_captured"], charge["currency"])[0]
    kind = "charge" if method_type == "card" else "payment"
    booked = transaction(realm, charge, kind, "charge", charge["amount_captured"], fee=fee_of(method_type, amount))
    charge["balance_transaction"] = booked["id"]


def _received(realm, intent, charge):
    """The money is Stripe's. The fee comes a moment later, as always with ``automatic_async``."""
    amount = charge["amount_captured"]
    realm.update(
        intent,
        "payment_intent.succeeded",
        status="succeeded",
        amount_received=amount,
        amount_capturable=0,
        **_CLEARED,
    )
    if not charge["balance_transaction"]:
        _book(realm, charge)
        realm.emit("charge.updated", charge, {"balance_transaction": None})
    session = realm.objects.get(realm.hidden[intent["id"]].get("session"))
    if session and session["status"] == "complete":
        session["payment_status"] = "paid"


def settle(realm, intent, succeed=True):
    """The delayed payment succeeds or fails.

    :raise ValueError: it is not pending
    """
    if intent["status"] != "processing":
        raise ValueError(f"{intent['id']} is {intent['status']}, not processing.")
    charge = realm.objects[intent["latest_charge"]]
    if succeed:
        realm.update(charge, "charge.succeeded", status="succeeded", paid=True)
        _received(realm, intent, charge)
        return
    booked = realm.objects[charge["balance_transaction"]]
    undone = transaction(
        realm, charge, "payment_failure_refund", "charge_failure", -charge["amount"], fee=-booked["fee"]
    )
    problem = decline("insufficient_funds")
    realm.update(
        charge,
        "charge.failed",
        status="failed",
        failure_code=problem["code"],
        failure_message=problem["message"],
        failure_balance_transaction=undone["id"],
    )
    realm.update(intent, "payment_intent.payment_failed", status="requires_payment_method", last_payment_error=problem)


def capture(realm, intent, amount):
    """Take what was authorized, or a part of it; the rest is released, and no refund comes of it.

    :param int amount: minor units
    """
    charge = realm.objects[intent["latest_charge"]]
    charge.update(captured=True, amount_captured=amount)
    _book(realm, charge)
    realm.emit("charge.captured", charge)
    _received(realm, intent, charge)


def cancel(realm, intent, reason=None):
    """Cancel; what was authorized is released, and no refund comes of it (since API 2025-03-31)."""
    if reason == "expired":
        realm.emit("charge.expired", realm.objects[intent["latest_charge"]])
    realm.update(
        intent,
        "payment_intent.canceled",
        status="canceled",
        canceled_at=realm.now(),
        cancellation_reason=reason,
        amount_capturable=0,
        next_action=None,
    )


@timer
def release_authorizations(realm):
    for found in realm.all("payment_intent"):
        if found["status"] == "requires_capture" and found["created"] + AUTHORIZED_FOR <= realm.now():
            cancel(realm, found, "expired")
