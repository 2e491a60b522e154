"""Charges by rule: answers get lost, the jobs run twice at once, and are killed at work. Each item is charged once.

``PAYLINK_CHARGES=1000 make test T=test_autopay_crashes`` has as many as are wanted.
"""

import collections
import contextlib
import os
import random
import subprocess
import time
import unittest

import requests
from fake_stripe import FakeStripe
from fake_stripe.faults import Fault

from dev.live import fresh_database, run_script
from dev.odoo import the_odoo

CHARGES = int(os.environ.get("PAYLINK_CHARGES") or 100)
KILL_EVERY = 1.0  # seconds
LOST = 0.3  # of the answers, after Stripe has carried the request out
INTENTS = "/v1/payment_intents"
PATIENCE = 300 + CHARGES  # seconds
SCRIPT = """
from bench.reminders import prepare
prepare(env)
company = env.company
provider = env["payment.provider"].search([("code", "=", "stripe_checkout"), ("company_id", "=", company.id)], limit=1)
provider.write({{"paylink_stripe_secret_key": "{key}", "state": "test", "is_published": True}})
provider.paylink_stripe_account = "{account}"
provider.journal_id = env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", company.id)], limit=1)
partners = env["res.partner"].create([
    {{"name": f"Customer {{n}}", "email": f"c{{n}}@example.com"}} for n in range({charges})
])
env["account.move"].create([
    {{"move_type": "out_invoice", "partner_id": partner.id,
      "invoice_date": "2026-03-01", "invoice_date_due": "2026-03-01",
      "invoice_line_ids": [(0, 0, {{"name": "Work", "price_unit": 100 + partner.id, "tax_ids": []}})]}}
    for partner in partners
]).action_post()
tokens = env["payment.token"].create([
    {{"provider_id": provider.id, "payment_method_id": provider.payment_method_ids[:1].id, "partner_id": partner.id,
      "payment_details": "4242", "provider_ref": method, "paylink_stripe_customer": customer}}
    for partner, (customer, method) in zip(partners, {stored})
])
for partner, token in zip(partners, tokens):
    partner.write({{"paylink_autopay": True, "paylink_token_id": token.id}})
company.paylink_autopay = True
env["paylink.autopay.rule"].create({{"name": "All", "notice_days": 0, "ignore_before": False}})
env.cr.commit()
"""
JOBS = """
import os, sys
from odoo import SUPERUSER_ID, api, sql_db

jobs = [("payment.transaction", "send"), ("payment.transaction", "book"), ("paylink.autopay.rule", "charge")]

def work(first=2):
    for model, name in jobs[first:] + jobs[:first]:
        with env.registry.cursor() as cr:
            own = api.Environment(cr, SUPERUSER_ID, {})[model]
            getattr(own, "_cron_charge" if name == "charge" else f"_cron_paylink_{name}")()
            cr.commit()
"""
# The parent is never killed: nobody waits for an Odoo to start. Each worker begins with another job; pauses grow a bit,
# so that a slow machine comes to an end, too.
UNDER_FIRE = """
import random, signal, threading, time

def start(number):
    pid = os.fork()
    if pid:
        return pid
    try:
        work(number % len(jobs))
    except BaseException:
        os._exit(1)
    os._exit(0)

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_args: stop.set())
env.cr.close()
sql_db.close_all()
kills, failures, workers, pause = 0, 0, [start(0), start(2)], {pause}
while not stop.wait(pause):
    pause *= 1.01
    workers.append(workers.pop(0))
    os.kill(workers[-1], signal.SIGKILL)
    for place, pid in enumerate(workers):
        found, status = os.waitpid(pid, 0 if pid == workers[-1] else os.WNOHANG)
        if found:
            kills += os.WIFSIGNALED(status)
            failures += os.WIFEXITED(status) and os.WEXITSTATUS(status)
            workers[place] = start(kills)
for pid in workers:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
print(kills + len(workers), failures, flush=True)
os._exit(0)
"""


class Sometimes(Fault):
    """A fault that strikes at random."""

    dice = random.Random(11)

    def strikes(self, method, path):
        """As often as :data:`LOST` says."""
        return super().strikes(method, path) and self.dice.random() < LOST


class TestAutopayCrashes(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.fake = stack.enter_context(FakeStripe())
        self.database = stack.enter_context(fresh_database("autopay_crashes"))
        self.connection = the_odoo().server.connect(self.database)
        self.addCleanup(self.connection.close)
        account = self.fake.account
        stored = [self.stored_method(number) for number in range(CHARGES)]
        run_script(self.database, SCRIPT.format(charges=CHARGES, key=account.key(), account=account.id, stored=stored))

    def stored_method(self, number):
        """``(customer, method)`` at Stripe."""
        headers = {"Authorization": f"Bearer {self.fake.secret_key}", "Stripe-Version": "2026-10-28.endive"}
        answer = requests.post(f"{self.fake.url}/v1/customers", {"name": str(number)}, headers=headers, timeout=10)
        customer = answer.json()["id"]
        return customer, self.fake.save_method(customer)["id"]

    def value(self, query):
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]

    def start(self, script):
        """An Odoo that runs ``script`` after :data:`JOBS`."""
        command = the_odoo().command(self.database, "--no-http", "--log-level=critical", subcommand="shell")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        environment = {**the_odoo().environment, "PAYLINK_STRIPE_API_BASE": self.fake.url}
        process = subprocess.Popen(command, env=environment, text=True, **pipes)
        process.stdin.write(JOBS + script)
        process.stdin.close()
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def received(self):
        return [payment for payment in self.fake.ledger() if payment.received]

    def test_each_item_is_charged_once(self):
        """Two at work; every second one of them is killed, each in turn, until Stripe has charged everything."""
        self.fake.api.faults.append(Sometimes("disconnect_after", "POST", INTENTS, times=10**6))
        started = time.monotonic()
        process = self.start(UNDER_FIRE.format(pause=KILL_EVERY))
        while len(self.received()) < CHARGES:
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic() - started, PATIENCE)
            time.sleep(0.05)
        process.terminate()
        kills, failures = map(int, process.stdout.read().split()[-2:])
        lost = sum(entry.fault == "disconnect_after" for entry in self.fake.journal())
        took = time.monotonic() - started
        print(f"{CHARGES} charges, {lost} answers lost, {kills} kills, {failures} failed runs: {took:.0f} s")
        self.assertGreater(kills, 2)
        self.assertGreater(lost, CHARGES * LOST / 2)
        self.fake.abandon_faults()
        self.assertEqual(self.start("work()").wait(PATIENCE), 0)
        charged = collections.Counter(payment.metadata["paylink_reference"] for payment in self.received())
        self.assertEqual((len(charged), set(charged.values())), (CHARGES, {1}))
        self.assertEqual(len(self.fake.ledger()), CHARGES)
        for name, query in (
            ("payments", "SELECT count(*) FROM account_payment"),
            ("links", "SELECT count(*) FROM paylink_link WHERE state = 'paid' AND by_autopay"),
            ("rows", "SELECT count(*) FROM paylink_autopay_item WHERE is_charged"),
            ("owed", "SELECT count(*) FROM account_move WHERE move_type = 'out_invoice' AND payment_state != 'paid'"),
        ):
            self.assertEqual(self.value(query), 0 if name == "owed" else CHARGES, name)
