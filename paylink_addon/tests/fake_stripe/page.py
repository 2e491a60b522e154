"""The hosted page of a Checkout Session, for a browser: one button for each way in which it can end."""

import html
from urllib.parse import parse_qs

from . import checkout
from .balance import written

# Name of the button → method and outcome; what it says.
BUTTONS = {
    "card": ("card", "succeed", "Pay by card"),
    "card_declined": ("card", "generic_decline", "Pay by card: declined"),
    "card_no_funds": ("card", "insufficient_funds", "Pay by card: insufficient funds"),
    "card_3ds": ("card", "authenticate", "Pay by card with 3-D Secure"),
    "sepa_debit": ("sepa_debit", "succeed", "Pay by SEPA debit"),
    "acss_debit": ("acss_debit", "succeed", "Pay by Canadian debit"),
    "afterpay_clearpay": ("afterpay_clearpay", "succeed", "Pay in 4 with Afterpay"),
    "klarna": ("klarna", "succeed", "Pay with Klarna"),
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; margin: 2rem auto; max-width: 30rem; padding: 0 1rem; color: #1a1f36; }}
button, input {{ font: inherit; display: block; width: 100%; margin: .5rem 0; padding: .6rem; box-sizing: border-box; }}
.error {{ color: #b3093c; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def show(realm, session):
    """The page as the customer finds it.

    :return: HTML
    """
    if session["status"] != "open":
        return _page("This page is no longer open", f"<p id='status'>This session is {session['status']}.</p>")
    if realm.hidden[session["id"]].get("waiting"):
        buttons = {"3ds_succeed": "Complete authentication", "3ds_fail": "Fail authentication"}
        return _page("3-D Secure", "<p>Your bank wants to be sure that it is you.</p>" + _form(buttons))
    offered = {name: text for name, (kind, _, text) in BUTTONS.items() if kind in session["payment_method_types"]}
    return _page(realm.account.name, _summary(realm, session) + _error(realm, session) + _form(offered, session))


def submit(realm, session, encoded):
    """Do what a button says.

    :param str encoded: the form
    :return: address to go to, or None to stay on the page
    """
    form = {name: values[0] for name, values in parse_qs(encoded).items()}
    action = form.get("action", "")
    success = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    if session["status"] == "open":
        _act(realm, session, action, form.get("email") or checkout.EMAIL)
    return success if session["status"] == "complete" else None


def _act(realm, session, action, email):
    if action.startswith("3ds_"):
        checkout.authenticate(realm, session, action == "3ds_succeed")
    elif action in BUTTONS:
        method, outcome, _text = BUTTONS[action]
        checkout.pay(realm, session, method, outcome, email)


def _page(title, body):
    return _PAGE.format(title=html.escape(title), body=body)


def _summary(realm, session):
    lines = [
        f"<li>{html.escape(item['description'] or '')}: {written(item['amount_total'], item['currency'])}</li>"
        for item in realm.hidden[session["id"]]["items"]
    ]
    if not lines:
        return "<p>Store a payment method for later.</p>"
    total = written(session["amount_total"], session["currency"])
    return f"<ul>{''.join(lines)}</ul><p>Total: <b id='total'>{total}</b></p>"


def _error(realm, session):
    intent = realm.objects.get(session["payment_intent"] or session["setup_intent"]) or {}
    found = intent.get("last_payment_error") or intent.get("last_setup_error")
    return f"<p class='error' role='alert'>{html.escape(found['message'])}</p>" if found else ""


def _form(buttons, session=None):
    email, back = "", ""
    if session and not session["customer_email"] and not session["customer"]:
        email = f"<label>E-mail <input type='email' name='email' value='{checkout.EMAIL}'></label>"
    if session and session["cancel_url"]:
        back = f"<p><a id='cancel' href='{html.escape(session['cancel_url'], quote=True)}'>Back without paying</a></p>"
    made = [f"<button name='action' value='{name}'>{html.escape(text)}</button>" for name, text in buttons.items()]
    return f"<form method='post'>{email}{''.join(made)}</form>{back}"
