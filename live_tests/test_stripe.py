"""Stripe Checkout on a server of two workers: what is sent once, whatever clicks twice or dies in between."""

import contextlib
import tempfile
import time
import unittest

import requests
from fake_stripe import FakeStripe
from support import Ledger, Payer, Stops, at_once, log_in, server

CASES = 3
# Between the click and the stored answer, as the requests to Stripe are made.
STEPS = ["asking", "sending", "answered", "applied_answer"]
STORED = ["charge", "killed", "refund", *(f"{what} {step}" for what in ("charge", "refund") for step in STEPS)]
SCRIPT = """
provider = env["payment.provider"].search([("code", "=", "stripe_checkout"), ("company_id", "=", company.id)], limit=1)
provider.write({{"paylink_stripe_secret_key": "{key}", "state": "test", "is_published": True}})
provider.paylink_stripe_account = "{account}"

stored = {stored}
cases = {{"clicks": [case(f"Clicks{{n}}") for n in range({cases})]}}
for name, (customer_id, method_id) in stored.items():
    cases[name] = found = case(name)
    partner = env["res.partner"].browse(found["partner"])
    found["saved"] = saved_method(partner, provider_ref=method_id, paylink_stripe_customer=customer_id)
crons = [env.ref(f"paylink_addon.ir_cron_paylink_{{name}}").id for name in ("send", "book")]
done(dict(cases, crons=crons))
"""


class TestStripe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.fake = stack.enter_context(FakeStripe())
        stored = {name: cls.stored_method(name) for name in STORED}
        account = cls.fake.account
        script = SCRIPT.format(key=account.key(), account=account.id, stored=stored, cases=CASES)
        cls.stops = Stops(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {"PAYLINK_STRIPE_API_BASE": cls.fake.url, **cls.stops.env}
        cls.odoo, cls.data = stack.enter_context(server("stripe", script, env=environment, options=cls.stops.options))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        cls.admin = log_in(cls.odoo)

    @classmethod
    def stored_method(cls, name):
        """``(customer, method)`` at Stripe."""
        headers = {"Authorization": f"Bearer {cls.fake.secret_key}", "Stripe-Version": "2026-10-28.endive"}
        customer = requests.post(f"{cls.fake.url}/v1/customers", {"name": name}, headers=headers, timeout=10).json()
        return customer["id"], cls.fake.save_method(customer["id"])["id"]

    def payer(self, case):
        """The customer of a case, who pays by Stripe."""
        data = dict(self.data)
        data["provider"], data["method"] = self.ledger.rows(
            "SELECT p.id, m.id FROM payment_provider p, payment_method m "
            "WHERE p.code = 'stripe_checkout' AND p.state = 'test' AND m.code = 'stripe_checkout'"
        )[0]
        return Payer(self.odoo, data, case["links"][0]["token"])

    def start(self, payer, case):
        """An attempt: the fields of the redirect form."""
        answer = payer.session.post(
            f"{payer.page}/transaction",
            json={
                "jsonrpc": "2.0",
                "method": "call",
                "params": {
                    "provider_id": payer.data["provider"],
                    "payment_method_id": payer.data["method"],
                    "amount": case["amount"],
                    "flow": "redirect",
                },
            },
            timeout=60,
        ).json()["result"]
        form = answer["redirect_form_html"]
        return {name: form.split(f'name="{name}" value="')[1].split('"')[0] for name in ("tx", "token")}

    def paid(self, case):
        """What Stripe has received and refunded for a case's transactions, in minor units."""
        ids = {str(tx) for tx, _state, _payment in self.ledger.transactions(case)}
        mine = [one for one in self.fake.ledger() if one.metadata.get("paylink_tx") in ids]
        return sum(one.received for one in mine), sum(one.refunded for one in mine)

    def run_job(self):
        """The jobs that send what is to be sent, and book what is to be booked."""
        for cron in self.data["crons"]:
            self.admin.call("ir.cron", "method_direct_trigger", [[cron]])

    def state(self, case):
        return [state for _id, state, _payment in self.ledger.transactions(case)]

    # === TESTS === #

    def test_two_clicks_lead_to_one_page(self):
        """Both at the same moment: one session, and both customers are sent there."""
        for case in self.data["clicks"]:
            with self.subTest(number=case["number"]):
                payer = self.payer(case)
                form = self.start(payer, case)
                before = len(self.fake.realm().all("checkout.session"))

                def click(form=form):
                    url = f"{self.odoo.url}/paylink/stripe/checkout"
                    return requests.post(url, form, allow_redirects=False, timeout=60)

                answers = at_once(click, click, click)
                self.assertEqual({answer.status_code for answer in answers}, {303})
                self.assertEqual(len({answer.headers["Location"] for answer in answers}), 1)
                self.assertEqual(len(self.fake.realm().all("checkout.session")) - before, 1)

    def test_saved_method_is_charged_at_once(self):
        case = self.data["charge"]
        payer = self.payer(case)
        payer.start(case["amount"], case["saved"])
        self.assertEqual(self.state(case), ["done"])
        self.assertEqual(self.paid(case)[0], round(case["amount"] * 100))

    def test_worker_is_killed_while_stripe_charges(self):
        """Stripe takes the money after the worker's death: it is found, booked, and not taken again."""
        case = self.data["killed"]
        payer = self.payer(case)
        self.fake.fault("stall", "POST", "/v1/payment_intents")

        def kill():
            end = time.monotonic() + 20
            while not any(entry.fault == "stall" for entry in self.fake.journal()):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)
            for pid in self.odoo.workers():
                self.odoo.kill(pid)

        def pay():
            with contextlib.suppress(requests.RequestException):
                payer.start(case["amount"], case["saved"])

        at_once(pay, kill)
        self.fake.release()
        self.assertEqual(self.state(case), ["pending"])
        self.assertIsNone(payer.start(case["amount"], case["saved"]), "meanwhile nothing else can be paid")
        self.run_job()
        self.assertEqual(self.state(case), ["done"])
        payer.status()
        self.assertEqual(self.ledger.residual(case), 0)
        self.assertEqual(self.paid(case)[0], round(case["amount"] * 100))

    def test_refund_is_sent_right_after_the_commit(self):
        """No job is needed: the user's click sends it, once."""
        case = self.data["refund"]
        payer = self.payer(case)
        payer.start(case["amount"], case["saved"])
        ((transaction, _state, _payment),) = self.ledger.transactions(case)
        self.admin.call("payment.transaction", "action_refund", [[transaction]], amount_to_refund=10.0)
        query = "SELECT state, paylink_todo FROM payment_transaction WHERE source_transaction_id = %s"
        self.assertEqual(self.ledger.rows(query, transaction), [("done", None)])
        self.assertEqual(self.paid(case)[1], 1000)

    # === KILLED AT EACH STEP === #

    def kill_at(self, step, click):
        """Kill the worker that comes to the step while it does what a click asks for."""

        def clicking():
            with contextlib.suppress(requests.RequestException):
                click()

        def kill():
            end = time.monotonic() + 30
            while not (worker := self.stops.stopped_at(step)):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)
            self.odoo.kill(worker)

        self.stops.stop_at(step)
        try:
            at_once(clicking, kill)
        finally:
            self.stops.go_on(step)

    def test_killed_at_each_step_of_a_charge(self):
        """The customer pays once, and it is booked once."""
        for step in STEPS:
            with self.subTest(step):
                case = self.data[f"charge {step}"]
                payer = self.payer(case)
                self.kill_at(step, lambda payer=payer, case=case: payer.start(case["amount"], case["saved"]))
                for _time in range(2):
                    self.run_job()
                    ((transaction, state, _payment),) = self.ledger.transactions(case)
                    self.assertEqual((state, self.paid(case)[0]), ("done", round(case["amount"] * 100)))
                    self.assertEqual((len(self.ledger.payments(transaction)), self.ledger.residual(case)), (1, 0))

    def test_killed_at_each_step_of_a_refund(self):
        """The customer gets the money back once, and that is booked once."""
        for step in STEPS:
            with self.subTest(step):
                case = self.data[f"refund {step}"]
                self.payer(case).start(case["amount"], case["saved"])
                ((transaction, _state, _payment),) = self.ledger.transactions(case)
                self.kill_at(
                    step,
                    lambda transaction=transaction: self.admin.call(
                        "payment.transaction", "action_refund", [[transaction]], amount_to_refund=10.0
                    ),
                )
                for _time in range(2):
                    self.run_job()
                    query = "SELECT id, state, amount FROM payment_transaction WHERE source_transaction_id = %s"
                    ((refund, state, amount),) = self.ledger.rows(query, transaction)
                    self.assertEqual((state, float(amount), self.paid(case)[1]), ("done", -10, 1000))
                    self.assertEqual(len(self.ledger.payments(refund)), 1)
