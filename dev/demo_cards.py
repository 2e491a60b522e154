"""Card requests of the demo company, what customers have stored, and a rule that charges it."""

from datetime import timedelta

from odoo import fields

RULE = {"name": "À l'échéance", "moment": "on", "customer_mode": "all"}
NEW = {"given_company": "Cabinet Martin", "given_phone": "+33 6 39 98 01 09"}


def make_cards(env, customers):
    """Ask customers for a card and let them do what customers do; one of them has automatic payment."""
    env = env(user=env.ref("base.user_admin"))
    roux, marie, parc, karim, janssens, peeters, roy, clarke = customers.with_env(env)
    store(ask(env, marie))
    for _method in range(2):
        store(ask(env, parc))
    store(ask(env, roy))
    ask(env, janssens)._mark_opened()
    ask(env, peeters).action_cancel()
    store(ask(env, clarke), "error")
    ask(env, roux).sudo().expires_at = fields.Datetime.now() - timedelta(hours=1)
    kind = env.ref("paylink_addon.paylink_card_template_existing")
    env["paylink.card.request"].create({"partner_id": karim.id, "template_id": kind.id, "send_email": False})  # a draft
    for name, email in (
        ("Ada Martin", "ada@martin.demo"),
        ("Paul Roux", roux.email),
        ("Karim Benali", "karim@benali.demo"),
    ):
        request = ask_new(env, email)
        store(request, person=NEW | {"given_name": name, "given_email": email})
    request._link_to(karim)
    update(env, parc)
    marie.paylink_autopay = True
    # What is off charges nobody: whoever tries it switches it on.
    env["paylink.autopay.rule"].create(RULE)


def ask(env, customer):
    """Ask a customer for a card by the dialog, as a user does."""
    wizard = env["paylink.card.send"].with_context(active_model="res.partner", active_ids=customer.ids).create({})
    wizard.action_send()
    return wizard.request_ids


def ask_new(env, email):
    """Ask somebody who is no customer yet."""
    template = env.ref("paylink_addon.paylink_card_template_new")
    request = env["paylink.card.request"].create({"template_id": template.id, "email": email, "lang": "fr_FR"})
    request.action_send()
    return request


def update(env, customer):
    """Ask a customer to replace what is stored."""
    token = customer.commercial_partner_id.paylink_token_id
    wizard = env["paylink.card.send"].with_context(active_model="payment.token", active_ids=token.ids).create({})
    wizard.action_send()


def store(request, state="done", person=None):
    """Let the customer agree and store a card, with this outcome at the demo provider."""
    provider = request.env.ref("payment.payment_provider_demo")
    page = request.sudo().with_context(lang=request.lang)
    page._agree("192.0.2.7", person)
    values = page._start_attempt(provider.id, provider.payment_method_ids[:1].id)
    values |= values.pop("custom_create_values") | {"operation": "validation", "tokenize": True, "amount": 0}
    del values["is_validation"]
    Transaction = request.env["payment.transaction"].sudo()
    values |= {"currency_id": request.company_id.currency_id.id}
    transaction = Transaction.create(
        values | {"reference": Transaction._compute_reference("demo", prefix=request.name)}
    )
    answer = {"reference": transaction.reference, "payment_details": "4242", "simulated_state": state}
    transaction._process("demo", answer)
