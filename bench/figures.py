"""Lists and figures of a company with many collection links: first pages, cards, calendar, pivot and graph beside
300 ms, the list of invoices filtered by each status of their links beside the same list without the filter.
"""

import os
from datetime import timedelta

from lxml import etree

from dev.live import fresh_database

from .common import Table, environment, measure
from .links import make_invoices

LINKS = int(os.environ.get("BF", "100000"))
EVENTS = 10  # for each link
CUSTOMERS, SELLERS = max(LINKS // 20, 10), 10
# Ids of copies: of each table, far from those that are there.
FIRST, SECOND = 10_000_000, 20_000_000
DAYS = 730
INVOICES = [("move_type", "in", ("out_invoice", "out_refund"))]
# Those that links have here, the most frequent first.
STATUSES = ("paid", "interrupted", "opened", "expired", "cancelled", "not_opened")
# What a page may take (ms). A busy machine takes several times as long.
GOAL, BUSY = 300, 4


def main():
    """Measure the first pages of lists and each figure; bounds are on their ratios to what they are measured beside."""
    title = f"{LINKS:,} links, as many invoices, {LINKS * EVENTS:,} events, warm (ms)"
    table = Table(title)
    with fresh_database("bench_figures") as database, environment(database) as env:
        make_data(env)
        ours, seller = reader(env), env(user=env["res.users"].search([("login", "=", "seller1")]).id, su=False)
        lists(ours, table)
        shapes(ours, table)
        first_page(seller, table, "paylink.link", "paylink_addon.paylink_link_view_list", " of a seller's own")
        figures(ours, table)
        read_whole(ours, table)
        read_whole(seller, table, " of a seller's own")
        explain(ours)
    return table.show()


# === DATA === #


def make_data(env):
    """One of each through Odoo, all others copied by SQL."""
    one = make_one(env)
    sellers = env["res.users"].create(
        [
            {
                "name": f"Seller {n}",
                "login": f"seller{n}",
                "group_ids": [(4, env.ref("paylink_addon.group_paylink_user").id)],
            }
            for n in range(SELLERS)
        ]
    )
    env.flush_all()
    # Rows refer to each other in circles, and nobody checks millions of references one by one.
    env.cr.execute("SET LOCAL session_replication_role = replica")
    copy(
        env,
        one["partner"],
        CUSTOMERS,
        id=f"{FIRST} + n - 1",
        name="'Client ' || n",
        complete_name="'Client ' || n",
        commercial_partner_id=f"{FIRST} + n - 1",
    )
    ago = f"(CURRENT_DATE - (n % {DAYS}))"
    customer = f"{FIRST} + n % {CUSTOMERS}"
    seller = f"(ARRAY{sellers.ids})[n % {SELLERS} + 1]"
    paid, asked = "n % 100 < 70", f"({ago} + TIME '09:00')"
    paid_on = f"LEAST(CURRENT_DATE, {ago} + 20 + n % 40)"
    invoice, link = one["invoice"], one["link"]
    copy(
        env,
        invoice,
        LINKS,
        id=f"{FIRST} + n",
        name="'B/' || n",
        sequence_prefix="'B/'",
        sequence_number="n",
        payment_reference="'B/' || n",
        partner_id=customer,
        commercial_partner_id=customer,
        partner_shipping_id=customer,
        date=ago,
        invoice_date=ago,
        invoice_date_due=f"{ago} + 30",
        invoice_user_id=seller,
        payment_state=f"CASE WHEN {paid} THEN 'paid' ELSE 'not_paid' END",
        amount_residual=f"CASE WHEN {paid} THEN 0 ELSE amount_total END",
        amount_residual_signed=f"CASE WHEN {paid} THEN 0 ELSE amount_total END",
    )
    item = invoice.line_ids.filtered(lambda line: line.display_type == "payment_term")
    common = {
        "partner_id": customer,
        "date": ago,
        "invoice_date": ago,
        "move_id": f"{FIRST} + n",
        "move_name": "'B/' || n",
    }
    copy(
        env,
        item,
        LINKS,
        **common,
        id=f"{FIRST} + n",
        date_maturity=f"{ago} + 30",
        reconciled=paid,
        amount_residual=f"CASE WHEN {paid} THEN 0 ELSE balance END",
        amount_residual_currency=f"CASE WHEN {paid} THEN 0 ELSE balance END",
        full_reconcile_id=f"CASE WHEN {paid} THEN {FIRST} + n END",
    )
    copy(env, (invoice.line_ids - item)[:1], LINKS, **common, id=f"{SECOND} + n")
    copy(
        env,
        link,
        LINKS,
        id=f"{FIRST} + n",
        name="'L/' || n",
        partner_id=customer,
        user_id=seller,
        issued_at=asked,
        create_date=asked,
        sent_at=asked,
        opened_at=f"CASE WHEN n % 100 < 90 THEN {asked} + INTERVAL '5 hours' END",
        attempt_count="CASE WHEN n % 100 < 80 THEN 1 ELSE 0 END",
        transfer_reference="NULL",
        state="""CASE WHEN n % 100 < 70 THEN 'paid' WHEN n % 100 < 80 THEN 'failed' WHEN n % 100 < 92 THEN 'open'
                       WHEN n % 100 < 96 THEN 'expired' ELSE 'cancelled' END""",
        status="""CASE WHEN n % 100 < 70 THEN 'paid' WHEN n % 100 < 80 THEN 'interrupted'
                       WHEN n % 100 < 90 THEN 'opened' WHEN n % 100 < 92 THEN 'not_opened'
                       WHEN n % 100 < 96 THEN 'expired' ELSE 'cancelled' END""",
        paid_at=f"CASE WHEN {paid} THEN {paid_on} + TIME '15:00' END",
        amount_paid=f"CASE WHEN {paid} THEN amount ELSE 0 END",
        amount_kept=f"CASE WHEN {paid} THEN amount ELSE 0 END",
        cancelled_at=f"CASE WHEN n % 100 >= 96 THEN {asked} END",
        expires_at=f"{asked} + INTERVAL '60 days'",
        expires_on=f"{ago} + 60",
        due_on=f"{ago} + 30",
        send_sms="n % 3 = 0",
        unread="n % 50 = 0",
    )
    copy(
        env,
        link.line_ids,
        LINKS,
        id=f"{FIRST} + n",
        link_id=f"{FIRST} + n",
        move_line_id=f"{FIRST} + n",
        move_id=f"{FIRST} + n",
        name="'B/' || n",
        date=ago,
        date_due=f"{ago} + 30",
    )
    copy_payments(env, one, customer, paid_on)
    copy_events(env, one, asked)
    for name in (
        "account_move",
        "account_move_line",
        "paylink_link",
        "paylink_link_line",
        "payment_transaction",
        "account_payment",
        "account_partial_reconcile",
        "res_partner",
        "mail_message",
        "paylink_reminder_message",
        "paylink_reminder_message_link_rel",
    ):
        env.cr.execute(f"ANALYZE {name}")
    env.invalidate_all()


def copy_payments(env, one, customer, paid_on):
    """The payments of what is paid, their entries, and what they settle."""
    payment, where = one["payment"], "n % 100 < 70"
    item, other = payment.move_id.line_ids.sorted(lambda line: line.account_id.account_type != "asset_receivable")
    copy(
        env,
        payment.move_id,
        LINKS,
        where,
        id=f"{SECOND} + n",
        name="'P/' || n",
        sequence_prefix="'P/'",
        sequence_number="n",
        partner_id=customer,
        commercial_partner_id=customer,
        date=paid_on,
        origin_payment_id=f"{FIRST} + n",
    )
    common = {
        "partner_id": customer,
        "date": paid_on,
        "move_id": f"{SECOND} + n",
        "move_name": "'P/' || n",
        "payment_id": f"{FIRST} + n",
    }
    copy(env, item, LINKS, where, **common, id=f"{SECOND + FIRST} + n", full_reconcile_id=f"{FIRST} + n")
    copy(env, other, LINKS, where, **common, id=f"{SECOND + SECOND} + n")
    copy(
        env,
        one["transaction"],
        LINKS,
        where,
        id=f"{FIRST} + n",
        reference="'T/' || n",
        paylink_id=f"{FIRST} + n",
        partner_id=customer,
        payment_id=f"{FIRST} + n",
        paylink_moved_on=paid_on,
        paylink_moved_at=f"{paid_on} + TIME '15:00'",
    )
    copy(
        env,
        payment,
        LINKS,
        where,
        id=f"{FIRST} + n",
        name="'P/' || n",
        partner_id=customer,
        date=paid_on,
        move_id=f"{SECOND} + n",
        payment_transaction_id=f"{FIRST} + n",
    )
    partial = item.matched_debit_ids
    copy(env, partial.full_reconcile_id, LINKS, where, id=f"{FIRST} + n")
    copy(
        env,
        partial,
        LINKS,
        where,
        id=f"{FIRST} + n",
        debit_move_id=f"{FIRST} + n",
        credit_move_id=f"{SECOND + FIRST} + n",
        max_date=paid_on,
        full_reconcile_id=f"{FIRST} + n",
    )


def copy_events(env, one, asked):
    """What has happened to each link: lines of its timeline, and reminders of every second one."""
    message = one["link"].message_ids[:1]
    copy(env, message, LINKS * EVENTS, id=f"{FIRST} + n", res_id=f"{FIRST} + (n - 1) / {EVENTS} + 1", message_id="NULL")
    copy(
        env,
        one["reminder"],
        LINKS,
        "n % 2 = 0",
        id=f"{FIRST} + n",
        create_date=f"{asked} + INTERVAL '10 days'",
        slot="n::text",
    )
    env.cr.execute(
        f"""INSERT INTO paylink_reminder_message_link_rel (message_id, link_id)
            SELECT {FIRST} + n, {FIRST} + n FROM generate_series(1, {LINKS}) n WHERE n % 2 = 0"""  # noqa: S608  numbers of this file
    )


def make_one(env):
    """One invoice, asked for by a link, reminded of and paid."""
    invoice = make_invoices(env, 1)
    link = env["paylink.link"]._create_for_items(
        [({}, invoice._paylink_open_items())], partner_id=invoice.partner_id.id
    )
    link._issue()
    provider = env.ref("payment.payment_provider_demo").sudo()
    provider.write({"state": "test", "is_published": True, "company_id": env.company.id})
    method = env.ref("payment_demo.payment_method_demo")
    method.active = True
    prepared = link.sudo()._start_attempt(link._payable_amount(), provider.id, method.id, None)
    values = prepared.pop("custom_create_values") | prepared | {"operation": "online_redirect", "reference": "T/0"}
    transaction = env["payment.transaction"].sudo().create(values)
    transaction._set_done()
    transaction._post_process()
    rule = env["paylink.reminder.rule"].create(
        {"name": "Rule", "step_ids": [(0, 0, {"days": 3}), (0, 0, {"days": 10})]}
    )
    values = {"company_id": env.company.id, "customer_id": invoice.partner_id.id, "partner_id": invoice.partner_id.id}
    values |= {"date": "2026-01-01", "channel": "email", "step_id": rule.step_ids[:1].id, "rule_id": rule.id}
    reminder = env["paylink.reminder.message"].sudo().create(values)
    env.flush_all()
    return {
        "partner": invoice.partner_id,
        "invoice": invoice,
        "link": link,
        "transaction": transaction,
        "payment": transaction.payment_id,
        "reminder": reminder,
    }


def copy(env, record, count, where="TRUE", first=1, **expressions):
    """Insert copies of a record, numbered ``n``: from ``first`` to ``count``, where that holds.

    :param expressions: SQL of what differs, by column
    """
    expressions = {"access_token": "'benchmark' || n", **expressions}  # nobody has them twice
    names = [field.name for field in record._fields.values() if field.store and field.column_type]
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(expressions.get(name, f'"{name}"') for name in names)
    env.cr.execute(
        f"""INSERT INTO {record._table} ({columns})
            SELECT {values} FROM {record._table}, generate_series({first}, {count}) n
             WHERE id = {record.id} AND {where}"""  # noqa: S608  SQL of this file
    )


# === WHAT IS MEASURED === #


def reader(env):
    """The environment of who sees all payments and invoices."""
    env.user.group_ids += env.ref("account.group_account_invoice") + env.ref("paylink_addon.group_payment_manager")
    return env(user=env.user.id, su=False)


def lists(env, table):
    """First pages, with their counters, as the web client asks for them."""
    first_page(env, table, "paylink.link", "paylink_addon.paylink_link_view_list")
    first_page(env, table, "paylink.open.item", "paylink_addon.paylink_open_item_view_list")
    invoices, columns = env["account.move"], columns_of(env, "account.view_out_invoice_tree", "account.move")
    for status in STATUSES:
        plain = timed(env, lambda: read_page(invoices, INVOICES, columns))
        domain = [*INVOICES, ("paylink_status", "=", status)]
        ours = timed(env, lambda domain=domain: read_page(invoices, domain, columns))
        what = f"invoices whose link is {status}, beside all"
        table.add(what, ours, plain, ratio=ours / plain, at_most=3, goal=2)


def first_page(env, table, model, view, whose=""):
    """The first page of a list."""
    columns = columns_of(env, view, model)
    within_goal(env, table, f"first page of {model}{whose}", lambda: read_page(env[model], [], columns))


def shapes(env, table):
    """The cards by status, the calendar of a month, pivot and graph of all links, as the web client asks for them."""
    from odoo import fields  # noqa: PLC0415  only `make bench` has put Odoo's source on the path

    links, today = env["paylink.link"].with_context(read_group_expand=True), fields.Date.today()
    cards = columns_of(env, "paylink_addon.paylink_link_view_kanban", links._name, "kanban")
    days = columns_of(env, "paylink_addon.paylink_link_view_calendar", links._name, "calendar")
    month = [("expires_on", ">=", today.replace(day=1)), ("expires_on", "<", today.replace(day=1) + timedelta(days=31))]
    month += [("state", "in", ["open", "pending", "failed", "expired"])]
    rows, sums = ["sent_at:month", "status"], ["__count", "amount_asked:sum", "amount_kept:sum"]
    ways = {
        "cards by status": lambda: links.web_read_group(
            [], ["status"], [], auto_unfold=True, unfold_read_specification=cards, unfold_read_default_limit=40
        ),
        "calendar of a month": lambda: links.search_read(month, list(days), limit=1000),
        "pivot": lambda: links.formatted_read_grouping_sets([], [[], rows[:1], rows[1:], rows], sums),
        "graph": lambda: links.formatted_read_group([], ["create_date:month", "status"], sums[:2]),
    }
    for what, read in ways.items():
        within_goal(env, table, what, read)


def within_goal(env, table, what, read):
    """Add what it takes to read it."""
    ours = timed(env, read)
    table.add(what, ours, GOAL, ratio=ours / GOAL, at_most=BUSY, goal=1)


def columns_of(env, view, model, kind="list"):
    """What the web client reads of each row."""
    arch = etree.fromstring(env[model].get_views([(env.ref(view).id, kind)])["views"][kind]["arch"])
    names = {node.get("name") for node in arch.iter("field")} | ({arch.get("date_start")} - {None})
    fields = env[model]._fields
    return {name: {"fields": {"display_name": {}}} if fields[name].relational else {} for name in names}


def read_page(records, domain, columns):
    """80 rows, and how many there are."""
    return records.web_search_read(domain, columns, limit=80, count_limit=10001)


def timed(env, function):
    """How long it takes (ms), warm: the best of three times."""
    return measure(env, function, repeat=3).seconds * 1e3


def figures(env, table):
    """Each figure of the page, of the last days and of the year."""
    model = env["paylink.figure"]
    for figure in model.board()["figures"]:
        ours = max(timed(env, lambda p=period, f=figure: model.read_figure(f, p)) for period in ("30", "year"))
        table.add(f"figure {figure}", ours, GOAL, ratio=ours / GOAL, at_most=BUSY, goal=1)


def read_whole(env, table, whose=""):
    """Pages of links for which the database does not have to read all links: whether it does."""
    from odoo import fields  # noqa: PLC0415  only `make bench` has put Odoo's source on the path
    from odoo.tools import SQL  # noqa: PLC0415  likewise

    links, today = env["paylink.link"], fields.Date.today()
    domains = {
        "first page": [],
        "page of a customer": [("partner_id", "=", FIRST)],
        "page of what is unread": [("unread", "=", True), ("user_id", "=", env.uid)],
        "page of what is due this week": [("due_on", ">=", today), ("due_on", "<", today + timedelta(days=7))],
        "page of what expires this week": [("expires_on", ">=", today), ("expires_on", "<", today + timedelta(days=7))],
    }
    for what, domain in domains.items():
        query = links._search(domain, limit=80, order=links._order)
        plan = env.execute_query(SQL("EXPLAIN (COSTS OFF) %s", query.select()))
        count = sum("Seq Scan on paylink_link" in line for (line,) in plan)
        table.add(f"{what}{whose}: reads all links", count, ratio=count, at_most=0)


def explain(env):
    """Print how the database finds the first page of filtered invoices, by indexes as far as the page goes, and how it
    counts those of the most frequent status, as far as the web client counts.
    """
    from odoo.tools import SQL  # noqa: PLC0415  only `make bench` has put Odoo's source on the path

    invoices = env["account.move"]
    for what, status, options in (
        ("the first page of invoices whose link was opened", "opened", {"limit": 80, "order": invoices._order}),
        ("how many invoices there are whose link is paid", "paid", {"limit": 10001}),
    ):
        query = invoices._search([*INVOICES, ("paylink_status", "=", status)], **options)
        print(f"\nEXPLAIN: {what}")
        for (line,) in env.execute_query(SQL("EXPLAIN (ANALYZE, COSTS OFF, BUFFERS OFF) %s", query.select())):
            print(f"  {line}")
