"""A day at Stripe: read, booked and reconciled, beside Odoo's own lines and reconciliation in one batch; its memory.

``PAYLINK_BENCH_ROWS`` says how many rows the day has: 1,000, unless it says 10,000.
"""

import os
import resource
import statistics
from datetime import datetime, timezone

from dev.live import fresh_database

from .common import Table, environment, measure

ROWS = int(os.environ.get("PAYLINK_BENCH_ROWS") or 1000)
PEERS = 200  # in each batch of theirs: before, between and after ours, as the machine and the journal are then
# In megabytes: what the second half of a day may take besides what the first has.
GROWTH = 60


def main():
    """Measure per row, each with its fee. The peer is given what belongs together, and no fees."""
    table = Table("From Stripe's rows to reconciled bank lines, per row")
    with fresh_database("bench_bank_account") as database, environment(database) as user_env:
        env = user_env(su=True)
        balance, journal = account(env)
        ours, theirs = payments(env, balance, journal, ROWS), payments(env, balance, journal, 3 * PEERS)
        half, peers = ROWS // 2, [_peer(env, journal, balance, theirs[:PEERS])]
        first = measure(env, lambda: _day(env, balance, ours[:half]))
        peers.append(_peer(env, journal, balance, theirs[PEERS : 2 * PEERS]))
        before = _memory()
        second = measure(env, lambda: _day(env, balance, ours[half:]))
        growth = _memory() - before
        peers.append(_peer(env, journal, balance, theirs[2 * PEERS :]))
        mine = first.per(half), second.per(ROWS - half)
        row, peer = statistics.mean(cost.seconds for cost in mine), statistics.mean(cost.seconds for cost in peers)
        queries = mine[1].queries / peers[-1].queries
        table.add("a row (ms)", row * 1e3, peer * 1e3, ratio=row / peer, at_most=2.6)
        table.add("queries", mine[1].queries, peers[-1].queries, ratio=queries, at_most=3, goal=2.6)
        pace = mine[1].seconds / mine[0].seconds
        table.add(
            "second half, beside the first (ms)", mine[1].seconds * 1e3, mine[0].seconds * 1e3, ratio=pace, at_most=1.5
        )
        table.add("memory of the second half (MB)", growth, GROWTH, ratio=growth / GROWTH, at_most=1)
        moves = env["paylink.balance.move"].search([])
        if len(moves) != ROWS or moves.filtered("is_open"):
            raise RuntimeError("Not all rows were reconciled.")
    return table.show()


def _memory():
    """The most that this process has ever taken, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def account(env):
    """An account at Stripe as the set-up leaves it, without asking Stripe."""
    provider = env.ref("paylink_addon.payment_provider_stripe")
    company = provider.company_id
    provider.write(
        {"state": "test", "paylink_stripe_secret_key": "sk_test_bench", "paylink_stripe_account": "acct_bench"}
    )
    expense = env["account.account"].search([("account_type", "=", "expense")], limit=1)
    balance = provider._paylink_new_balance({"since": company._paylink_today(), "fee_account_id": expense.id})
    journal = balance._journal(company.currency_id)
    provider.journal_id = journal
    provider._paylink_payment_method_line().payment_account_id = balance.outstanding_account_id
    return balance, journal


def payments(env, balance, journal, count):
    """Confirmed transactions with their payments in the books."""
    provider = balance.provider_id
    partner = env["res.partner"].create({"name": "Marie Dubois"})
    method = provider.payment_method_ids[:1]
    transactions = env["payment.transaction"]
    for start in range(0, count, 200):
        transactions |= env["payment.transaction"].create(
            [
                {
                    "provider_id": provider.id,
                    "payment_method_id": method.id,
                    "amount": 100.0,
                    "currency_id": journal.company_id.currency_id.id,
                    "partner_id": partner.id,
                    "operation": "online_redirect",
                    "reference": f"bench-{count}-{start + number}",
                    "paylink_stripe_intent": f"pi_{count}_{start + number}",
                    "state": "done",
                    "is_post_processed": True,
                }
                for number in range(min(200, count - start))
            ]
        )
    line = provider._paylink_payment_method_line()
    for start in range(0, count, 200):
        some = transactions[start : start + 200]
        payments = env["paylink.link"]._create_payments(
            [
                {
                    "amount": 100.0,
                    "payment_type": "inbound",
                    "partner_id": partner.id,
                    "partner_type": "customer",
                    "journal_id": journal.id,
                    "payment_method_line_id": line.id,
                    "payment_transaction_id": transaction.id,
                    "write_off_line_vals": [],
                }
                for transaction in some
            ]
        )
        for transaction, payment in zip(some, payments, strict=True):
            transaction.payment_id = payment
        env.flush_all()
        env.invalidate_all()
    return transactions.ids


def _day(env, balance, ids):
    """What the job does with a day, besides waiting for Stripe."""
    now = int(datetime.now(timezone.utc).timestamp())
    Move = env["paylink.balance.move"]
    for start in range(0, len(ids), 100):
        Move._store(balance, [_row(tx, now) for tx in env["payment.transaction"].browse(ids[start : start + 100])])
        env.flush_all()
        env.invalidate_all()
    waiting = Move.search(Move._waiting_domain(balance), order="created_at, id").ids
    for start in range(0, len(waiting), 200):
        Move.browse(waiting[start : start + 200])._book()


def _row(transaction, now):
    """A charge as Stripe lists it."""
    code = transaction.currency_id.name.lower()
    charge = {"id": f"ch_{transaction.id}", "object": "charge", "amount_captured": 10000, "amount": 10000}
    return {
        "id": f"txn_{transaction.id}",
        "object": "balance_transaction",
        "amount": 10000,
        "fee": 175,
        "net": 9825,
        "currency": code,
        "created": now,
        "type": "charge",
        "reporting_category": "charge",
        "source": charge | {"currency": code, "payment_intent": transaction.paylink_stripe_intent},
    }


def _peer(env, journal, balance, ids):
    return measure(env, lambda: _odoo(env, journal, balance, ids)).per(len(ids))


def _odoo(env, journal, balance, ids):
    """Odoo's own lines, each put on the account of its payment and reconciled with it, all in one batch."""
    payments = env["payment.transaction"].browse(ids).payment_id
    account = balance.outstanding_account_id
    lines = env["account.bank.statement.line"].create(
        [
            {
                "journal_id": journal.id,
                "payment_ref": payment.name,
                "amount": payment.amount,
                "partner_id": payment.partner_id.id,
                "counterpart_account_id": account.id,
            }
            for payment in payments
        ]
    )
    env["account.move.line"]._reconcile_plan(
        [
            (payment.move_id | line.move_id).line_ids.filtered(lambda item: item.account_id == account)
            for payment, line in zip(payments, lines, strict=True)
        ]
    )
    env.flush_all()
