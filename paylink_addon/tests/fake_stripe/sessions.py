"""Checkout Sessions: what the API makes and expires."""

from urllib.parse import urlsplit

from stripe.params import checkout as p

from .balance import DAYS, check_amount
from .errors import ApiError
from .lists import listing, offer
from .methods import KINDS, customer_of
from .payments import cancel
from .routing import route
from .setups import new_setup
from .world import timer

SHORTEST, LONGEST = 1800, DAYS
REFERENCE_LENGTH = 200

# Parameters of which the session keeps the value, and those that change nothing here.
_KEPT = {
    "allowed_payment_method_types",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_creation",
    "customer_email",
    "excluded_payment_method_types",
    "locale",
    "metadata",
    "submit_type",
    "success_url",
    "ui_mode",
}
_NO_EFFECT = {
    "branding_settings",
    "consent_collection",
    "custom_text",
    "customer_update",
    "origin_context",
    "payment_method_options",
    "phone_number_collection",
    "saved_payment_method_options",
    "wallet_options",
}
_READ = {"currency", "expires_at", "line_items", "mode", "payment_intent_data", "setup_intent_data"}


@route("POST", "/v1/checkout/sessions", p.SessionCreateParams)
def create_session(realm, params):
    unknown = set(params) - _KEPT - _NO_EFFECT - _READ
    if unknown:
        raise NotImplementedError(f"The fake does nothing with {unknown} of a Checkout Session.")
    mode = params.get("mode", "payment")
    if mode not in _MODES:
        raise NotImplementedError(f"The fake has no sessions in {mode} mode.")
    _check_common(realm, params)
    check, values = _MODES[mode]
    check(params)
    _check_debit(realm, params, mode)
    return _new_session(realm, params, mode, values(realm, params))


def _check_common(realm, params):
    for name in ("success_url", "cancel_url"):
        url = urlsplit(params.get(name, "http://absent"))
        if url.scheme not in ("http", "https") or not url.netloc:
            raise ApiError("Not a valid URL", "url_invalid", name)
    if "success_url" not in params:
        raise ApiError("Missing required param: success_url.", "parameter_missing", "success_url")
    if "customer" in params and "customer_email" in params:
        raise ApiError("You may only specify one of these parameters: customer, customer_email.")
    if len(params.get("client_reference_id", "")) > REFERENCE_LENGTH:
        raise ApiError("client_reference_id must be at most 200 characters", param="client_reference_id")
    if not SHORTEST < params.get("expires_at", realm.now() + 3600) - realm.now() < LONGEST:
        raise ApiError(
            "The `expires_at` timestamp must be more than 30 minutes and less than 24 hours from Checkout Session "
            "creation.",
            param="expires_at",
        )
    customer_of(realm, params)


def _check_payment(params):
    if not params.get("line_items"):
        raise ApiError("You must provide `line_items` in payment mode.", "parameter_missing", "line_items")
    if "setup_intent_data" in params:
        raise ApiError("You can not pass `setup_intent_data` in `payment` mode.", param="setup_intent_data")
    if len({_price(item)["currency"].lower() for item in params["line_items"]}) > 1:
        raise ApiError("All line items must have the same currency.", param="line_items")


def _check_setup(params):
    for name in ("line_items", "payment_intent_data"):
        if name in params:
            raise ApiError(f"You can not pass `{name}` in `setup` mode.", param=name)
    if "currency" not in params and "allowed_payment_method_types" not in params:
        raise ApiError("Missing required param: currency.", "parameter_missing", "currency")


def _check_debit(realm, params, mode):
    """Canadian debits need to know what the customer agrees to.

    https://docs.stripe.com/payments/acss-debit/set-up-payment?payment-ui=checkout
    """
    options = params.get("payment_method_options", {}).get("acss_debit", {})
    mandate = options.get("mandate_options", {})
    if mode != "setup" and ("currency" in options or "default_for" in mandate):
        raise ApiError("Only in `setup` mode.", param="payment_method_options[acss_debit]")
    currency = params.get("currency") if mode == "setup" else _price(params["line_items"][0])["currency"]
    if "acss_debit" in methods_of(params, currency, realm.account):
        _check_agreement(options, mandate, mode)


def _check_agreement(options, mandate, mode):
    needed = ["payment_schedule", "transaction_type"]
    if mandate.get("payment_schedule") in ("interval", "combined"):
        needed.append("interval_description")
    missing = [f"mandate_options][{name}" for name in needed if not mandate.get(name)]
    if mode == "setup" and "currency" not in options:
        missing.append("currency")
    if missing:
        param = f"payment_method_options[acss_debit][{missing[0]}]"
        raise ApiError(f"Missing required param: {param}.", "parameter_missing", param)


def _price(item):
    if "price_data" not in item or "unit_amount" not in item["price_data"]:
        raise NotImplementedError("The fake only knows line items with price_data and unit_amount.")
    return item["price_data"]


def _payment_values(realm, params):
    items = [_line_item(realm, item) for item in params["line_items"]]
    total = sum(item["amount_total"] for item in items)
    check_amount(total, items[0]["currency"], "line_items")
    return {
        "amount_subtotal": total,
        "amount_total": total,
        "currency": items[0]["currency"],
        "payment_status": "unpaid",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "hidden": {
            "intent": params.get("payment_intent_data", {}),
            "mandate": params.get("payment_method_options", {}).get("acss_debit", {}).get("mandate_options", {}),
            "items": items,
            "expandable": {"line_items": {"object": "list", "data": items, "has_more": False, "url": "/v1/line_items"}},
        },
    }


def _line_item(realm, item):
    price = _price(item)
    if "product_data" not in price and "product" not in price:
        raise ApiError("You must specify either `product` or `product_data`.", param="line_items[0][price_data]")
    amount = price["unit_amount"] * item.get("quantity", 1)
    return {
        "id": realm.world.new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"].lower(),
        "description": price.get("product_data", {}).get("name"),
        "quantity": item.get("quantity", 1),
    }


def _setup_values(realm, params):
    data = params.get("setup_intent_data", {})
    debit = params.get("payment_method_options", {}).get("acss_debit", {})
    setup = new_setup(realm, {"mandate": debit.get("mandate_options")}, customer=params.get("customer"), **data)
    return {
        "currency": params.get("currency"),
        "payment_status": "no_payment_required",
        "setup_intent": setup["id"],
        "hidden": {"items": [], "expandable": {}},
    }


_MODES = {"payment": (_check_payment, _payment_values), "setup": (_check_setup, _setup_values)}


def _new_session(realm, params, mode, values):
    session = realm.add(
        "checkout.session",
        "cs_live" if realm.livemode else "cs_test",
        automatic_tax={"enabled": False},
        custom_fields=[],
        custom_text={},
        expires_at=params.get("expires_at", realm.now() + LONGEST),
        mode=mode,
        payment_method_types=methods_of(params, values["currency"], realm.account),
        shipping_options=[],
        status="open",
        **values,
        **{name: value for name, value in params.items() if name in _KEPT},
    )
    session["metadata"] = session["metadata"] or {}
    session["url"] = f"{realm.world.url}/c/pay/{session['id']}"
    return session


def methods_of(params, currency, account):
    """The types of payment methods that a customer is offered."""
    allowed = params.get("allowed_payment_method_types") or KINDS
    excluded = params.get("excluded_payment_method_types") or ()
    data = params.get("payment_intent_data", {})
    stores = params.get("mode") == "setup" or "setup_future_usage" in data
    return [
        name
        for name, kind in KINDS.items()
        if name in allowed
        and name not in excluded
        and (not kind.currencies or currency in kind.currencies)
        and (kind.reusable or not stores)
        and (not kind.special or name in account.takes)
        and not (kind.delayed and data.get("capture_method") == "manual")
    ]


def expire(realm, session):
    """The session can't be paid anymore."""
    realm.update(session, "checkout.session.expired", status="expired", url=None)
    for name in ("payment_intent", "setup_intent"):
        intent = realm.objects.get(session[name])
        if intent and name == "payment_intent":
            cancel(realm, intent)
        elif intent:
            realm.update(intent, "setup_intent.canceled", status="canceled")


@timer
def expire_sessions(realm):
    for found in realm.all("checkout.session"):
        if found["status"] == "open" and found["expires_at"] <= realm.now():
            expire(realm, found)


@route("POST", "/v1/checkout/sessions/{}/expire", p.SessionExpireParams)
def expire_session(realm, params, session_id):
    session = realm.get("checkout.session", session_id)
    if session["status"] != "open":
        raise ApiError(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{session['status']}."
        )
    expire(realm, session)
    return session


offer("checkout.session", "/v1/checkout/sessions", p.SessionRetrieveParams, p.SessionListParams)


@route("GET", "/v1/checkout/sessions/{}/line_items", p.SessionLineItemListParams)
def list_line_items(realm, params, session_id):
    realm.get("checkout.session", session_id)
    items = realm.hidden[session_id]["items"]
    return listing(items[::-1], params, f"/v1/checkout/sessions/{session_id}/line_items")
