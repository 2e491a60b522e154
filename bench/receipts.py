"""*Receipts* of 100,000 rows: the first page of the list with each filter, and sums, beside what nobody waits for."""

from dev.live import fresh_database

from .bank_account import account, payments
from .common import Table, environment, measure
from .reminders import copies

# By Stripe, in payouts of a hundred; and registered by hand. One payout of ten is not at the bank yet.
PAID, BY_HAND, EACH, MISSING = 60_000, 40_000, 100, 10
# What somebody waits for (s), and how many times that on a busy machine.
WAIT, BUSY = 0.3, 4
PAGE, COUNTED = 80, 10_001
# What the list shows.
COLUMNS = ("date", "name", "partner_id", "kind", "method", "provider_id", "link_id", "user_id", "amount")
COLUMNS += ("amount_company", "fee", "net", "payout_id", "bank_line_id", "is_matched", "is_consolidated")
PAGES = {
    "all": [],
    "this month": [("date", ">=", "2026-11-01"), ("date", "<", "2026-12-01")],
    "not at the bank": [("is_consolidated", "=", False)],
    "at the bank": [("is_consolidated", "=", True)],
    "not reconciled": [("is_matched", "=", False)],
    "of links": [("link_id", "!=", False)],
    "refunds (none)": [("kind", "=", "refund")],
}


def main():
    """Measure what the web client asks for when somebody opens the list, or chooses a filter."""
    table = Table(f"Receipts: {PAID + BY_HAND:,} rows (s), beside {WAIT} s")
    with fresh_database("bench_receipts") as database, environment(database) as env:
        make_receipts(env(su=True))
        receipts = env["paylink.receipt"]
        for name, domain in PAGES.items():
            found = measure(env, lambda: page(receipts, domain), repeat=3)  # noqa: B023  called at once
            table.add(
                f"{name}: {found.result:,} rows", found.seconds, WAIT, ratio=found.seconds / WAIT, at_most=BUSY, goal=1
            )
        sums = measure(env, lambda: by_method(receipts), repeat=3)
        table.add("this month by method", sums.seconds, WAIT, ratio=sums.seconds / WAIT, at_most=BUSY, goal=1)
    return table.show()


def page(receipts, domain):
    """The first page, and how many there are, as far as the list counts them."""
    wanted = {name: {} for name in COLUMNS}
    return receipts.web_search_read(domain, wanted, limit=PAGE, count_limit=COUNTED)["length"]


def by_method(receipts):
    """What was paid this month by method."""
    return receipts.formatted_read_group(PAGES["this month"], ["method"], ["amount_company:sum", "__count"])


def make_receipts(env):
    """One payment by Stripe with its payout, and one by hand; then copies of both, by SQL."""
    balance, _journal = account(env)
    transaction = env["payment.transaction"].browse(payments(env, balance, balance.journal_ids, 1))
    transaction.paylink_moved_on = "2026-11-26"
    payment, company = transaction.payment_id, balance.company_id
    by_hand = payment.copy({"payment_transaction_id": False})
    by_hand.action_post()
    bank = env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", company.id)], limit=1)
    line = env["account.bank.statement.line"].create({"journal_id": bank.id, "payment_ref": "STRIPE", "amount": 1})
    common = {"balance_id": balance.id, "currency_id": company.currency_id.id}
    payout = env["paylink.payout"].create({**common, "name": "po_0", "amount": 1, "status": "paid"})
    values = {"name": "txn_0", "category": "charge", "amount": 100, "fee": 2, "net": 98, "is_kept": True}
    moment = {"created_at": "2026-11-26 12:00:00", "date": "2026-11-26"}
    move = env["paylink.balance.move"].create({**common, **values, **moment, "transaction_id": transaction.id})
    link = env["paylink.link"].create({"partner_id": transaction.partner_id.id, "amount": 100.0})
    env.flush_all()
    day = "DATE '2026-11-26' - {}"
    arrived = f"CASE WHEN n % {MISSING} > 0 THEN {line.id} END"
    payouts = copies(
        env,
        "paylink_payout",
        payout.id,
        PAID // EACH,
        name="'po_' || n",
        bank_line_id=arrived,
        arrival_line_id=arrived,
    )
    a_day = f"(n * 3 / {EACH} / 2)::integer"
    paid = copies(
        env,
        "account_payment",
        payment.id,
        PAID,
        name="'PAY/' || n",
        date=day.format(a_day),
        payment_transaction_id="NULL",
        is_matched="TRUE",
    )
    transactions = copies(
        env,
        "payment_transaction",
        transaction.id,
        PAID,
        reference="'bench-copy-' || n",
        paylink_stripe_intent="'pi_copy_' || n",
        payment_id=f"{paid} + n - 1",
        paylink_moved_on=day.format(a_day),
        paylink_is_matched="TRUE",
        paylink_is_consolidated=f"(n - 1) / {EACH} % {MISSING} > 0",
        paylink_id=f"CASE WHEN n % 2 = 0 THEN {link.id} END",
    )
    env.cr.execute(
        "UPDATE account_payment SET payment_transaction_id = %s + id - %s WHERE id >= %s AND id < %s",
        [transactions, paid, paid, paid + PAID],
    )
    copies(
        env,
        "paylink_balance_move",
        move.id,
        PAID,
        name="'txn_' || n",
        transaction_id=f"{transactions} + n - 1",
        payout_id=f"{payouts} + (n - 1) / {EACH}",
    )
    by_day = f"(n * 3 / {BY_HAND // (PAID // EACH)} / 2)::integer"
    copies(
        env,
        "account_payment",
        by_hand.id,
        BY_HAND,
        name="'HAND/' || n",
        date=day.format(by_day),
        is_matched=f"n % {MISSING} > 0",
    )
    env.cr.execute("ANALYZE payment_transaction, account_payment, paylink_balance_move, paylink_payout")
    env.invalidate_all()
