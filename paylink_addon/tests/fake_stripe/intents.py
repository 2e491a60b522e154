"""The operations on PaymentIntents and charges."""

from stripe import params as p

from .balance import check_amount
from .errors import ApiError, unexpected
from .lists import offer, search
from .methods import KINDS, customer_of, use
from .payments import attempt, cancel, capture, new_intent
from .routing import route
from .setups import check_mandate

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")

_KEPT = {"amount", "currency", "customer", "description", "metadata", "capture_method", "setup_future_usage"}
_KEPT |= {"receipt_email", "statement_descriptor_suffix"}
_READ = {"payment_method", "confirm", "off_session", "error_on_requires_action", "automatic_payment_methods"}
_READ |= {"mandate"}


@route("POST", "/v1/payment_intents", p.PaymentIntentCreateParams)
def create_intent(realm, params):
    if set(params) - _KEPT - _READ:
        raise NotImplementedError(f"The fake does nothing with {set(params) - _KEPT - _READ} of a PaymentIntent.")
    params["currency"] = params["currency"].lower()
    check_amount(params["amount"], params["currency"])
    customer_of(realm, params)
    if params.get("off_session") and not params.get("confirm"):
        raise ApiError("off_session can only be set when confirm is true.", param="off_session")
    method = use(realm, params["payment_method"], params.get("customer")) if "payment_method" in params else None
    if params.get("mandate") and not params.get("confirm"):
        raise ApiError("mandate can only be set when confirm is true.", param="mandate")
    if method and params.get("confirm"):
        check_mandate(realm, method, params.get("mandate"))
    intent = new_intent(realm, **{name: value for name, value in params.items() if name in _KEPT})
    if params.get("confirm"):
        _confirm(realm, intent, method, params)
    elif method:
        intent.update(payment_method=method["id"], status="requires_confirmation")
    return intent


def _confirm(realm, intent, method, params):
    """Charge a stored method. Off-session, what needs the customer is a decline."""
    if not method:
        raise unexpected("payment_intent", "You must provide a payment method to confirm a PaymentIntent.")
    outcome = realm.hidden[method["id"]]["outcome"]
    if outcome == "succeed" and KINDS[method["type"]].delayed:
        outcome = "pending"
    if outcome == "authentication_required" and not params.get("off_session"):
        outcome = "authenticate"
    attempt(realm, intent, method, outcome)
    if intent["last_payment_error"]:
        problem = intent["last_payment_error"]
        extra = {name: value for name, value in problem.items() if name not in ("code", "message", "type")}
        extra["payment_intent"] = intent
        raise ApiError(problem["message"], problem["code"], status=402, type="card_error", extra=extra)


@route("GET", "/v1/payment_intents/search", p.PaymentIntentSearchParams)
def search_intents(realm, params):
    known_until = realm.now() - realm.world.search_delay
    return search(realm.all("payment_intent"), params, "/v1/payment_intents/search", known_until)


offer("payment_intent", "/v1/payment_intents", p.PaymentIntentRetrieveParams, p.PaymentIntentListParams)


@route("POST", "/v1/payment_intents/{}/capture", p.PaymentIntentCaptureParams)
def capture_intent(realm, params, intent_id):
    intent = realm.get("payment_intent", intent_id)
    if intent["status"] != "requires_capture":
        raise unexpected(
            "payment_intent",
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        )
    amount = params.get("amount_to_capture", intent["amount_capturable"])
    if not 0 < amount <= intent["amount_capturable"]:
        raise ApiError("Amount to capture is not within what is capturable", "amount_too_large", "amount_to_capture")
    check_amount(amount, intent["currency"], "amount_to_capture")
    capture(realm, intent, amount)
    return intent


@route("POST", "/v1/payment_intents/{}/cancel", p.PaymentIntentCancelParams)
def cancel_intent(realm, params, intent_id):
    intent = realm.get("payment_intent", intent_id)
    allowed = ("requires_capture",) if realm.hidden[intent_id].get("session") else (*OPEN, "requires_capture")
    if intent["status"] not in allowed:
        raise unexpected(
            "payment_intent",
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}, or belongs to a "
            "Checkout Session, which you can expire instead.",
        )
    cancel(realm, intent, params.get("cancellation_reason"))
    return intent


offer("charge", "/v1/charges", p.ChargeRetrieveParams, p.ChargeListParams)
