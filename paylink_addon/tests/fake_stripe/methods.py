"""Customers and their payment methods."""

import re
from dataclasses import dataclass

from stripe import params as p

from .errors import ApiError
from .lists import listing, offer
from .routing import route


@dataclass(frozen=True)
class Kind:
    """A type of payment method.

    :ivar details: what Stripe tells of it
    :ivar currencies: that it can be used with; empty for all
    :ivar delayed: whether success is known only days later
    :ivar reusable: whether it can be stored
    :ivar special: whether an account has to apply for it: see :class:`.world.Account`
    :ivar mandate: whether storing it makes a mandate
    """

    details: dict
    currencies: frozenset = frozenset()
    delayed: bool = False
    reusable: bool = True
    special: bool = False
    mandate: bool = False


KINDS = {
    "card": Kind(
        {"brand": "visa", "country": "FR", "exp_month": 12, "exp_year": 2034, "funding": "credit", "last4": "4242"}
    ),
    "sepa_debit": Kind(
        {"bank_code": "37040044", "country": "DE", "last4": "3000"}, frozenset({"eur"}), delayed=True, mandate=True
    ),
    "acss_debit": Kind(
        {"bank_name": "STRIPE TEST BANK", "institution_number": "000", "last4": "6789", "transit_number": "11000"},
        frozenset({"cad", "usd"}),
        delayed=True,
        special=True,
        mandate=True,
    ),
    "klarna": Kind({}, frozenset({"eur", "gbp", "usd", "sek", "dkk", "nok", "cad", "aud"}), reusable=False),
    "afterpay_clearpay": Kind({}, frozenset({"aud", "cad", "gbp", "nzd", "usd"}), reusable=False),
}

# Test payment methods that can be named instead of a stored one: type, and how they behave.
# https://docs.stripe.com/testing
TEST_METHODS = {
    "pm_card_visa": ("card", "succeed"),
    "pm_card_visa_chargeDeclined": ("card", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("card", "expired_card"),
    "pm_card_authenticationRequired": ("card", "authentication_required"),
}

_NO_DETAILS = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}


def new_method(realm, kind, outcome="succeed", customer=None, email=None):
    """Make a payment method.

    :param str kind: a key of :data:`KINDS`
    :param str outcome: how later charges of it end; see :func:`.payments.attempt`
    :param str customer: id of its customer, or None
    """
    found = realm.add(
        "payment_method",
        "pm",
        hidden={"outcome": outcome},
        allow_redisplay="unspecified",
        billing_details={**_NO_DETAILS, "email": email},
        customer=customer,
        metadata={},
        type=kind,
        **{kind: dict(KINDS[kind].details)},
    )
    if customer:
        realm.emit("payment_method.attached", found)
    return found


def use(realm, method_id, customer):
    """The payment method that a request names, checked to be usable for its customer.

    :raise ApiError: it belongs to another customer, to none anymore, or does not exist
    """
    if method_id in TEST_METHODS:
        return new_method(realm, *TEST_METHODS[method_id], customer=customer)
    found = realm.get("payment_method", method_id, "payment_method")
    if found["customer"] != customer or not customer:
        raise ApiError(
            "The provided PaymentMethod was detached, or belongs to another Customer. It can't be used here.",
            "payment_method_unexpected_state",
            "payment_method",
        )
    return found


offer("payment_method", "/v1/payment_methods", p.PaymentMethodRetrieveParams)


@route("GET", "/v1/customers/{}/payment_methods", p.CustomerPaymentMethodListParams)
def list_methods(realm, params, customer_id):
    realm.get("customer", customer_id)
    return listing(
        realm.all("payment_method"), {**params, "customer": customer_id}, f"/v1/customers/{customer_id}/payment_methods"
    )


@route("POST", "/v1/payment_methods/{}/detach", p.PaymentMethodDetachParams)
def detach_method(realm, params, method_id):
    found = realm.get("payment_method", method_id)
    if not found["customer"]:
        raise ApiError("The payment method you provided is not attached to a customer so detachment is impossible.")
    detach(realm, found)
    return found


def detach(realm, found):
    """It can't be charged anymore."""
    realm.update(found, customer=None)
    realm.emit("payment_method.detached", found)


def replace(realm, found, by_bank=True, **details):
    """The bank has replaced a card, or somebody has changed it in the dashboard.

    :param details: what changes, as ``last4`` or ``exp_year``
    """
    event = "payment_method.automatically_updated" if by_bank else "payment_method.updated"
    realm.update(found, event, **{found["type"]: {**found[found["type"]], **details}})


def new_customer(realm, **values):
    """Make a customer."""
    found = realm.add(
        "customer",
        "cus",
        balance=0,
        delinquent=False,
        invoice_settings={},
        metadata=values.pop("metadata", {}),
        tax_exempt="none",
        **values,
    )
    realm.emit("customer.created", found)
    return found


_CUSTOMER_FIELDS = {"address", "description", "email", "metadata", "name", "phone", "preferred_locales"}


@route("POST", "/v1/customers", p.CustomerCreateParams)
def create_customer(realm, params):
    unknown = set(params) - _CUSTOMER_FIELDS
    if unknown:
        raise NotImplementedError(f"The fake keeps no {unknown} of a customer.")
    _check_email(params.get("email"))
    return new_customer(realm, **params)


def _check_email(email):
    """Stripe's own rules are stricter than Odoo's, and not published: the fake wants ASCII and a top-level domain."""
    if email and not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", email, re.ASCII):
        raise ApiError(f"Invalid email address: {email}", "email_invalid", "email")


@route("POST", "/v1/customers/{}", p.CustomerUpdateParams)
def update_customer(realm, params, customer_id):
    found = realm.get("customer", customer_id)
    _check_email(params.get("email"))
    metadata = {**found["metadata"], **params.pop("metadata", {})}
    realm.update(found, "customer.updated", metadata=metadata, **params)
    return found


@route("GET", "/v1/customers/{}", p.CustomerRetrieveParams)
def retrieve_customer(realm, params, customer_id):
    found = realm.get("customer", customer_id)
    gone = realm.hidden[customer_id].get("deleted")
    return {"id": customer_id, "object": "customer", "deleted": True} if gone else found


offer("customer", "/v1/customers", listed=p.CustomerListParams)


@route("DELETE", "/v1/customers/{}", p.CustomerDeleteParams)
def delete_customer(realm, params, customer_id):
    remove_customer(realm, realm.get("customer", customer_id))
    return {"id": customer_id, "object": "customer", "deleted": True}


def remove_customer(realm, found):
    """Its payment methods can't be charged anymore."""
    realm.hidden[found["id"]]["deleted"] = True
    realm.emit("customer.deleted", found)


def customer_of(realm, params):
    """The customer that a request names, or None.

    :raise ApiError: it does not exist anymore
    """
    if "customer" not in params:
        return None
    found = realm.get("customer", params["customer"], "customer")
    if realm.hidden[found["id"]].get("deleted"):
        raise ApiError(f"No such customer: '{found['id']}'", "resource_missing", "customer")
    return found
