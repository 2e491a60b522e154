"""SetupIntents and mandates: storing a payment method without charging it."""

from stripe import params as p

from .errors import decline
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
    mandate = new_mandate(realm, method) if method["type"] == "sepa_debit" else None
    realm.update(
        setup,
        "setup_intent.succeeded",
        status="succeeded",
        payment_method=method["id"],
        mandate=mandate and mandate["id"],
        next_action=None,
        last_setup_error=None,
    )


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
        last_setup_error=error,
    )


_OUTCOMES = {"succeed": _succeeded, "pending": _succeeded, "authenticate": _authenticated}


def new_mandate(realm, method):
    """The customer's consent to SEPA debits."""
    reference = f"SEPA{realm.world.serial}"
    details = {"reference": reference, "url": f"{realm.world.url}/mandate/{reference}"}
    return realm.add(
        "mandate",
        "mandate",
        customer_acceptance={"accepted_at": realm.now(), "online": {}, "type": "online"},
        multi_use={},
        payment_method=method["id"],
        payment_method_details={"sepa_debit": details, "type": "sepa_debit"},
        status="active",
        type="multi_use",
    )


offer("setup_intent", "/v1/setup_intents", p.SetupIntentRetrieveParams, p.SetupIntentListParams)


offer("mandate", "/v1/mandates", p.MandateRetrieveParams)
