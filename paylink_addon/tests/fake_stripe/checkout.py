"""What a customer does on the page of a Checkout Session."""

from .methods import KINDS, new_customer, new_method
from .payments import attempt, new_intent, settle
from .setups import attempt_setup, new_mandate

EMAIL = "customer@example.com"
DONE = ("succeeded", "processing", "requires_capture")


def pay(realm, session, method="card", outcome="succeed", email=EMAIL):
    """Submit the page.

    :param str method: type of payment method, one that the session offers
    :param str outcome: ``succeed``, ``authenticate`` (then call :func:`authenticate`), ``3ds_succeed``, ``3ds_fail``,
        or a key of :data:`.errors.DECLINES`. A SEPA debit that succeeds is only pending: see :func:`settle_intent`.
    :raise ValueError: the session is not open, or does not offer this method
    """
    if session["status"] != "open":
        raise ValueError(f"{session['id']} is {session['status']}.")
    if method not in session["payment_method_types"]:
        raise ValueError(f"{session['id']} offers {session['payment_method_types']}, not {method}.")
    first = "authenticate" if outcome.startswith("3ds_") else outcome
    if KINDS[method].delayed and first == "succeed" and session["mode"] == "payment":
        first = "pending"
    found = new_method(realm, method, email=session["customer_email"] or email)
    _ensure_customer(realm, session, email)
    _try(realm, session, found, first)
    if outcome.startswith("3ds_"):
        authenticate(realm, session, outcome == "3ds_succeed")


def leave(realm, session):
    """Let the session's time be over.

    :raise ValueError: it is not open
    """
    if session["status"] != "open":
        raise ValueError(f"{session['id']} is {session['status']}.")
    session["expires_at"] = realm.now()
    realm.world.tick()


def authenticate(realm, session, succeed):
    """The customer answers, or fails, the bank's question.

    :raise ValueError: the bank asked nothing
    """
    waiting = realm.hidden[session["id"]].pop("waiting", None)
    if not waiting or session["status"] != "open":
        raise ValueError(f"{session['id']} does not wait for authentication.")
    _try(realm, session, realm.objects[waiting], "succeed" if succeed else "authentication_failed")


def _try(realm, session, method, outcome):
    if outcome == "authenticate":
        realm.hidden[session["id"]]["waiting"] = method["id"]
    _TRIES[session["mode"]](realm, session, method, outcome)


def _try_payment(realm, session, method, outcome):
    intent = realm.objects.get(session["payment_intent"]) or _new_intent(realm, session)
    attempt(realm, intent, method, outcome)
    if intent["status"] in DONE:
        if intent["setup_future_usage"]:
            realm.update(method, customer=session["customer"])
            realm.emit("payment_method.attached", method)
            if KINDS[method["type"]].mandate:
                mandate = new_mandate(realm, method, **realm.hidden[session["id"]].get("mandate", {}))
                realm.objects[intent["latest_charge"]]["payment_method_details"][method["type"]]["mandate"] = mandate[
                    "id"
                ]
        _complete(realm, session, method, "paid" if intent["status"] == "succeeded" else "unpaid")


def _new_intent(realm, session):
    data = dict(realm.hidden[session["id"]]["intent"])
    intent = new_intent(
        realm,
        hidden={"session": session["id"]},
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        **data,
    )
    session["payment_intent"] = intent["id"]
    return intent


def _try_setup(realm, session, method, outcome):
    setup = realm.objects[session["setup_intent"]]
    setup["customer"] = session["customer"]
    attempt_setup(realm, setup, method, outcome)
    action = (setup["next_action"] or {}).get("type")
    if setup["status"] == "succeeded" or action == "verify_with_microdeposits":
        _complete(realm, session, method, "no_payment_required")


_TRIES = {"payment": _try_payment, "setup": _try_setup}


def _ensure_customer(realm, session, email):
    """Storing a method needs a customer: make one where the session has none."""
    stores = session["mode"] == "setup" or "setup_future_usage" in realm.hidden[session["id"]]["intent"]
    if not session["customer"] and (stores or session["customer_creation"] == "always"):
        session["customer"] = new_customer(realm, email=session["customer_email"] or email)["id"]


def _complete(realm, session, method, payment_status):
    customer = realm.objects.get(session["customer"]) or {}
    email = customer.get("email") or method["billing_details"]["email"]
    details = {"email": email, "name": customer.get("name"), "tax_exempt": "none", "tax_ids": []}
    realm.update(
        session,
        "checkout.session.completed",
        status="complete",
        payment_status=payment_status,
        customer_details=details,
        url=None,
    )


def settle_intent(realm, intent, succeed=True):
    """A delayed payment is known to succeed or to fail, days later.

    :raise ValueError: it is not pending
    """
    settle(realm, intent, succeed)
    session = realm.objects.get(realm.hidden[intent["id"]].get("session"))
    if session:
        realm.emit(f"checkout.session.async_payment_{'succeeded' if succeed else 'failed'}", session)
