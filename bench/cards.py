"""Charging a hundred thousand open invoices by rule, beside the raw SQL that finds them; and what a charge takes."""

import contextlib
import functools
import logging
import os
import sys
import threading
import time
from collections import Counter
from unittest.mock import patch

import requests

from dev.live import fresh_database
from dev.system import ROOT

from .common import Table, environment, measure
from .reminders import TODAY, make_items, prepare

CUSTOMERS, ITEMS_EACH = int(os.environ.get("BC", "10000")), 10
SMALL = 500  # customers, to see whether the number of queries grows with them
CHARGES = int(os.environ.get("BCC", "300"))
VERSION = "2026-10-28.endive"
# What is confirmed is booked while others are sent.
STEPS = ("storing the wishes", "sending and booking", "booking what is left")
QUERIES = (8, 30, 30)  # for each charge, at most; those of the threads that send are not counted
LATENCY = 0.3  # seconds that the provider takes to answer, about what Stripe needs for a charge

# What finds the items to charge at all, as one would write it by hand.
FLOOR = """
    SELECT item.id, contact.commercial_partner_id, item.currency_id, item.amount_residual_currency, token.id
      FROM account_move_line item
      JOIN account_account account ON account.id = item.account_id AND account.account_type = 'asset_receivable'
      JOIN account_move move ON move.id = item.move_id
      JOIN res_partner contact ON contact.id = item.partner_id
      JOIN res_partner customer ON customer.id = contact.commercial_partner_id
      JOIN payment_token token ON token.id = (customer.paylink_token_id->>%(key)s)::integer AND token.active
     WHERE item.company_id = %(company)s AND item.reconciled IS NOT TRUE AND item.parent_state = 'posted'
       AND item.amount_residual_currency > 0 AND item.no_followup IS NOT TRUE
       AND (customer.paylink_autopay->>%(key)s)::boolean AND item.date_maturity <= %(today)s
       AND NOT EXISTS (SELECT FROM paylink_autopay_item done WHERE done.move_line_id = item.id AND done.is_ended)
  ORDER BY contact.commercial_partner_id, item.id
"""


def main():
    """Measure the choice; bounds are on the ratio to the floor, and on the number of queries."""
    table = Table(f"Automatic payments of {CUSTOMERS * ITEMS_EACH:,} items of {CUSTOMERS:,} customers, per item (ms)")
    with fresh_database("bench_cards") as database, environment(database) as env:
        prepare(env)
        make_rule(env)
        queries = {}
        for customers in (SMALL, CUSTOMERS):
            make_items(env, customers, ITEMS_EACH)
            store_methods(env)
            queries[customers] = choose(env, table if customers == CUSTOMERS else None, customers * ITEMS_EACH)
            env.cr.execute("UPDATE account_move_line SET reconciled = TRUE")
        table.add(
            "queries, beside a twentieth of it",
            queries[CUSTOMERS],
            queries[SMALL],
            ratio=queries[CUSTOMERS] / queries[SMALL],
            at_most=1.1,
        )
    failed = table.show()
    return measure_charges() or failed


def make_rule(env):
    """A rule that charges all that is due."""
    env.company.paylink_autopay = True
    env["paylink.autopay.rule"].create({"name": "All", "notice_days": 0, "ignore_before": False})


def store_methods(env):
    """A stored method of each customer, and the switch: by SQL."""
    env.cr.execute("SELECT id FROM payment_provider WHERE code = 'demo' ORDER BY id LIMIT 1")
    (provider_id,) = env.cr.fetchone()
    provider = env["payment.provider"].browse(provider_id)
    provider.write({"company_id": env.company.id, "state": "test"})
    env.flush_all()
    env.cr.execute(
        """INSERT INTO payment_token (provider_id, payment_method_id, partner_id, company_id, provider_ref, active,
                                      payment_details)
           SELECT %s, %s, id, %s, 'demo', TRUE, '4242' FROM res_partner WHERE name LIKE 'Customer %%'""",
        [provider.id, env["payment.method"].search([], limit=1).id, env.company.id],
    )
    env.cr.execute(
        """UPDATE res_partner partner
              SET paylink_autopay = jsonb_build_object(%(key)s, TRUE),
                  paylink_token_id = jsonb_build_object(%(key)s, token.id)
             FROM payment_token token WHERE token.partner_id = partner.id""",
        {"key": str(env.company.id)},
    )
    env.cr.execute("ANALYZE payment_token, res_partner")
    env.cr.commit()  # the jobs have cursors of their own
    env.invalidate_all()


def choose(env, table, total):
    """Choose what is charged; return how many queries that took."""
    chosen = measure(env, lambda: env["paylink.autopay.rule"].search([])._pick(TODAY), repeat=3)
    assert len(chosen.result) == total, len(chosen.result)
    if table:
        floor = measure(env, lambda: env.execute_query(floor_sql(env)), repeat=3)
        assert len(floor.result) == total, len(floor.result)
        table.add(
            "choosing, beside raw SQL",
            chosen.seconds / total * 1e3,
            floor.seconds / total * 1e3,
            ratio=chosen.seconds / floor.seconds,
            at_most=5,
            goal=3,
        )
    return chosen.queries


def floor_sql(env):
    """The query that any way of choosing has to make at least."""
    from odoo.tools import SQL  # noqa: PLC0415  Odoo is imported where `make bench` has put it on the path

    return SQL(FLOOR, company=env.company.id, key=str(env.company.id), today=TODAY)


# === CHARGES === #


def measure_charges():
    """Where the time goes between the choice and the reconciled invoices, with a provider as slow as the real one."""
    sys.path.append(str(ROOT / "paylink_addon/tests"))
    from fake_stripe import FakeStripe  # noqa: PLC0415  only now it is on the path

    table = Table(f"{CHARGES} charges by a provider that needs {LATENCY} s for each (s)")
    with FakeStripe() as fake, fresh_database("bench_charges") as database, environment(database) as admin_env:
        env = admin_env(user=1)  # as the job
        logging.getLogger("stripe").setLevel(logging.WARNING)
        prepare(env)
        make_rule(env)
        store_at_stripe(env, fake, make_due(env))
        jobs = env["paylink.autopay.rule"], env["payment.transaction"], env["payment.transaction"]
        costs, profiles = [], []
        with patch.dict(os.environ, {"PAYLINK_STRIPE_API_BASE": fake.url}):
            for model, name in zip(jobs, ("_cron_charge", "_cron_paylink_send", "_cron_paylink_book"), strict=True):
                with profiled() as profile:
                    costs.append(measure(env, getattr(model, name)))
                profiles.append(profile)
        booked = env["paylink.autopay.item"].search_count([("is_charged", "=", True)])
        assert booked == CHARGES, booked
    show_charges(table, costs, profiles)
    return table.show()


def show_charges(table, costs, profiles):
    """What each job has taken, and whose time that was."""
    for what, cost, profile, queries in zip(STEPS, costs, profiles, QUERIES, strict=True):
        table.add(what, cost.seconds)
        for whose, share in profile.shares().items():
            table.add(f"  {whose}", cost.seconds * share)
        table.add("  queries for each", cost.queries / CHARGES, at_most=queries)
    total = sum(cost.seconds for cost in costs)
    ours = sum(cost.seconds * profile.shares()["ours"] for cost, profile in zip(costs, profiles, strict=True))
    table.add("waiting and posting, share", 1 - ours / total, at_least=0.6, goal=0.9)
    waiting = sum(cost.seconds * profile.shares()["waiting"] for cost, profile in zip(costs, profiles, strict=True))
    latencies = CHARGES * LATENCY
    table.add(
        "waiting, beside the sum of latencies", waiting, latencies, ratio=waiting / latencies, at_most=0.6, goal=0.25
    )


class Profile(threading.Thread):
    """Whose the time is, by looking at what all threads do, many times a second.

    *Waiting*: a request is at the provider, whatever else is done meanwhile. *Posting*: else, what Odoo does to post
    and reconcile payments, and its ORM for that. *Ours*: all the rest. Of a stack the innermost add-on says whose it
    is: what we compute while Odoo posts is ours, what Odoo computes while we write is its.
    """

    PAUSE = 0.005

    def __init__(self):
        super().__init__(daemon=True)
        self.counts, self.has_ended, self.at_provider = Counter(), threading.Event(), 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_error):
        self.has_ended.set()
        self.join()

    def run(self):
        """Look."""
        while not self.has_ended.wait(self.PAUSE):
            frames = [frame for ident, frame in sys._current_frames().items() if ident != self.ident]
            self.counts[self.whose(frames)] += 1

    def whose(self, frames):
        """Whose the moment is: that of several threads, Odoo's before ours."""
        if self.at_provider:
            return "waiting"
        owners = {owner for frame in frames if (owner := innermost(frame))}
        return "posting" if "posting" in owners else "ours"

    def shares(self):
        """The share of each, of all the time."""
        total = self.counts.total() or 1
        return {whose: self.counts[whose] / total for whose in ("waiting", "posting", "ours")}


def innermost(frame):
    """Whose code the innermost frame of an add-on is that is Odoo's accounting, or ours."""
    while frame:
        path = frame.f_code.co_filename
        if "/paylink_addon" in path:
            return "ours"
        if "/addons/account/" in path or "/addons/account_payment/" in path:
            return "posting"
        frame = frame.f_back
    return None


@contextlib.contextmanager
def profiled():
    """Look whose the time is, with a provider as slow as the real one."""
    from odoo.addons.paylink_addon.tools.stripe_client import StripeApi  # noqa: PLC0415  on the path by now

    call, lock = StripeApi.call, threading.Lock()

    @functools.wraps(call)
    def slow(*args, **kwargs):
        with lock:
            profile.at_provider += 1
        try:
            time.sleep(LATENCY)  # what the network takes
            return call(*args, **kwargs)
        finally:
            with lock:
                profile.at_provider -= 1

    with patch.object(StripeApi, "call", slow), Profile() as profile:
        yield profile


def make_due(env):
    """As many customers with an invoice that is due."""
    partners = env["res.partner"].create(
        [{"name": f"Payer {number}", "email": f"payer{number}@example.com"} for number in range(CHARGES)]
    )
    env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_date": TODAY,
                "invoice_date_due": TODAY,
                "invoice_line_ids": [(0, 0, {"name": "Work", "price_unit": 100, "tax_ids": []})],
            }
            for partner in partners
        ]
    ).action_post()
    return partners


def store_at_stripe(env, fake, partners):
    """A card of each, stored at the fake, and the switch."""
    domain = [("code", "=", "stripe_checkout"), ("company_id", "=", env.company.id)]
    provider = env["payment.provider"].search(domain, limit=1)
    provider.write({"paylink_stripe_secret_key": fake.account.key(), "state": "test", "is_published": True})
    provider.paylink_stripe_account = fake.account.id
    bank = [("type", "=", "bank"), ("company_id", "=", env.company.id)]
    provider.journal_id = env["account.journal"].search(bank, limit=1)
    headers = {"Authorization": f"Bearer {fake.secret_key}", "Stripe-Version": VERSION}
    for partner in partners:
        answer = requests.post(f"{fake.url}/v1/customers", {"name": partner.name}, headers=headers, timeout=10)
        customer = answer.json()["id"]
        token = env["payment.token"].create(
            {
                "provider_id": provider.id,
                "payment_method_id": provider.payment_method_ids[:1].id,
                "partner_id": partner.id,
                "payment_details": "4242",
                "provider_ref": fake.save_method(customer)["id"],
                "paylink_stripe_customer": customer,
            }
        )
        partner.write({"paylink_autopay": True, "paylink_token_id": token.id})
    env.cr.commit()  # the jobs have cursors of their own
