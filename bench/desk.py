"""The Excel file of collection links, beside XlsxWriter in constant memory over the plain SQL of the same rows."""

import csv
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import psutil
import xlsxwriter

from dev.live import fresh_database
from dev.system import say, try_install

from .common import Table, environment
from .figures import FIRST, SECOND, copy, make_one

SIZES = [int(size) for size in os.environ.get("BD", "50000,500000").split(",")]
MEGABYTE = 2**20
CUSTOMERS = 500
# The part in which rows begin, of a file and of what a job has made: there is more before them than the first part.
ROWS, ROWS_OF_JOB = 1, 2
COLUMNS = (
    "name",
    "partner_id",
    "documents",
    "status",
    "amount_asked",
    "amount_kept",
    "attempt_count",
    "user_id",
    "sent_at",
    "paid_at",
)
NAME, ASKED, KEPT = (COLUMNS.index(name) for name in ("name", "amount_asked", "amount_kept"))

# The same ten columns, as one would write it by hand.
FLOOR = """
    SELECT link.name, customer.complete_name,
           (SELECT string_agg(line.name, ', ' ORDER BY line.date_due, line.id)
              FROM paylink_link_line line WHERE line.link_id = link.id),
           link.status, link.amount_asked, link.amount_kept, link.attempt_count, partner.name, link.sent_at,
           link.paid_at
      FROM paylink_link link
      JOIN res_partner customer ON customer.id = link.partner_id
 LEFT JOIN res_users owner ON owner.id = link.user_id LEFT JOIN res_partner partner ON partner.id = owner.partner_id
  ORDER BY link.id DESC
"""
# Commas and quotes, UTF-8, amounts as they are stored, all sheets: see "Filter Options for CSV" in LibreOffice's help.
CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,1033,false,false,false,false,false,-1"


def main():
    """Measure the file of all links; bounds are on its ratio to the floor, its first rows, and the memory it takes.

    Also of that which a job makes in steps: how long the longest of them takes, and putting them together. Both files
    of the first size are opened elsewhere: every amount has to be that of the database, to the cent.
    """
    try_install("soffice", "libreoffice-calc-nogui", "nobody but us reads the files")
    tables, made, is_compared = [], 0, True
    with fresh_database("bench_desk") as database, environment(database) as env:
        one = make_one(env)
        for size in SIZES:
            make_links(env, one, made + 1, size)
            if not made:
                is_compared = compare(env)
            made = size
            tables.append(measure_files(env, size))
    failed = max(table.show() for table in tables)
    if not is_compared:
        print("\nNOT COMPARED: LibreOffice is not installed, so nobody but us has read the files.")
    return failed or not is_compared


def measure_files(env, size):
    """The table of the files of so many links."""
    table = Table(f"Excel file of {size:,} links × {len(COLUMNS)} columns (s)")
    ours, first, memory = export(env)
    plain = floor(env)
    table.add("whole file, beside XlsxWriter over SQL", ours, plain, ratio=ours / plain, at_most=1.3, goal=1)
    table.add("first rows (s), beside 1 s", first, 1, ratio=first, at_most=1)
    table.add("more memory (MB), beside 10 MB", memory, 10, ratio=memory / 10, at_most=1)
    steps, longest, joined, memory = by_job(env)
    table.add("by the job, beside XlsxWriter over SQL", steps, plain, ratio=steps / plain, at_most=1.3, goal=1)
    table.add("its longest step (s), beside 10 s of a job", longest, 10, ratio=longest / 10, at_most=3, goal=1)
    table.add("first rows of its download (s), beside 1 s", joined, 1, ratio=joined, at_most=1)
    table.add("its more memory (MB), beside 10 MB", memory, 10, ratio=memory / 10, at_most=1)
    return table


# === DATA === #


def make_links(env, one, first, last):
    """Paid links of some amounts, of several months and customers, with what they ask for and what has come for them:
    straight into the database, those from number ``first`` to ``last``.
    """
    # Rows refer to each other, and nobody checks millions of references one by one.
    env.cr.execute("SET LOCAL session_replication_role = replica")
    rows = functools.partial(copy, env, count=last, first=first)
    customer, number = f"{FIRST} + n % {CUSTOMERS}", f"{FIRST} + n"
    amount, day = "(n::bigint * 7919 % 1000000) / 100.0", "(CURRENT_DATE - (n % 730))"
    if first == 1:
        names = dict.fromkeys(("name", "complete_name"), "'Boulangerie du Canal, Saint-Étienne ' || n")
        copy(env, one["partner"], CUSTOMERS, first=0, id=number, commercial_partner_id=number, **names)
    rows(
        record=one["link"],
        id=number,
        name="'LINK/2026/' || n",
        partner_id=customer,
        transfer_reference="NULL",
        create_date=f"{day} + TIME '09:00'",
        paid_at=f"{day} + TIME '15:00'",
        **dict.fromkeys(("amount", "amount_asked", "amount_paid", "amount_kept"), amount),
    )
    line = {"link_id": number, "move_line_id": "NULL", "move_id": "NULL", "amount": amount, "name": "'INV/2026/' || n"}
    rows(record=one["link"].line_ids, id=number, **line)
    rows(record=one["link"].line_ids, where="n % 4 = 0", id=f"{SECOND} + n", **line)
    rows(
        record=one["transaction"],
        id=number,
        reference="'T/' || n",
        paylink_id=number,
        partner_id=customer,
        payment_id="NULL",
        amount=amount,
        paylink_moved_on=day,
        paylink_moved_at=f"{day} + TIME '15:00'",
    )
    for name in ("paylink_link", "paylink_link_line", "payment_transaction", "res_partner"):
        env.cr.execute(f"ANALYZE {name}")
    env.invalidate_all()


def chosen_columns(env):
    """The columns that the file has.

    :raises ValueError: there are others
    """
    columns = env["paylink.export.column"].search([("code", "in", COLUMNS)])
    if set(columns.mapped("code")) != set(COLUMNS):
        raise ValueError(f"The file has no columns {set(COLUMNS) - set(columns.mapped('code'))}.")
    return columns


# === WHAT IS MEASURED === #


def parts_of_all(env, domain=()):
    """The parts of the file of all links."""
    from odoo.addons.paylink_addon.tools import spreadsheet  # noqa: PLC0415  only `make bench` has Odoo on the path

    return spreadsheet.stream(env["paylink.link"]._excel_table(list(domain), chosen_columns(env)))


def export(env):
    """Our file: the seconds that it takes, those until its first rows, and the memory (MB) that it adds."""
    process = psutil.Process()
    list(itertools.islice(parts_of_all(env, [("id", "<", 0)]), 3))
    before, peak, first, start = process.memory_info().rss, 0, None, time.perf_counter()
    with open(os.devnull, "wb") as file:
        for number, part in enumerate(parts_of_all(env)):
            if number == ROWS:
                first = time.perf_counter() - start
            file.write(part)
            peak = max(peak, process.memory_info().rss)
    return time.perf_counter() - start, first, (peak - before) / MEGABYTE


def ask_job(env):
    """The file that a job makes of all links, before its first step."""
    from odoo.fields import Domain  # noqa: PLC0415  only `make bench` has put Odoo's source on the path

    return env["paylink.export.file"]._ask_for(env["paylink.link"], Domain.TRUE, chosen_columns(env)).sudo()


def by_job(env):
    """The file of the job: the seconds that its steps take, the longest of them, those until the first rows of its
    download, and the memory (MB) that all of it adds.
    """
    file, process, times, before, peak = ask_job(env), psutil.Process(), [], 0, 0
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
        for number, part in enumerate(file._parts()):
            if number == ROWS_OF_JOB:
                first = time.perf_counter() - start
            out.write(part)
            peak = max(peak, process.memory_info().rss)
    file.unlink()
    return sum(times), max(times), first, (peak - before) / MEGABYTE


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


# === OPENED ELSEWHERE === #


def compare(env):
    """Have LibreOffice read both files: what it reads of amounts, row by row and added up, is what is stored.

    :return: whether it is installed
    :raises ValueError: it reads something else
    """
    if not shutil.which("soffice"):
        return False
    file = ask_job(env)
    while file.state == "waiting":
        file._make_step()
    for what, parts in (("file", parts_of_all(env)), ("file of the job", file._parts())):
        rows, months = opened_elsewhere(parts)
        compare_rows(env, rows)
        compare_months(env, months)
        say(f"LibreOffice reads the {what} of {len(rows) - 3:,} links to the cent")
    file.unlink()
    return True


def opened_elsewhere(parts):
    """The rows of both sheets, as LibreOffice reads them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "links.xlsx")
        file.write_bytes(b"".join(parts))
        command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/user", "--convert-to", CSV]
        subprocess.run([*command, "--outdir", folder, str(file)], check=True, capture_output=True)
        return [
            list(csv.reader(Path(folder, f"links-{name}.csv").open(encoding="utf-8", newline="")))
            for name in ("Collection Links", "By status and month")
        ]


def compare_rows(env, rows):
    """Amounts of the table, and its total."""
    _titles, *of_links, _empty, total = rows
    read = {row[NAME]: (Decimal(row[ASKED]), Decimal(row[KEPT])) for row in of_links}
    env.cr.execute("SELECT name, amount_asked, amount_kept FROM paylink_link")
    stored = {name: amounts for name, *amounts in to_cents(env.cr.fetchall())}
    wrong = [name for name in stored.keys() | read.keys() if list(read.get(name, ())) != stored.get(name)]
    sums = [sum(amounts) for amounts in zip(*stored.values(), strict=True)]
    if wrong or len(of_links) != len(stored) or [Decimal(total[ASKED]), Decimal(total[KEPT])] != sums:
        raise ValueError(f"LibreOffice reads other amounts of {wrong[:5]}, or in all {total} instead of {sums}.")


def compare_months(env, rows):
    """Amounts of the second sheet: what was asked, and what has come."""
    env.cr.execute("SELECT 'asked', sum(amount_asked) FROM paylink_link")
    [(_asked, asked)] = to_cents(env.cr.fetchall())
    env.cr.execute("SELECT 'received', sum(amount) FROM payment_transaction WHERE paylink_id IS NOT NULL")
    [(_received, received)] = to_cents(env.cr.fetchall())
    read = [sum(Decimal(row[column]) for row in rows[1:]).quantize(Decimal("0.01")) for column in (4, 5)]
    if read != [asked, received]:
        raise ValueError(f"LibreOffice reads {read} on the second sheet instead of {[asked, received]}.")


def to_cents(rows):
    """What the database has stored: a name and amounts."""
    return [(name, *(Decimal(amount).quantize(Decimal("0.01")) for amount in amounts)) for name, *amounts in rows]
