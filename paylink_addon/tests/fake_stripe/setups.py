"""SetupIntents and mandates: storing a payment method without charging it."""

from stripe import params as p

from .balance import DAYS
from .errors import ApiError, decline
from .lists import offer
from .methods import KINDS


def new_setup(realm, hidden=None, **values):
    """Make a SetupIntent that waits for a payment method."""
    found = realm.add(
        "setup_intent",
        "seti",
        hidden=hidden,
        metadata=values.pop("metadata", {}),
        payment_method_types=[kind for kind, details in KINDS.items() if details.reusable],
        status="requires_payment_method",
        usage="off_session",
        **values,
    )
    found["client_secret"] = f"{found['id']}_secret_{realm.world.token}"
    realm.emit("setup_intent.created", found)
    return found


def attempt_setup(realm, setup, method, outcome):
    """Try to store a payment method.

    :param str outcome: ``succeed``, ``authenticate`` or a key of :data:`.errors.DECLINES`
    """
    _OUTCOMES.get(outcome, _declined)(realm, setup, method, outcome)


def _succeeded(realm, setup, method, outcome):
    realm.update(method, customer=setup["customer"])
    realm.emit("payment_method.attached", method)
    mandate = new_mandate(realm, method, **_options(realm, setup)) if KINDS[method["type"]].mandate else None
    realm.update(
        setup,
        "setup_intent.succeeded",
        status="succeeded",
        payment_method=method["id"],
        mandate=mandate and mandate["id"],
        next_action=None,
        last_setup_error=None,
    )


def _options(realm, setup):
    """What the page was told of the mandate."""
    return realm.hidden[setup["id"]].get("mandate") or {}


def _unverified(realm, setup, method, outcome):
    """The bank can't tell at once: two small deposits are sent, whose amounts the customer enters days later."""
    deposits = {
        "arrival_date": realm.now() + 2 * DAYS,
        "hosted_verification_url": f"{realm.world.url}/verify/{setup['id']}",
    }
    action = {"type": "verify_with_microdeposits", "verify_with_microdeposits": deposits}
    realm.update(
        setup,
        "setup_intent.requires_action",
        status="requires_action",
        payment_method=method["id"],
        next_action=action,
    )


def verify(realm, setup, succeed=True):
    """The customer enters the amounts of the deposits, or fails to.

    :raise ValueError: the setup does not wait for that
    """
    if (setup["next_action"] or {}).get("type") != "verify_with_microdeposits":
        raise ValueError(f"{setup['id']} waits for no deposits.")
    method = realm.objects[setup["payment_method"]]
    attempt_setup(realm, setup, method, "succeed" if succeed else "verification_failed")


def _authenticated(realm, setup, method, outcome):
    action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    realm.update(
        setup,
        "setup_intent.requires_action",
        status="requires_action",
        payment_method=method["id"],
        next_action=action,
    )


def _declined(realm, setup, method, outcome):
    error = decline(outcome)
    if outcome == "authentication_failed":
        error["code"] = "setup_intent_authentication_failure"
    realm.update(
        setup,
        "setup_intent.setup_failed",
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error=error | {"payment_method": dict(method)},
    )


_OUTCOMES = {
    "succeed": _succeeded,
    "pending": _succeeded,
    "authenticate": _authenticated,
    "microdeposits": _unverified,
}


def new_mandate(realm, method, **options):
    """The customer's consent to debits.

    :param options: of a Canadian one: ``payment_schedule``, ``transaction_type``…
    """
    kind, reference = method["type"], f"{method['type'].split('_')[0].upper()}{realm.world.serial}"
    details = options or {"reference": reference, "url": f"{realm.world.url}/mandate/{reference}"}
    found = realm.add(
        "mandate",
        "mandate",
        customer_acceptance={"accepted_at": realm.now(), "online": {}, "type": "online"},
        multi_use={},
        payment_method=method["id"],
        payment_method_details={kind: details, "type": kind},
        status="active",
        type="multi_use",
    )
    realm.hidden[method["id"]]["mandate"] = found["id"]
    return found


def revoke(realm, mandate):
    """The customer, or the bank, has taken the consent back."""
    realm.update(mandate, "mandate.updated", status="inactive")


def check_mandate(realm, method, mandate_id):
    """Refuse to charge without the consent that a method needs.

    :param mandate_id: as the request names it, or None
    :raise ApiError: there is none, it is not that of the method, or it was taken back
    """
    known = realm.objects.get(realm.hidden[method["id"]].get("mandate"))
    if mandate_id and realm.get("mandate", mandate_id, "mandate") is not known:
        raise ApiError("The mandate is not one of this PaymentMethod.", param="mandate")
    if method["type"] == "acss_debit" and not mandate_id:
        raise ApiError(
            "A mandate is required to charge this PaymentMethod: pass `mandate`, or `mandate_options`.",
            "parameter_missing",
            "mandate",
        )
    if known and known["status"] != "active":
        raise ApiError(
            "The provided mandate is invalid and can not be used for the payment intent.",
            "payment_intent_mandate_invalid",
            "mandate",
        )


offer("setup_intent", "/v1/setup_intents", p.SetupIntentRetrieveParams, p.SetupIntentListParams)


offer("mandate", "/v1/mandates", p.MandateRetrieveParams)
