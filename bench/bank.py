"""Lines of banks find what they pay, beside one SQL join; they are reconciled, beside Odoo's own way in batch, and
beside the automatic matching of OCA's ``account_reconcile_oca``.
"""

from dev.live import fresh_database
from dev.odoo import the_odoo

from .common import Table, environment, find_peer, measure
from .links import make_invoices
from .reminders import copies, make_items, prepare

ITEMS, LINES, FEWER = 100_000, 5_000, 1_250
RECONCILED = 200
# The peer's time for each line grows with the lines that come together, and with what is open.
PEER, PEER_LINES, PEER_ITEMS = "account_reconcile_oca", 60, 20_000
PEER_PACKAGES = ("odoo-addon-account-reconcile-oca>=19.0,<19.1", "odoo-addon-account-statement-base>=19.0,<19.1")
# What any way of finding them has to ask at least.
JOIN = """
    SELECT line.id, item.id
      FROM account_bank_statement_line line
      JOIN paylink_link link ON link.transfer_reference = line.payment_ref
      JOIN paylink_link_line asked ON asked.link_id = link.id
      JOIN account_move_line item ON item.id = asked.move_line_id AND item.reconciled IS NOT TRUE
                                 AND item.amount_residual_currency = line.amount
     WHERE line.id IN %s AND line.is_reconciled IS NOT TRUE
"""


def main():
    """Measure finding among many open items, then reconciling, each against what can't be done without."""
    peer = find_peer(PEER, PEER_PACKAGES, "RECONCILE_OCA_DIR")
    table = Table(f"{LINES} bank lines, {ITEMS} open items")
    with fresh_database("bench_bank") as database, environment(database, *(peer or ())) as env:
        prepare(env)
        find(env(su=True), table)
    with fresh_database("bench_bank") as database, environment(database, *(peer or ())) as env:
        reconcile(env(su=True), table)
    if peer:
        with fresh_database("bench_bank_peer") as database:
            the_odoo().install(database, [PEER], *peer)
            with environment(database, *peer) as env:
                beside_peer(env(su=True), table)
    return table.show()


def find(env, table):
    """Finding: nothing is written."""
    lines = make_lines(env)
    lines[:10]._paylink_decide()  # starts warm
    floor = measure(env, lambda: join(env, lines), repeat=3)
    ours = measure(env, lines._paylink_decide, repeat=3)
    assert len(floor.result) == sum(decision.proof for decision in ours.result) == LINES
    table.add("finding (s)", ours.seconds, floor.seconds, ratio=ours.seconds / floor.seconds, at_most=8, goal=5)
    table.add("queries", ours.queries, floor.queries, ratio=ours.queries, at_most=8)
    fewer = measure(env, lines[:FEWER]._paylink_decide, repeat=3).per(FEWER)
    growth = ours.per(LINES).seconds / fewer.seconds
    table.add(f"per line, {LINES} against {FEWER}", growth, ratio=growth, at_most=2, goal=1.3)


def reconcile(env, table):
    """Matching, with all that follows for the links, beside Odoo's reconciliation of as many lines in one plan."""
    links, mine, theirs, peers = two_ways(env, RECONCILED)
    mine[:2]._paylink_match()  # both start warm
    by_odoo(peers[:2], theirs[:2])
    matched = measure(env, mine[2:]._paylink_match).per(RECONCILED)
    peer = measure(env, lambda: by_odoo(peers[2:], theirs[2:])).per(RECONCILED)
    assert set(links.mapped("state")) == {"paid"}
    assert all(peers.mapped("is_reconciled"))
    ratio = matched.seconds / peer.seconds
    table.add(
        "matched and reconciled, per line (ms)", matched.seconds * 1e3, peer.seconds * 1e3, ratio=ratio, at_most=1.3
    )
    table.add("queries", matched.queries, peer.queries, ratio=matched.queries / peer.queries, at_most=1)


def beside_peer(env, table):
    """Both look for what their lines pay, and reconcile it; the peer by the numbers of invoices, as it does."""
    prepare(env)
    make_items(env, PEER_ITEMS, 1)
    links, mine, theirs, peers = two_ways(env, PEER_LINES)
    tell(peers, theirs.mapped("name"))
    mine[:2]._paylink_match()  # both start warm
    peers[:2]._auto_reconcile()
    matched = measure(env, mine[2:]._paylink_match).per(PEER_LINES)
    peer = measure(env, peers[2:]._auto_reconcile).per(PEER_LINES)
    assert set(links.mapped("state")) == {"paid"}
    assert all(peers.mapped("is_reconciled"))
    table.add("beside the peer, per line (ms)", matched.seconds * 1e3, peer.seconds * 1e3, at_least=10)
    table.add("queries", matched.queries, peer.queries, ratio=matched.queries, at_most=20)


def two_ways(env, count):
    """``count`` lines with the references of links, as many invoices with lines that tell nothing; two of each besides,
    to start with.
    """
    invoices = make_invoices(env, 2 * count + 4)
    ours, theirs = invoices[::2], invoices[1::2]
    items = ours._paylink_open_items()
    links = env["paylink.link"]._create_for_items([({"partner_id": item.partner_id.id}, item) for item in items])
    links._issue()
    mine, peers = bank_lines(env, ours), bank_lines(env, theirs)
    tell(mine, links.mapped("transfer_reference"))
    return links, mine, theirs, peers


def tell(lines, labels):
    """What the bank writes: later than when they were made, lest they are matched at once."""
    for line, label in zip(lines, labels, strict=True):
        lines.env.cr.execute("UPDATE account_bank_statement_line SET payment_ref = %s WHERE id = %s", [label, line.id])
    lines.env.invalidate_all()


def bank_lines(env, invoices):
    """A line of the bank's journal for each, that tells nothing."""
    journal = env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", env.company.id)], limit=1)
    return env["account.bank.statement.line"].create(
        [
            {"journal_id": journal.id, "date": "2026-02-01", "payment_ref": "VIR", "amount": invoice.amount_total}
            for invoice in invoices
        ]
    )


def by_odoo(lines, invoices):
    """What Odoo itself does: the counterpart instead of the suspense account, then one plan."""
    plan = []
    for line, invoice in zip(lines, invoices, strict=True):
        _liquidity, suspense, _others = line._seek_for_lines()
        item = invoice.line_ids.filtered(lambda own: own.account_id.account_type == "asset_receivable")
        suspense.write({"account_id": item.account_id.id, "partner_id": item.partner_id.id})
        plan.append(suspense + item)
    env = lines.env
    env["account.move.line"]._reconcile_plan(plan)
    env.flush_all()


def make_lines(env):
    """Lines with the references of links for some of many open items: copies of one line, by SQL."""
    make_items(env, LINES, 1)
    is_open = [("account_type", "=", "asset_receivable"), ("reconciled", "=", False)]
    items = env["account.move.line"].search(is_open, limit=LINES, order="id")
    some = items[0]  # more items on the same documents: documents take long to copy
    number = f"(n % {LINES})"
    copies(
        env,
        "account_move_line",
        some.id,
        ITEMS - LINES,
        move_id=f"{some.move_id.id} + {number}",
        partner_id=f"{some.partner_id.id} + {number}",
        **dict.fromkeys(("balance", "amount_currency", "amount_residual", "amount_residual_currency"), "500 + n % 997"),
    )
    links = env["paylink.link"]._create_for_items([({"partner_id": item.partner_id.id}, item) for item in items])
    links._issue()
    line = bank_lines(env, env["account.move"].new({"currency_id": env.company.currency_id.id}))
    env.flush_all()
    moves = copies(env, "account_move", line.move_id.id, LINES, name="'BNK/' || n", sequence_number="n")
    link = f"(SELECT link.{{}} FROM paylink_link link WHERE link.id = {min(links.ids)} + n - 1)"  # noqa: S608  our own ids
    first = copies(
        env,
        "account_bank_statement_line",
        line.id,
        LINES,
        move_id=f"{moves} + n - 1",
        payment_ref=link.format("transfer_reference"),
        amount=link.format("amount"),
        is_reconciled="FALSE",
        internal_index="n",
    )
    env.cr.execute("ANALYZE account_bank_statement_line, account_move, paylink_link, paylink_link_line")
    env.invalidate_all()
    return line.browse(range(first, first + LINES))


def join(env, lines):
    """The one join, with its rows."""
    env.cr.execute(JOIN, [tuple(lines.ids)])
    return env.cr.fetchall()
