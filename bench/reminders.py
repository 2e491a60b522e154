"""Reminding a hundred thousand open items, beside the raw SQL that finds them and OCA's ``account_credit_control``."""

import datetime as dt
import os
from pathlib import Path

from dev.live import fresh_database
from dev.odoo import the_odoo

from .common import Table, environment, find_peer, measure

CUSTOMERS, ITEMS_EACH = int(os.environ.get("BC", "10000")), 10
SMALL = 500  # customers: 5,000 items, to see whether time grows with them
SINGLE = 2_000  # invoices with a message each
PEER_CUSTOMERS = 500  # 5,000 items: the more there are, the longer the peer takes for each
TODAY = dt.date(2026, 3, 18)
PEER = "account_credit_control"
PEER_PACKAGES = ("odoo-addon-account-credit-control>=19.0,<19.1",)

# They are not all of the same amount: SQL, ``n`` counts.
AMOUNT = "100 + (n * 37 % 1009) / 10.0"

# What finds the due items at all, as one would write it by hand.
FLOOR = """
    SELECT item.id, contact.commercial_partner_id, item.currency_id, item.amount_residual_currency
      FROM account_move_line item
      JOIN account_account account ON account.id = item.account_id AND account.account_type = 'asset_receivable'
      JOIN account_move move ON move.id = item.move_id
      JOIN res_partner contact ON contact.id = item.partner_id
     WHERE item.company_id = %(company)s AND item.reconciled IS NOT TRUE AND item.parent_state = 'posted'
       AND item.amount_residual_currency > 0 AND item.no_followup IS NOT TRUE
       AND %(today)s::date - item.date_maturity BETWEEN 3 AND 10
       AND NOT EXISTS (SELECT FROM paylink_reminder done WHERE done.move_line_id = item.id)
  ORDER BY contact.commercial_partner_id, item.id
"""


def main():
    """Measure per item; bounds are on the ratio to the floor and to the peer."""
    peer = find_peer(PEER, PEER_PACKAGES, "CREDIT_CONTROL_DIR")
    table = Table(f"Reminders of {CUSTOMERS * ITEMS_EACH:,} items of {CUSTOMERS:,} customers, per item (ms)")
    with fresh_database("bench_reminders") as database:
        if peer:
            the_odoo().install(database, [PEER], *peer)
        with environment(database, *(peer or ())) as env:
            prepare(env)
            theirs = run_peer(env) if peer else None
            compare_one_each(env, table, theirs)
            compare_many(env, table, theirs)
    return table.show()


def compare_many(env, table, theirs):
    """One message for each customer, of ten items."""
    make_items(env, SMALL, ITEMS_EACH)
    small = measure(env, run(env))
    assert count(env, "outcome = 'message'") == SMALL * ITEMS_EACH
    empty(env)
    total = CUSTOMERS * ITEMS_EACH
    make_items(env, CUSTOMERS, ITEMS_EACH)
    floor = measure(env, lambda: env.execute_query(floor_sql(env)), repeat=3).per(total)
    chosen = measure(env, lambda: pick(env), repeat=3).per(total)
    assert len(chosen.result) == len(floor.result) == total
    table.add(
        "choosing, beside raw SQL",
        chosen.seconds * 1e3,
        floor.seconds * 1e3,
        ratio=chosen.seconds / floor.seconds,
        at_most=4,
        goal=3,
    )
    before = memory()
    whole = measure(env, run(env))
    grown = memory(most=True) - before
    assert count(env, "outcome = 'message'") == total
    ours, per_peer = whole.per(total), theirs and theirs["many"].per(PEER_CUSTOMERS * ITEMS_EACH)
    table.add(
        "up to queued e-mails",
        ours.seconds * 1e3,
        per_peer and per_peer.seconds * 1e3,
        at_least=12 if per_peer else None,
        goal=20 if per_peer else None,
    )
    table.add("queries", ours.queries, per_peer and per_peer.queries, ratio=ours.queries, at_most=0.2)
    table.add("memory it grows by (MB)", grown, ratio=grown, at_most=200)
    table.add(
        "time, beside a twentieth of it",
        whole.seconds,
        small.seconds,
        unit=" s",
        ratio=whole.seconds / small.seconds,
        at_most=28,
        goal=22,
    )


def compare_one_each(env, table, theirs):
    """One message for each invoice."""
    env["paylink.reminder.rule"].search([]).grouping = "document"
    make_items(env, SINGLE, 1)
    ours = measure(env, run(env)).per(SINGLE)
    assert count(env, "outcome = 'message'") == SINGLE
    empty(env)
    env["paylink.reminder.rule"].search([]).grouping = "customer"
    per_peer = theirs and theirs["single"].per(PEER_CUSTOMERS)
    table.add(
        "one message per invoice",
        ours.seconds * 1e3,
        per_peer and per_peer.seconds * 1e3,
        at_least=4 if per_peer else None,
        goal=5 if per_peer else None,
    )
    table.add("queries", ours.queries, per_peer and per_peer.queries, ratio=ours.queries, at_most=0.5)


# === DATA === #


def prepare(env):
    """A company that reminds, by one rule, with what it is compared with."""
    company = env.company
    company.country_id = env.ref("base.fr")
    if not company.chart_template:
        env["account.chart.template"].try_loading("fr", company)
    company.write({"paylink_reminders": True, "email": "compta@example.com"})
    env["paylink.reminder.rule"].create(
        {
            "name": "Overdue",
            "include_link": False,
            "step_ids": [(0, 0, {"days": days, "tone": tone}) for days, tone in ((3, "1"), (10, "2"), (30, "3"))],
        }
    )


def make_items(env, customers, each):
    """``each`` open items, five days overdue, of each of ``customers``: copies of one invoice, by SQL."""
    partner = env["res.partner"].create({"name": "Original", "email": "original@example.com", "lang": "fr_FR"})
    move = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": partner.id,
            "invoice_date": TODAY - dt.timedelta(days=35),
            "invoice_date_due": TODAY - dt.timedelta(days=5),
            "invoice_line_ids": [(0, 0, {"name": "Work", "price_unit": 100, "tax_ids": []})],
        }
    )
    move.action_post()
    item = move.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
    env.flush_all()
    partners = copies(
        env,
        "res_partner",
        partner.id,
        customers,
        name="'Customer ' || n",
        email="'c' || n || '@example.com'",
        email_normalized="'c' || n || '@example.com'",
        commercial_partner_id="currval('res_partner_id_seq')",
    )
    total = customers * each
    moves = copies(
        env,
        "account_move",
        move.id,
        total,
        name="'FAC/' || currval('account_move_id_seq')",
        partner_id=f"{partners} + (n - 1) / {each}",
        commercial_partner_id=f"{partners} + (n - 1) / {each}",
        sequence_number="currval('account_move_id_seq')",
        payment_reference="'FAC/' || n",
    )
    copies(
        env,
        "account_move_line",
        item.id,
        total,
        move_id=f"{moves} + n - 1",
        move_name="'FAC/' || n",
        partner_id=f"{partners} + (n - 1) / {each}",
        name="'FAC/' || n",
        **dict.fromkeys(("balance", "amount_currency", "amount_residual", "amount_residual_currency"), AMOUNT),
    )
    env.cr.execute("UPDATE account_move_line SET reconciled = TRUE WHERE id = %s", [item.id])
    env.cr.execute("ANALYZE account_move_line, account_move, res_partner")
    env.cr.commit()  # what ANALYZE has found, and the rows, as the run's chunks will have them
    env.invalidate_all()


def copies(env, table, record_id, number, **columns):
    """Copy a row ``number`` times, with other values in ``columns`` (SQL, ``n`` counts from 1); return the first id."""
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name != 'id'", [table]
    )
    names = [name for (name,) in env.cr.fetchall()]
    values = ", ".join(str(columns.get(name, f'row."{name}"')) for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    env.cr.execute(f"SELECT last_value + 1 FROM {table}_id_seq")  # noqa: S608  names of this file
    first = env.cr.fetchone()[0]
    env.cr.execute(
        f"""INSERT INTO {table} (id, {quoted})
            SELECT nextval('{table}_id_seq'), {values}
              FROM generate_series(1, {number}) n, {table} row WHERE row.id = {record_id} ORDER BY n"""  # noqa: S608  likewise
    )
    return first


def empty(env):
    """Take the items and what was sent away."""
    env.cr.execute("DELETE FROM paylink_reminder")
    env.cr.execute("DELETE FROM paylink_reminder_message")
    env.cr.execute("UPDATE account_move_line SET reconciled = TRUE")
    env.cr.execute("DELETE FROM mail_mail")
    env.cr.commit()  # as make_items does
    env.invalidate_all()


# === WHAT IS MEASURED === #


def run(env):
    """The run of the scheduler, on the day of the data."""
    return lambda: env["paylink.reminder.rule"]._run(env.company, TODAY)


def pick(env):
    """What the rules choose."""
    return env["paylink.reminder.rule"].search([])._pick(TODAY)


def floor_sql(env):
    """The query that any way of choosing has to make at least."""
    from odoo.tools import SQL  # noqa: PLC0415  Odoo is imported where `make bench` has put it on the path

    return SQL(FLOOR, company=env.company.id, today=TODAY)


def count(env, condition):
    """How many reminders meet an SQL condition."""
    env.cr.execute(f"SELECT count(*) FROM paylink_reminder WHERE {condition}")  # noqa: S608  likewise
    return env.cr.fetchone()[0]


def memory(*, most=False):
    """What this process holds, in MB; or the most that it has held since it was last asked."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    if not most:
        Path("/proc/self/clear_refs").write_text("5")  # the most is counted anew
    return int(status["VmHWM" if most else "VmRSS"].split()[0]) / 1024


# === THE PEER === #


def run_peer(env):
    """What the peer takes from choosing to queued e-mails, without the PDF that it attaches by default."""
    env.ref("account_credit_control.email_template_credit_control_base").report_template_ids = False
    policy = env["credit.control.policy"].create(
        {
            "name": "Overdue",
            "account_ids": [(6, 0, env["account.account"].search([("account_type", "=", "asset_receivable")]).ids)],
            "level_ids": [
                (
                    0,
                    0,
                    {
                        "name": "3 days",
                        "level": 1,
                        "computation_mode": "net_days",
                        "delay_days": 3,
                        "channel": "email",
                        "email_template_id": env.ref("account_credit_control.email_template_credit_control_base").id,
                        "custom_text": "Please pay.",
                        "custom_mail_text": "<p>Please pay.</p>",
                        "mail_show_invoice_detail": True,
                    },
                )
            ],
        }
    )
    env.company.credit_policy_id = policy
    env.ref("mail.ir_cron_mail_scheduler_action").active = False
    result = {}
    for name, each in (("warm", 1), ("single", 1), ("many", ITEMS_EACH)):
        make_items(env, PEER_CUSTOMERS, each)
        result[name] = measure(env, lambda: peer_run(env, policy))
        empty(env)
    return result


def peer_run(env, policy):
    """One run of the peer, by its own methods and buttons."""
    credit_run = env["credit.control.run"].create({"date": TODAY, "policy_ids": [(6, 0, policy.ids)]})
    lines = credit_run._generate_credit_lines()
    credit_run.set_to_ready_lines()
    with_context = credit_run.with_context(mail_notify_force_send=False)
    with_context.run_channel_action()
    assert set(lines.mapped("state")) == {"queued"}
    env.flush_all()
