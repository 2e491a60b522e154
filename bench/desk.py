"""The Excel file of collection links, beside XlsxWriter in constant memory over the plain SQL of the same rows."""

import itertools
import os
import time
from datetime import datetime

import psutil
import xlsxwriter

from dev.live import fresh_database

from .common import Table, environment

LINKS = int(os.environ.get("BD", "50000"))
MEGABYTE = 2**20
COLUMNS = (
    "name",
    "partner_id",
    "documents",
    "status",
    "amount",
    "amount_kept",
    "attempt_count",
    "user_id",
    "sent_at",
    "paid_at",
)

# The same ten columns, as one would write it by hand.
FLOOR = """
    SELECT link.name, customer.complete_name,
           COALESCE((SELECT string_agg(DISTINCT move.name, ', ')
              FROM paylink_link_line line JOIN account_move_line item ON item.id = line.move_line_id
              JOIN account_move move ON move.id = item.move_id WHERE line.link_id = link.id), link.reference),
           link.status, link.amount, link.amount_kept, link.attempt_count, partner.name, link.sent_at, link.paid_at
      FROM paylink_link link
      JOIN res_partner customer ON customer.id = link.partner_id
 LEFT JOIN res_users owner ON owner.id = link.user_id LEFT JOIN res_partner partner ON partner.id = owner.partner_id
  ORDER BY link.id DESC
"""


def main():
    """Measure the file of all links; bounds are on its ratio to the floor, its first byte, and the memory it takes."""
    table = Table(f"Excel file of {LINKS:,} links × {len(COLUMNS)} columns (s)")
    with fresh_database("bench_desk") as database, environment(database) as env:
        make_links(env)
        ours, first, memory = export(env)
        plain = floor(env)
        table.add("whole file, beside XlsxWriter over SQL", ours, plain, ratio=ours / plain, at_most=1.3)
        table.add("first byte (s), beside 1 s", first, 1, ratio=first, at_most=1)
        table.add("more memory (MB), beside 10 MB", memory, 10, ratio=memory / 10, at_most=1)
    return table.show()


def make_links(env):
    """Links with amounts, texts and moments, straight into the database."""
    from odoo.tools import SQL  # noqa: PLC0415  only `make bench` has put Odoo's source on the path

    partner = env["res.partner"].create({"name": "Boulangerie du Canal, Saint-Étienne"})
    link = env["paylink.link"].create({"partner_id": partner.id, "amount": 123.45, "reference": "Contrat 2026/0042"})
    env.flush_all()
    fields = env["paylink.link"]._fields.values()
    copied = [field.name for field in fields if field.store and field.column_type]
    names = SQL(", ").join(SQL.identifier(name) for name in copied if name not in ("id", "name", "access_token"))
    env.cr.execute(
        SQL(
            """INSERT INTO paylink_link (name, access_token, %(names)s)
                    SELECT 'LINK/2026/' || number, 'bench' || number, %(names)s
                      FROM paylink_link, generate_series(1, %(count)s) number WHERE id = %(id)s""",
            names=names,
            count=LINKS - 1,
            id=link.id,
        )
    )
    env.cr.execute("UPDATE paylink_link SET sent_at = now(), paid_at = now()")
    env.cr.execute("ANALYZE paylink_link")
    env.invalidate_all()


def export(env):
    """Our file: the seconds that it takes, those until its first byte, and the memory (MB) that it adds."""
    from odoo.addons.paylink_addon.tools import spreadsheet  # noqa: PLC0415  only `make bench` has Odoo on the path

    columns = env["paylink.export.column"].search([("code", "in", COLUMNS)])
    process = psutil.Process()
    list(itertools.islice(spreadsheet.stream(env["paylink.link"]._excel_table([("id", "<", 0)], columns)), 3))
    before, peak, first, start = process.memory_info().rss, 0, None, time.perf_counter()
    with open(os.devnull, "wb") as file:
        for part in spreadsheet.stream(env["paylink.link"]._excel_table([], columns)):
            first = first or time.perf_counter() - start
            file.write(part)
            peak = max(peak, process.memory_info().rss)
    return time.perf_counter() - start, first, (peak - before) / MEGABYTE


def floor(env):
    """The seconds that XlsxWriter takes for the same rows."""
    start = time.perf_counter()
    workbook = xlsxwriter.Workbook(os.devnull, {"constant_memory": True})
    sheet = workbook.add_worksheet()
    moment = workbook.add_format({"num_format": 22})
    env.cr.execute("DECLARE floor NO SCROLL CURSOR FOR " + FLOOR)
    numbers = itertools.count(1)
    while rows := fetch(env):
        for number, row in zip(numbers, rows):  # noqa: B905  numbers never end
            for column, value in enumerate(row):
                if isinstance(value, datetime):
                    sheet.write_datetime(number, column, value, moment)
                elif value is not None:
                    sheet.write(number, column, value)
    workbook.close()
    return time.perf_counter() - start


def fetch(env):
    """The next rows of the floor."""
    env.cr.execute("FETCH 2000 FROM floor")
    return env.cr.fetchall()
