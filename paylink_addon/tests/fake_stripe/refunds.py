"""Refunds: made by the API or in the dashboard, settled at once or later, and failing even after they succeeded."""

from stripe import params as p

from .balance import check_step, transaction
from .errors import ApiError, unexpected
from .lists import offer
from .routing import route

DELAYED = ("sepa_debit",)


def refund(realm, charge, amount=None, reason=None, metadata=None):
    """Refund a charge, in whole or in part.

    :param int amount: minor units; None for what is left
    :return: the refund; ``pending`` where the method takes days
    :raise ApiError: nothing to refund, or not as much
    """
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    _check(charge, amount, left)
    method_type = charge["payment_method_details"]["type"]
    found = realm.add(
        "refund",
        "re" if method_type == "card" else "pyr",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        metadata=metadata or {},
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=reason,
        status="pending" if method_type in DELAYED else "succeeded",
        pending_reason="processing" if method_type in DELAYED else None,
    )
    kind = "refund" if method_type == "card" else "payment_refund"
    found["balance_transaction"] = transaction(realm, found, kind, "refund", -amount)["id"]
    realm.emit("refund.created", found)
    refunded = charge["amount_refunded"] + amount
    realm.update(charge, "charge.refunded", amount_refunded=refunded, refunded=refunded == charge["amount"])
    return found


def _check(charge, amount, left):
    if charge["status"] != "succeeded" or not charge["captured"]:
        text = f"Charge {charge['id']} has not been captured, or did not succeed."
        raise unexpected("charge", text, "charge_not_refundable")
    if charge["disputed"]:
        raise ApiError(f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed")
    if left <= 0:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if not 0 < amount <= left:
        raise ApiError(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
    check_step(amount, charge["currency"])


def settle_refund(realm, found):
    """A pending refund succeeds."""
    realm.update(found, "refund.updated", "charge.refund.updated", status="succeeded", pending_reason=None)


def fail_refund(realm, found, reason="expired_or_canceled_card"):
    """The money of a refund comes back, also after it succeeded."""
    booked = transaction(realm, found, "refund_failure", "refund_failure", found["amount"])
    charge = realm.objects[found["charge"]]
    charge["amount_refunded"] -= found["amount"]
    charge["refunded"] = False
    realm.update(
        found,
        "refund.failed",
        "refund.updated",
        "charge.refund.updated",
        status="failed",
        failure_reason=reason,
        failure_balance_transaction=booked["id"],
    )


def charge_of(realm, params):
    """The charge that a request names, by itself or by its PaymentIntent."""
    if "charge" in params:
        return realm.get("charge", params["charge"], "charge")
    if "payment_intent" not in params:
        raise ApiError("One of the following params should be provided: payment_intent or charge.")
    intent = realm.get("payment_intent", params["payment_intent"], "payment_intent")
    if not intent["latest_charge"]:
        raise ApiError(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return realm.objects[intent["latest_charge"]]


@route("POST", "/v1/refunds", p.RefundCreateParams)
def create_refund(realm, params):
    charge = charge_of(realm, params)
    return refund(realm, charge, params.get("amount"), params.get("reason"), params.get("metadata"))


offer("refund", "/v1/refunds", p.RefundRetrieveParams, p.RefundListParams)
