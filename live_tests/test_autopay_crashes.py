"""Charges by rule: answers get lost, the job is killed at work, and runs twice at once. Each item is charged once."""

import collections
import contextlib
import os
import random
import signal
import subprocess
import time
import unittest

import requests
from fake_stripe import FakeStripe
from fake_stripe.faults import Fault

from dev.live import fresh_database, run_script
from dev.odoo import the_odoo

CHARGES = 60
LOST = 0.3  # of the answers, after Stripe has carried the request out
INTENTS = "/v1/payment_intents"
PATIENCE = 200
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
RUN = """
env["paylink.autopay.rule"]._cron_charge()
env["payment.transaction"]._cron_paylink_send()
env["payment.transaction"]._cron_paylink_book()
env.cr.commit()
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

    def start(self):
        """An Odoo that does what the jobs do."""
        command = the_odoo().command(self.database, "--no-http", "--log-level=critical", subcommand="shell")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**the_odoo().environment, "PAYLINK_STRIPE_API_BASE": self.fake.url}
        process = subprocess.Popen(command, env=environment, text=True, **pipes)
        process.stdin.write(RUN)
        process.stdin.close()
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def kill_at(self, process, enough):
        """Kill it as soon as Stripe has got so many charges; return whether it was still at work."""
        end = time.monotonic() + PATIENCE
        while process.poll() is None and len(self.fake.ledger()) < enough:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        at_work = process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return at_work

    def test_each_item_is_charged_once(self):
        self.fake.api.faults.append(Sometimes("disconnect_after", "POST", INTENTS, times=10**6))
        kills = sum(self.kill_at(self.start(), CHARGES * share) for share in (0.25, 0.5))
        self.assertEqual(kills, 2, "It was killed at work")
        for process in [self.start() for _n in range(2)]:
            self.assertEqual(process.wait(PATIENCE), 0)
        self.fake.abandon_faults()
        self.assertEqual(self.start().wait(PATIENCE), 0)
        charged = collections.Counter(
            payment.metadata["paylink_reference"] for payment in self.fake.ledger() if payment.received
        )
        self.assertEqual((len(charged), set(charged.values())), (CHARGES, {1}))
        self.assertEqual(len(self.fake.ledger()), CHARGES)
        for name, query in (
            ("payments", "SELECT count(*) FROM account_payment"),
            ("links", "SELECT count(*) FROM paylink_link WHERE state = 'paid' AND by_autopay"),
            ("rows", "SELECT count(*) FROM paylink_autopay_item WHERE is_charged"),
        ):
            self.assertEqual(self.value(query), CHARGES, name)
