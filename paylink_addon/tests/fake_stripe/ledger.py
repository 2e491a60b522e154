"""What really happened to the money, to compare with somebody else's books."""

from collections import defaultdict
from dataclasses import dataclass


@dataclass
class Payment:
    """What came of one PaymentIntent; all amounts in minor units.

    :ivar received: what the customer paid, and did not fail later
    :ivar refunded: refunds that did not fail
    :ivar disputed: what disputes hold or took
    :ivar fee: fees of the payment and its disputes, as booked
    :ivar net: what all of it changed on the balance, in the settlement currency
    """

    id: str
    reference: str | None
    currency: str
    status: str
    metadata: dict
    received: int = 0
    refunded: int = 0
    disputed: int = 0
    fee: int = 0
    net: int = 0


def payments(realm):
    """Every PaymentIntent of a realm.

    :return: list of :class:`Payment`, oldest first
    """
    by_intent = {kind: _grouped(realm, kind, "payment_intent") for kind in ("charge", "refund", "dispute")}
    by_source = _grouped(realm, "balance_transaction", "source")
    return [
        _payment(realm, intent, {kind: found.get(intent["id"], []) for kind, found in by_intent.items()}, by_source)
        for intent in realm.all("payment_intent")
    ]


def _payment(realm, intent, mine, by_source):
    session = realm.objects.get(realm.hidden[intent["id"]].get("session")) or {}
    sources = [found["id"] for group in mine.values() for found in group]
    booked = [found for source in sources for found in by_source.get(source, [])]
    return Payment(
        id=intent["id"],
        reference=session.get("client_reference_id"),
        currency=intent["currency"],
        status=intent["status"],
        metadata=dict(intent["metadata"]),
        received=sum(one["amount_captured"] for one in mine["charge"] if one["status"] == "succeeded"),
        refunded=sum(one["amount"] for one in mine["refund"] if one["status"] in ("pending", "succeeded")),
        disputed=sum(one["amount"] for one in mine["dispute"] if one["status"] in ("needs_response", "lost")),
        fee=sum(found["fee"] for found in booked),
        net=sum(found["net"] for found in booked),
    )


def _grouped(realm, kind, key):
    """All objects of a kind, by one of their values: looked through once, however many payments there are."""
    groups = defaultdict(list)
    for found in realm.all(kind):
        groups[found[key]].append(found)
    return groups


def balance(realm):
    """The account's balance, with what has been paid out taken off.

    :return: minor units by currency
    """
    found = {}
    for booked in realm.all("balance_transaction"):
        found[booked["currency"]] = found.get(booked["currency"], 0) + booked["net"]
    return found
