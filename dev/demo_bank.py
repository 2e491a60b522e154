"""The bank of the demo company: lines that found their link or wait for a decision, and an account at Stripe."""

from datetime import datetime, timezone

from odoo import fields

# Kind, reporting category, object, amount and fee in cents.
STRIPE_ROWS = (
    ("charge", "charge", "charge", 24000, 385),
    ("charge", "charge", "charge", 9900, 174),
    ("refund", "refund", "refund", -2500, 0),
    ("stripe_fee", "fee", None, -300, 0),
    ("payout", "payout", "payout", -30541, 0),
)


def make_bank(env, customers):
    """Let the bank show transfers: with our reference, with the number of an invoice, with nothing but a name."""
    env = env(user=env.ref("base.user_admin"))
    roux, marie, parc, _karim, _janssens, peeters, *_others = customers.with_env(env)
    links = env["paylink.link"].create(
        [{"partner_id": customer.id, "amount": amount} for customer, amount in ((parc, 120.0), (roux, 85.0))]
    )
    links._issue()
    open_invoices = env["account.move"].search(
        [
            ("partner_id", "in", (marie | peeters).ids),
            ("payment_state", "=", "not_paid"),
            ("move_type", "=", "out_invoice"),
            ("state", "=", "posted"),
        ]
    )
    rows = [(f"VIR SEPA {link.transfer_reference}", link.amount, link.partner_id.name) for link in links]
    rows += [(f"VIR {invoice.name}", invoice.amount_residual, False) for invoice in open_invoices]
    rows += [("VIREMENT", invoice.amount_residual, invoice.partner_id.name) for invoice in open_invoices]
    bank = env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", env.company.id)], limit=1)
    env["account.bank.statement.line"].sudo().create(
        [
            {
                "journal_id": bank.id,
                "date": fields.Date.today(),
                "payment_ref": label,
                "amount": amount,
                "partner_name": name,
            }
            for label, amount, name in rows
        ]
    )
    links.sudo().transaction_ids.filtered("paylink_untold")._paylink_tell()  # as the job does
    make_stripe_account(env, bank)


def make_stripe_account(env, bank):
    """What has moved at Stripe and was paid out, as Stripe would tell it; nothing is asked of it."""
    provider = env["payment.provider"].search([("code", "=", "stripe_checkout"), ("company_id", "=", env.company.id)])[
        :1
    ]
    expense = env.company._paylink_fee_account() or env["account.account"].search(
        [("account_type", "=", "expense")], limit=1
    )
    outstanding = provider._paylink_former_account()
    balance = env["paylink.balance"].sudo()
    balance = balance.create(
        {
            "account": "acct_demo",
            "company_id": env.company.id,
            "provider_id": provider.id,
            "since": fields.Date.today(),
            "outstanding_account_id": outstanding.id,
            "former_account_id": outstanding.id,
            "fee_account_id": expense.id,
            "is_opened": True,
        }
    )
    Move = env["paylink.balance.move"].sudo()
    Move._store(balance, [_stripe_row(env, *row) for row in STRIPE_ROWS])
    payout = env["paylink.payout"].sudo().search([("balance_id", "=", balance.id)])
    Move.search([("balance_id", "=", balance.id), ("category", "!=", "payout")]).payout_id = payout
    payout.write({"is_complete": True, "is_composed": True})
    Move.search(Move._waiting_domain(balance), order="id")._book()
    line = {"journal_id": bank.id, "date": fields.Date.today(), "payment_ref": "VIR STRIPE TR4711-DEMO"}
    env["account.bank.statement.line"].sudo().create(line | {"amount": payout.amount})


def _stripe_row(env, kind, category, what, amount, fee):
    """A balance transaction with its source."""
    now, code = int(datetime.now(timezone.utc).timestamp()), env.company.currency_id.name.lower()
    number = abs(amount)
    source = {"id": f"demo_{kind}_{number}", "object": what, "amount": number, "currency": code, "created": now}
    if what == "payout":
        source |= {"arrival_date": now, "status": "paid", "trace_id": {"value": "TR4711DEMO"}}
    return {
        "id": f"txn_demo_{kind}_{number}",
        "type": kind,
        "reporting_category": category,
        "amount": amount,
        "fee": fee,
        "net": amount - fee,
        "currency": code,
        "created": now,
        "source": source if what else None,
    }
