"""Disputes: opened by the customer's bank, won or lost; inquiries, which take no money."""

from stripe import params as p

from .balance import DAYS, transaction
from .lists import offer

FEE = 2000  # minor units

_NO_EVIDENCE = {"enhanced_evidence": {}}


def open_dispute(realm, charge, *, reason="fraudulent", amount=None, inquiry=False, due_by=None):
    """The customer's bank disputes a charge.

    :param int amount: minor units; None for the whole charge
    :param bool inquiry: only a question so far: no money is taken
    :param int due_by: when evidence is due; None for in 7 days, 0 for a dispute that can't be answered
    """
    found = realm.add(
        "dispute",
        "du",
        amount=charge["amount"] if amount is None else amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=dict(_NO_EVIDENCE),
        evidence_details=_evidence_details(realm.now() + 7 * DAYS if due_by is None else due_by),
        is_charge_refundable=inquiry,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )
    charge["disputed"] = not inquiry
    if inquiry:
        realm.emit("charge.dispute.created", found)
    else:
        _withdraw(realm, found)
    return found


def _evidence_details(due_by):
    return {
        "due_by": due_by,
        "enhanced_eligibility": {},
        "has_evidence": False,
        "past_due": False,
        "submission_count": 0,
        "submission_method": "not_submitted",
    }


def _withdraw(realm, found):
    booked = transaction(realm, found, "adjustment", "dispute", -found["amount"], fee=FEE, fee_text="Dispute fee")
    found["balance_transactions"].append(dict(booked))
    realm.emit("charge.dispute.created", found)
    realm.emit("charge.dispute.funds_withdrawn", found)


def close_dispute(realm, found, won, fee_back=True):
    """The bank decides.

    :param bool won: by the merchant
    :param bool fee_back: whether winning gives the dispute fee back
    """
    if won and found["balance_transactions"]:
        fee = -FEE if fee_back else 0
        text = "Dispute fee refund"
        booked = transaction(realm, found, "adjustment", "dispute_reversal", found["amount"], fee=fee, fee_text=text)
        found["balance_transactions"].append(dict(booked))
        realm.objects[found["charge"]]["disputed"] = False
        realm.emit("charge.dispute.funds_reinstated", found)
    status = "warning_closed" if found["status"].startswith("warning") else "won" if won else "lost"
    realm.update(found, "charge.dispute.updated", "charge.dispute.closed", status=status)


offer("dispute", "/v1/disputes", p.DisputeRetrieveParams, p.DisputeListParams)
