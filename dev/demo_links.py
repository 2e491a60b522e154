"""Collection links of the demo company, in every state of their life."""

from datetime import timedelta

from odoo import fields


def make_links(env, customers, invoices):
    """Send links for some of the invoices and let their customers do what customers do."""
    env = env(user=env.ref("base.user_admin"))
    customers, invoices = customers.with_env(env), invoices.with_env(env)
    company = env.ref("base.main_company")
    company.paylink_expiry_hours = 24 * 7
    todo = iter(invoices.filtered(lambda move: move.move_type == "out_invoice").sorted("id"))
    next(todo)  # one is left for the visitor, and so are those at the end

    send(env, next(todo))  # not opened
    send(env, next(todo))._mark_opened()
    attempt(send(env, next(todo)), "pending")
    attempt(send(env, next(todo)), "error")
    paid = send(env, next(todo))
    attempt(paid, "error")
    attempt(paid, "done")
    refund(attempt(send(env, next(todo)), "done"), 0.25)
    refund(attempt(send(env, next(todo)), "done"), 1, reason="Commande annulée")
    lose(attempt(send(env, next(todo)), "done"))
    send(env, next(todo), expires_at=fields.Datetime.now() + timedelta(minutes=1)).expires_at = (
        fields.Datetime.now() - timedelta(hours=1)
    )
    send(env, next(todo)).action_cancel()
    undelivered(send(env, next(todo)))

    Link = env["paylink.link"]
    part = Link.create(
        {"partner_id": customers[1].id, "amount": 1500, "reference": "Contrat 2026-117", "allow_partial": True}
    )
    part.action_send()
    attempt(part, "done", amount=500)
    Link.create({"partner_id": customers[5].id, "amount": 320, "reference": "Acompte terrasse"})  # a draft


def send(env, invoice, **values):
    """Send a link for ``invoice`` by the wizard, as a user does."""
    wizard = (
        env["paylink.send"]
        .with_context(active_model="account.move", active_ids=invoice.ids)
        .create({"send_email": bool(invoice.partner_id.email), **values})
    )
    wizard.action_send()
    return wizard.link_ids


def attempt(link, state, amount=None):
    """Let the customer try to pay, with this outcome at the demo provider."""
    provider = link.env.ref("payment.payment_provider_demo")
    method = provider.payment_method_ids[:1]
    values = link.sudo()._start_attempt(amount or link._payable_amount(), provider.id, method.id, None)
    values |= values.pop("custom_create_values") | {"operation": "online_direct"}
    transaction = (
        link.env["payment.transaction"]
        .sudo()
        .create(values | {"reference": link.env["payment.transaction"]._compute_reference("demo", prefix=link.name)})
    )
    transaction._process("demo", {"reference": transaction.reference, "simulated_state": state})
    transaction._post_process()
    return transaction


def refund(transaction, share, reason=False):
    """Give a part of the money back."""
    amount = transaction.currency_id.round(transaction.amount * share)
    refunded = transaction._refund(amount_to_refund=amount)
    refunded.paylink_reason = reason
    refunded._post_process()


def lose(transaction):
    """Let the customer's bank take the money back for good."""
    dispute = (
        transaction.env["paylink.dispute"]
        .sudo()
        .create(
            {
                "name": f"du_{transaction.id}",
                "provider_id": transaction.provider_id.id,
                "transaction_id": transaction.id,
                "currency_id": transaction.currency_id.id,
                "amount": transaction.amount,
                "reason": "fraudulent",
                "status": "lost",
            }
        )
    )
    dispute._book_withdrawal()
    dispute._follow_status(None)


def undelivered(link):
    """Let the mail server refuse the address."""
    mail = link.env["mail.mail"].sudo().search([("model", "=", link._name), ("res_id", "=", link.id)])
    mail.write({"state": "exception", "failure_reason": "550 5.1.1 Mailbox unknown"})
    mail._postprocess_sent_message([], [], failure_reason="550 5.1.1 Mailbox unknown", failure_type="mail_smtp")
