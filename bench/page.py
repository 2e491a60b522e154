"""The customer's page beside Odoo's own invoice payment page and its login page, on one server of two workers.

First on the server, then in a browser: what has to be fetched, and how long it takes, until *Pay* can be pressed.
"""

import re
import statistics

import requests

from dev.live import fresh_database, run_script, running_server

from .browser import running_browser
from .common import Table, load

ROUNDS = 8
VISITS = 3
KILOBYTE = 1000
PAGES = {"odoo": "Odoo's invoice page", "login": "its login page"}
# What says that the customer may press; of Odoo's page that the form is there, whether or not a method is chosen.
READY = {
    "ours": "document.querySelector('.pl-form button[type=submit]:not(:disabled)')?.checkVisibility()",
    "odoo": "document.querySelector('#pay_with.show [name=o_payment_radio]')?.checkVisibility()",
    "login": "document.querySelector('.oe_login_form button[type=submit]:not(:disabled)')?.checkVisibility()",
}
# How many times as fast ours is: made by the server, which for a login reads nothing; and until it can be used.
QUICKER = {"odoo": {"at_least": 1.5, "goal": 3}, "login": {"at_least": 0.2, "goal": 0.4}}
FASTER = {"odoo": {"at_least": 10, "goal": 20}, "login": {"at_least": 10, "goal": 15}}
SCRIPT = """
from dev.demo_data import make
make(env)
env["ir.config_parameter"].set_param("account_payment.enable_portal_payment", "True")
links = env["paylink.link"].search([("state", "=", "open"), ("kind", "=", "open_items"), ("amount_paid", "=", 0)])
links = links.filtered(lambda link: link._page_view() == "pay")
parts = links.filtered(lambda link: not all(link.line_ids.mapped("is_whole")))
invoice = env["account.move"].search([("move_type", "=", "out_invoice"), ("payment_state", "=", "not_paid")], limit=1)
env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()  # the server reads it
print("LINKS", *(links - parts).mapped("access_token"))
print("PARTS", *parts.mapped("access_token"))
print("INVOICE", f"/my/invoices/{invoice.id}?payment=True&access_token={invoice._portal_ensure_token()}")
env.cr.commit()  # the token, likewise
"""


def main():
    """Measure in turns, so that whatever else the machine does hits all alike."""
    with fresh_database("bench_page") as database:
        output = run_script(database, SCRIPT)
        tokens, parts, (invoice,) = (
            re.search(rf"^{what} (.+)$", output, re.MULTILINE)[1].split() for what in ("LINKS", "PARTS", "INVOICE")
        )
        with running_server(database, options=["--log-level=info"], expected=["Request timed out"]) as odoo:
            # Odoo leads to the address in the visitor's language first.
            invoice = requests.get(odoo.url + invoice, timeout=60).url.removeprefix(odoo.url)
            pages = {"ours": f"/pay/{tokens[0]}", "odoo": invoice, "login": "/web/login"}
            for path in [*pages.values(), *(f"/pay/{token}" for token in tokens)] * 4:
                requests.get(odoo.url + path, timeout=60).raise_for_status()
            failed = on_server(odoo, pages, f"/pay/{parts[0]}").show()
            return max(failed, in_browser(odoo, pages).show())


def on_server(odoo, pages, in_installments):
    """How fast the server makes the pages, and with how many queries.

    :param in_installments: the path of a page on which later installments can be paid, too
    """
    table = Table("Pages, 4 clients on 2 workers")
    found = {name: [] for name in pages}
    for _round in range(ROUNDS):
        for name, path in pages.items():
            found[name].append(load(odoo.url + path, clients=4, seconds=2))
    ours, theirs = (count_queries(odoo, pages[name]) for name in ("ours", "odoo"))
    for other in ("odoo", "login"):
        _compare(table, "p50", found, other, "p50 (ms)", unit=1e3)
        _compare(table, "rate", found, other, "pages a second")
    table.add("queries", ours, theirs, ratio=ours, at_most=8, goal=8)
    more = count_queries(odoo, in_installments)
    # The later installments, whether their invoice is of an order, and what is under way for them.
    what = "queries, one of several installments (three: can others be paid?)"
    table.add(what, more, theirs, ratio=more, at_most=11, goal=10)
    return table


def in_browser(odoo, pages):
    """What customers wait for, with an empty cache, on a slow phone in a slow network."""
    table = Table("Until Pay can be pressed, processor 4 times slower, 1.6 Mbit/s, 150 ms")
    found = {name: [] for name in pages}
    with running_browser() as browser:
        if not browser:
            print("\nNOT MEASURED: Chromium is not installed, so the pages were not opened in it.")
            table.failed += 1
            return table
        for _visit in range(VISITS):
            for name, path in pages.items():
                found[name].append(browser.visit(odoo.url + path, READY[name]))
    ours = found["ours"]
    for other in ("odoo", "login"):
        theirs = found[other]
        ratio = statistics.median(they.seconds / own.seconds for own, they in zip(ours, theirs, strict=True))
        seconds = [statistics.median(one.seconds for one in visits) for visits in (ours, theirs)]
        table.add(f"seconds, beside {PAGES[other]}", *seconds, ratio=ratio, **FASTER[other])
    for what, name, unit, most in (("kilobytes", "size", KILOBYTE, 60), ("requests", "requests", 1, 4)):
        worst = [max(getattr(one, name) for one in found[page]) / unit for page in ("ours", "odoo")]
        table.add(what, *worst, ratio=worst[0], at_most=most, goal=most)
    return table


def _compare(table, name, found, other, what, unit=1):
    """Add what was found of ours and of ``other``; their ratio is the median of that of each round."""
    ours, theirs = ([getattr(one, name) for one in found[page]] for page in ("ours", other))
    ratios = [t / o if name == "p50" else o / t for o, t in zip(ours, theirs, strict=True)]
    table.add(
        f"{what}, beside {PAGES[other]}",
        statistics.median(ours) * unit,
        statistics.median(theirs) * unit,
        ratio=statistics.median(ratios),
        **QUICKER[other],
    )


def count_queries(odoo, path):
    """The median number of queries that the server's log tells of requests for a page."""
    before = len(odoo.log_text())
    for _request in range(9):
        requests.get(odoo.url + path, timeout=60).raise_for_status()
    log = re.sub(r"\x1b\[[0-9;]*m", "", odoo.log_text()[before:])
    return statistics.median(int(count) for count in re.findall(r'"GET [^"]*" 200 - (\d+) ', log))
