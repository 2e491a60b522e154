"""The bank of the demo company: lines that found their link or wait for a decision, and an account at Stripe."""

from datetime import datetime, timezone

from odoo import fields

# Kind, reporting category, object, amount and fee in cents; what is paid out by hand, Stripe does not name.
PAID_OUT = (
    ("charge", "charge", "charge", 24000, 385),
    ("charge", "charge", "charge", 9900, 174),
    ("refund", "refund", "refund", -2500, 0),
    ("stripe_fee", "fee", None, -300, 0),
    ("payout", "payout", "payout", -30541, 0),
)
BY_HAND = (
    ("charge", "charge", "charge", 6000, 115),
    ("charge", "charge", "charge", 4500, 93),
    ("payout", "payout", "payout", -6000, 0),
    ("payout", "payout", "payout", -3000, 0),
)
# How long ago all of it was.
SECONDS = 60


def make_bank(env, customers):
    """Let the bank show transfers: with our reference, with the number of an invoice, with nothing but a name."""
    env = env(user=env.ref("base.user_admin"))
    roux, marie, parc, _karim, _janssens, peeters, *_others = customers.with_env(env)
    links = env["paylink.link"].create(
        [{"partner_id": customer.id, "amount": amount} for customer, amount in ((parc, 120.0), (roux, 85.0))]
    )
    links._issue()
    announced = env["paylink.link"].create({"partner_id": roux.id, "amount": 75.0, "reference": "Acompte portail"})
    announced._issue()
    announced.sudo()._claim_transfer(str(fields.Date.today()), "75")
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
    make_stripe_account(env, bank, [marie, parc, peeters, roux])


def make_stripe_account(env, bank, customers):
    """What customers have paid by Stripe, and what was paid out of it, as Stripe would tell it; nothing is asked of it.

    The payout that Stripe has made by itself has arrived; of two that were made by hand, one has got its payments.
    """
    provider = env["payment.provider"].search([("code", "=", "stripe_checkout"), ("company_id", "=", env.company.id)])
    balance = new_balance(env, provider[:1])
    pay_by_stripe(balance, customers)
    Move = env["paylink.balance.move"].sudo()
    made = {rows: store_moves(balance, rows, is_automatic=rows == PAID_OUT) for rows in (PAID_OUT, BY_HAND)}
    Move.search(Move._waiting_domain(balance), order="created_at, id")._book()
    arrived = made[PAID_OUT].payout_id
    line = {"journal_id": bank.id, "date": fields.Date.today(), "payment_ref": "VIR STRIPE TR4711-DEMO"}
    env["account.bank.statement.line"].sudo().create(line | {"amount": arrived.amount})
    by_hand = env["paylink.payout"].sudo().search([("balance_id", "=", balance.id), ("is_automatic", "=", False)])
    by_hand.sorted("created_at")[:1]._assign()


def new_balance(env, provider):
    """An account at Stripe as the set-up leaves it."""
    expense = env.company._paylink_fee_account() or env["account.account"].search(
        [("account_type", "=", "expense")], limit=1
    )
    return (
        env["paylink.balance"]
        .sudo()
        .create(
            {
                "account": "acct_demo",
                "company_id": env.company.id,
                "provider_id": provider.id,
                "since": fields.Date.today(),
                "outstanding_account_id": provider.sudo()._paylink_new_outstanding_account().id,
                "former_account_id": provider.sudo()._paylink_former_account().id,
                "fee_account_id": expense.id,
                "is_opened": True,
            }
        )
    )


def pay_by_stripe(balance, customers):
    """Links that were paid, and one refund in part; the provider is as before afterwards: no key has been entered."""
    provider = balance.provider_id.sudo()
    provider.journal_id = balance._journal(balance.company_id.currency_id)
    provider._paylink_payment_method_line().payment_account_id = balance.outstanding_account_id
    amounts = [cents / 100 for kind, *_what, cents, _fee in PAID_OUT + BY_HAND if kind == "charge"]
    links = provider.env["paylink.link"].create(
        [
            {"partner_id": customer.id, "amount": amount, "reference": "Acompte"}
            for customer, amount in zip(customers, amounts, strict=True)
        ]
    )
    links._issue()
    transactions = provider.env["payment.transaction"].create(
        [
            {
                "provider_id": provider.id,
                "payment_method_id": provider.env.ref("payment.payment_method_card").id,
                "amount": link.amount,
                "currency_id": link.currency_id.id,
                "partner_id": link.partner_id.id,
                "operation": "online_redirect",
                "reference": f"{link.name}-stripe",
                "paylink_id": link.id,
                "paylink_stripe_intent": f"pi_demo_{round(link.amount * 100)}",
            }
            for link in links
        ]
    )
    for transaction in transactions:
        transaction._set_done()
    transactions._post_process()
    refund = transactions[0]._create_child_transaction(25.0, is_refund=True)
    refund.paylink_stripe_refund = "demo_refund_2500"
    refund._set_done()
    refund._post_process()
    provider._paylink_payment_method_line().unlink()


def store_moves(balance, rows, is_automatic):
    """Store what has moved, the oldest first; its payouts know what they are made of where Stripe says that."""
    Move = balance.env["paylink.balance.move"]
    before = Move.search([("balance_id", "=", balance.id)])
    found = [
        _stripe_row(balance, index, row, is_automatic) for index, row in enumerate(rows, start=len(before) - SECONDS)
    ]
    Move._store(balance, found[::-1])
    moves = Move.search([("balance_id", "=", balance.id)]) - before
    if is_automatic:
        payout = balance.env["paylink.payout"].search([("balance_id", "=", balance.id)])
        moves.filtered(lambda move: move.category != "payout").payout_id = payout
        payout.write({"is_complete": True, "is_composed": True})
    return moves


def _stripe_row(balance, index, row, is_automatic):
    """A balance transaction with its source.

    :param int index: how many seconds from now it has moved
    """
    kind, category, what, amount, fee = row
    moment, code = int(datetime.now(timezone.utc).timestamp()) + index, balance.company_id.currency_id.name.lower()
    number = abs(amount)
    source = {"id": f"demo_{kind}_{number}", "object": what, "amount": number, "currency": code, "created": moment}
    if what in ("charge", "refund"):
        source |= {"payment_intent": f"pi_demo_{number if what == 'charge' else PAID_OUT[0][3]}"}
    if what == "payout":
        source |= {"arrival_date": moment, "status": "paid", "automatic": is_automatic}
        source |= {"trace_id": {"value": "TR4711DEMO"}} if is_automatic else {}
    return {
        "id": f"txn_demo_{kind}_{number}",
        "type": kind,
        "reporting_category": category,
        "amount": amount,
        "fee": fee,
        "net": amount - fee,
        "currency": code,
        "created": moment,
        "source": source if what else None,
    }
