"""The Excel file of collection links, beside XlsxWriter in constant memory over the plain SQL of the same rows."""

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path

import psutil
import xlsxwriter

from dev.live import fresh_database

from .common import Table, environment

SIZES = [int(size) for size in os.environ.get("BD", "50000,500000").split(",")]
MEGABYTE = 2**20
# What no two links have in common.
UNIQUE = ("id", "name", "access_token", "transfer_reference")
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
    """Measure the file of all links; bounds are on its ratio to the floor, its first byte, and the memory it takes.

    Also of that which a job makes in steps: how long the longest of them takes, and putting them together.
    """
    tables = []
    with fresh_database("bench_desk") as database, environment(database) as env:
        made = 0
        for size in SIZES:
            table = Table(f"Excel file of {size:,} links × {len(COLUMNS)} columns (s)")
            make_links(env, made, size)
            if not made:
                open_elsewhere(env)
            made = size
            ours, first, memory = export(env)
            plain = floor(env)
            table.add("whole file, beside XlsxWriter over SQL", ours, plain, ratio=ours / plain, at_most=2, goal=1.3)
            table.add("first byte (s), beside 1 s", first, 1, ratio=first, at_most=3, goal=1)
            table.add("more memory (MB), beside 10 MB", memory, 10, ratio=memory / 10, at_most=1)
            steps, longest, joined, memory = by_job(env)
            table.add(
                "by the job, beside XlsxWriter over SQL", steps, plain, ratio=steps / plain, at_most=2.5, goal=1.6
            )
            table.add("its longest step (s), beside 10 s of a job", longest, 10, ratio=longest / 10, at_most=3, goal=1)
            table.add("first byte of its download (s), beside 1 s", joined, 1, ratio=joined, at_most=3, goal=1)
            table.add("its more memory (MB), beside 10 MB", memory, 10, ratio=memory / 10, at_most=1)
            tables.append(table)
    return max(table.show() for table in tables)


def make_links(env, made, size):
    """Links with amounts, texts and moments, straight into the database: as many as are missing."""
    from odoo.tools import SQL  # noqa: PLC0415  only `make bench` has put Odoo's source on the path

    link = env["paylink.link"].search([], limit=1)
    if not link:
        partner = env["res.partner"].create({"name": "Boulangerie du Canal, Saint-Étienne"})
        values = {"partner_id": partner.id, "amount": 123.45, "reference": "Contrat 2026/0042"}
        link, made = env["paylink.link"].create(values), 1
    env.flush_all()
    fields = env["paylink.link"]._fields.values()
    copied = [field.name for field in fields if field.store and field.column_type]
    names = SQL(", ").join(SQL.identifier(name) for name in copied if name not in UNIQUE)
    env.cr.execute(
        SQL(
            """INSERT INTO paylink_link (name, access_token, %(names)s)
                    SELECT 'LINK/2026/' || number, 'bench' || number, %(names)s
                      FROM paylink_link, generate_series(%(first)s, %(last)s) number WHERE id = %(id)s""",
            names=names,
            first=made,
            last=size - 1,
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


def by_job(env):
    """The file of the job: the seconds that its steps take, the longest of them, those until the first byte of its
    download, and the memory (MB) that all of it adds.
    """
    from odoo.fields import Domain  # noqa: PLC0415  only `make bench` has put Odoo's source on the path

    columns = env["paylink.export.column"].search([("code", "in", COLUMNS)])
    file = env["paylink.export.file"]._ask_for(env["paylink.link"], Domain.TRUE, columns).sudo()
    process, times, before = psutil.Process(), [], 0
    peak = 0
    while file.state == "waiting":
        start = time.perf_counter()
        file._make_step()
        env.flush_all()
        env.invalidate_all()
        times.append(time.perf_counter() - start)
        before = before or process.memory_info().rss  # what is kept for all files is there after the first step
        peak = max(peak, process.memory_info().rss)
    start, first = time.perf_counter(), None
    with open(os.devnull, "wb") as out:
        for part in file._parts():
            first = first or time.perf_counter() - start
            out.write(part)
            peak = max(peak, process.memory_info().rss)
    file.unlink()
    return sum(times), max(times), first, (peak - before) / MEGABYTE


def open_elsewhere(env):
    """Have LibreOffice, where it is installed, turn our file into text: every row has to be in it.

    :raises ValueError: it can't read all of it
    """
    from odoo.addons.paylink_addon.tools import spreadsheet  # noqa: PLC0415  only `make bench` has Odoo on the path

    office = shutil.which("soffice")
    if not office:
        print("LibreOffice is not installed: the file was not opened with it.")
        return
    columns = env["paylink.export.column"].search([("code", "in", COLUMNS)])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "links.xlsx")
        file.write_bytes(b"".join(spreadsheet.stream(env["paylink.link"]._excel_table([], columns))))
        command = [office, "--headless", f"-env:UserInstallation=file://{folder}/user", "--convert-to", "csv"]
        subprocess.run([*command, "--outdir", folder, str(file)], check=True, capture_output=True)
        lines = len(file.with_suffix(".csv").read_bytes().splitlines())
    expected = env["paylink.link"].search_count([]) + 3  # the header, an empty row, the total
    if lines != expected:
        raise ValueError(f"LibreOffice reads {lines:,} rows instead of {expected:,}.")
    print(f"LibreOffice opens the file of {expected - 3:,} links.")


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
    env.cr.execute("CLOSE floor")
    return time.perf_counter() - start


def fetch(env):
    """The next rows of the floor."""
    env.cr.execute("FETCH 2000 FROM floor")
    return env.cr.fetchall()
