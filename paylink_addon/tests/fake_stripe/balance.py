"""Money: what amounts are allowed, the balance and its transactions with their fees, and payouts."""

from decimal import Decimal

from stripe import params as p

from .errors import ApiError
from .lists import listing, offer
from .routing import route
from .shapes import complete
from .world import timer

# https://docs.stripe.com/currencies: special cases, three decimals, minimum (in minor units; 1 where not listed).
WHOLE, TENS = {"isk", "ugx"}, {"bhd", "jod", "kwd", "omr", "tnd"}
NO_DECIMALS = {"jpy", "krw", "mga", "clp", "vnd", "xaf", "xof", "xpf"}
MINIMUM = {"eur": 50, "usd": 50, "cad": 50, "gbp": 30, "jpy": 50, "chf": 50, "aud": 50, "isk": 100}
MAXIMUM = 99999999

# Fee by type of payment method: hundredths of a percent, and minor units.
FEES = {
    "card": (150, 25),
    "sepa_debit": (0, 35),
    "acss_debit": (100, 40),
    "klarna": (299, 35),
    "afterpay_clearpay": (600, 30),
}
DAYS = 86400


def check_amount(amount, currency, param="amount"):
    """Refuse an amount that can't be charged.

    :param int amount: minor units
    :raise ApiError: as Stripe would
    """
    if amount < MINIMUM.get(currency, 1):
        raise ApiError(f"Amount must be at least {MINIMUM.get(currency, 1)} {currency}", "amount_too_small", param)
    if amount > MAXIMUM:
        raise ApiError(f"Amount must be no more than {MAXIMUM} {currency}", "amount_too_large", param)
    check_step(amount, currency, param)


def check_step(amount, currency, param="amount"):
    """Refuse an amount with digits that the currency doesn't have."""
    step = 100 if currency in WHOLE else 10 if currency in TENS else 1
    if amount % step:
        code = "invalid_charge_amount_no_decimal_compatible" if step == 100 else "parameter_invalid_integer"
        raise ApiError(f"Invalid amount. {currency.upper()} amounts must be divisible by {step}.", code, param)


def written(amount, currency):
    """An amount of minor units for people, as in ``50.00 EUR``."""
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in TENS else 2
    return f"{Decimal(amount).scaleb(-decimals)} {currency.upper()}"


def fee_of(method_type, amount):
    """The fee for a payment, in minor units of its settlement currency."""
    rate, fixed = FEES[method_type]
    return (amount * rate + 5000) // 10000 + fixed


def transaction(realm, source, kind, category, amount, *, fee=0, fee_text="Stripe processing fees", waits=2 * DAYS):
    """Book on the account's balance.

    :param dict source: the object that it is about, with its ``currency``; what has no ``id`` is no object
    :param str kind: type of the balance transaction
    :param str category: its reporting category
    :param int amount: minor units of the source's currency; negative takes
    :param int fee: minor units of the settlement currency; negative gives back
    :param int waits: seconds until it is available
    :return: the balance transaction
    """
    settled, currency, rate = realm.account.settle(amount, source["currency"])
    details = {"amount": fee, "application": None, "currency": currency, "description": fee_text, "type": "stripe_fee"}
    return realm.add(
        "balance_transaction",
        "txn",
        amount=settled,
        available_on=realm.now() + waits,
        balance_type="payments",
        currency=currency,
        description=source.get("description"),
        exchange_rate=rate,
        fee=fee,
        fee_details=[details] if fee else [],
        net=settled - fee,
        reporting_category=category,
        source=source.get("id"),
        status="pending" if waits else "available",
        type=kind,
    )


@timer
def make_available(realm):
    for found in realm.all("balance_transaction"):
        if found["status"] == "pending" and found["available_on"] <= realm.now():
            found["status"] = "available"


# === WHAT IS NO PAYMENT === #


def adjust(realm, amount, currency, category="other_adjustment", text="Adjustment"):
    """Stripe corrects the balance: no object stands behind it.

    :param str category: the reporting category; ``fee``: what Stripe charges for its services
    """
    kind = {"fee": "stripe_fee", "tax": "tax_fee"}.get(category, "adjustment")
    return transaction(realm, {"currency": currency, "description": text}, kind, category, amount, waits=0)


def top_up(realm, amount, currency):
    """The merchant's bank sends money to the balance; the top-up."""
    found = realm.add(
        "topup",
        "tu",
        amount=amount,
        currency=currency,
        description="Top-up",
        metadata={},
        status="succeeded",
        initiated_by="user",
    )
    found["balance_transaction"] = transaction(realm, found, "topup", "topup", amount, waits=0)["id"]
    realm.emit("topup.succeeded", found)
    return found


@route("GET", "/v1/balance", p.BalanceRetrieveParams)
def retrieve_balance(realm, _params):
    """What is available and what is pending, by currency; a currency that once was there stays."""
    sums = {"available": {}, "pending": {}}
    for one in realm.all("balance_transaction"):
        for status, found in sums.items():
            found[one["currency"]] = found.get(one["currency"], 0) + (one["net"] if one["status"] == status else 0)
    parts = {
        status: [
            {"amount": amount, "currency": code, "source_types": {"card": amount}} for code, amount in found.items()
        ]
        for status, found in sums.items()
    }
    return complete({"object": "balance", "livemode": realm.livemode, **parts})


# === PAYOUTS === #


def payout(realm, currency=None, manual=None, fee=0, **values):
    """Pay out everything in a currency that has not been paid out yet.

    :param int manual: an amount that somebody pays out by hand, of whatever there is
    :param int fee: what Stripe keeps for it, besides: of a payout that is there at once
    :param values: of the payout, such as its ``statement_descriptor``
    :return: the payout, ``pending``
    :raise ValueError: there is nothing
    """
    currency = currency or realm.account.currency
    if manual:
        values |= {"automatic": False, "reconciliation_status": "not_applicable"}
        return _book_payout(realm, _new_payout(realm, currency, manual, **values), [], fee)
    paid_out = {one for found in realm.all("payout") for one in realm.hidden[found["id"]]["transactions"]}
    due = [one for one in realm.all("balance_transaction") if one["id"] not in paid_out and one["currency"] == currency]
    if not due:
        raise ValueError(f"Nothing to pay out in {currency}.")
    amount = sum(one["net"] for one in due) - fee
    return _book_payout(realm, _new_payout(realm, currency, amount, **values), due, fee)


def _book_payout(realm, found, due, fee):
    booked = transaction(realm, found, "payout", "payout", -found["amount"], fee=fee, waits=0)
    realm.hidden[found["id"]]["transactions"] = [one["id"] for one in due] + [booked["id"]]
    found["balance_transaction"] = booked["id"]
    realm.emit("payout.created", found)
    return found


def _new_payout(realm, currency, amount, **values):
    common = {
        "trace_id": {"status": "pending", "value": None},
        "arrival_date": realm.now() + 2 * DAYS,
        "automatic": True,
        "description": "STRIPE PAYOUT",
        "destination": f"ba_{realm.account.id}",
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "in_progress",
        "source_type": "card",
        "status": "pending",
        "type": "bank_account",
    }
    return realm.add("payout", "po", hidden={"transactions": []}, amount=amount, currency=currency, **common | values)


def pay_payout(realm, found, trace=None):
    """The money arrives; its composition is known.

    :param str trace: what the bank's line says of it, where the bank tells
    """
    found["trace_id"] = {"status": "supported" if trace else "unsupported", "value": trace}
    realm.update(found, "payout.updated", "payout.paid", status="paid")
    if found["automatic"]:
        realm.update(found, "payout.reconciliation_completed", reconciliation_status="completed")


def fail_payout(realm, found, code="account_closed"):
    """The bank sends the money back, also after the payout was paid."""
    booked = transaction(realm, found, "payout_failure", "payout_reversal", found["amount"], waits=0)
    realm.update(
        found,
        "payout.failed",
        status="failed",
        failure_code=code,
        failure_message="The bank account has been closed.",
        failure_balance_transaction=booked["id"],
    )


def cancel_payout(realm, found):
    """The merchant cancels a payout that is not under way yet."""
    booked = transaction(realm, found, "payout_cancel", "payout_reversal", found["amount"], waits=0)
    realm.update(found, "payout.canceled", status="canceled", failure_balance_transaction=booked["id"])


offer("payout", "/v1/payouts", p.PayoutRetrieveParams, p.PayoutListParams)


offer("balance_transaction", "/v1/balance_transactions", p.BalanceTransactionRetrieveParams)


@route("GET", "/v1/balance_transactions", p.BalanceTransactionListParams)
def list_transactions(realm, params):
    found = realm.all("balance_transaction")
    if "payout" in params:
        of = realm.get("payout", params.pop("payout"), "payout")
        if not of["automatic"]:
            raise ApiError(
                "Balance transaction history can only be filtered on automatic transfers, not manual.", param="payout"
            )
        payout_id = of["id"]
        found = [one for one in found if one["id"] in realm.hidden[payout_id]["transactions"]]
    return listing(found, params, "/v1/balance_transactions")
