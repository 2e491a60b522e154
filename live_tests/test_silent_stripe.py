"""Stripe takes requests and does not answer: whoever asks it waits alone, and holds nothing meanwhile."""

import contextlib
import statistics
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import requests
from fake_stripe import FakeStripe
from support import TIMEOUT, Ledger, Payer, call, log_in, server

VISITS = 4
# What an answer of ours takes at most while both workers would wait for Stripe, if they did.
FAST = 3
# As fast as ever: half of the pages take no longer than this many times what half of them took before or after, and a
# moment, as other tests may begin meanwhile.
TIMES, MOMENT = 3, 0.5
SCRIPT = """
provider = env["payment.provider"].search([("code", "=", "stripe_checkout"), ("company_id", "=", company.id)], limit=1)
provider.write({{"paylink_stripe_secret_key": "{key}", "state": "test", "is_published": True}})
provider.paylink_stripe_account = "{account}"
names = [f"{{what}}{{number}}" for what in ("Return", "Checkout") for number in range({visits})]
done({{"cases": {{name: case(name) for name in [*names, "Again", "Both", "Document", "Other"]}}}})
"""
IDS = """
    SELECT p.id, m.id FROM payment_provider p, payment_method m
     WHERE p.code = 'stripe_checkout' AND p.state = 'test' AND m.code = 'stripe_checkout'
"""
# Who holds rows: a transaction that has written or locked some, and does nothing now.
HOLDING = """
    SELECT count(*) FROM pg_stat_activity JOIN pg_locks USING (pid)
     WHERE datname = current_database() AND state = 'idle in transaction'
       AND locktype = 'relation' AND mode IN ('RowShareLock', 'RowExclusiveLock')
"""


class TestSilentStripe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.fake = stack.enter_context(FakeStripe())
        script = SCRIPT.format(key=cls.fake.account.key(), account=cls.fake.account.id, visits=VISITS)
        environment = {"PAYLINK_STRIPE_API_BASE": cls.fake.url}
        cls.odoo, cls.data = stack.enter_context(server("silent", script, env=environment))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        cls.data["provider"], cls.data["method"] = cls.ledger.rows(IDS)[0]
        cls.other = Payer(cls.odoo, cls.data, cls.data["cases"]["Other"]["links"][0]["token"])
        for _worker in range(4):
            cls.other.get()

    def tearDown(self):
        self.fake.abandon_faults()

    def form(self, name):
        """The fields of the form that leads to Stripe."""
        found = self.data["cases"][name]
        payer = Payer(self.odoo, self.data, found["links"][0]["token"])
        answer = call(
            payer.session,
            f"{payer.page}/transaction",
            provider_id=self.data["provider"],
            payment_method_id=self.data["method"],
            amount=found["amount"],
            flow="redirect",
        )
        html = answer["redirect_form_html"]
        return {field: html.split(f'name="{field}" value="')[1].split('"')[0] for field in ("tx", "token")}

    def go(self, form):
        return requests.post(f"{self.odoo.url}/paylink/stripe/checkout", form, allow_redirects=False, timeout=TIMEOUT)

    def come_back(self, form):
        url = f"{self.odoo.url}/paylink/stripe/return"
        return requests.get(url, form, allow_redirects=False, timeout=TIMEOUT)

    def while_silent(self, visit, forms):
        """Let all come at once while Stripe is silent: the pages of somebody else stay as fast as ever.

        :return: their answers, how long the slowest page of somebody else took, and how often Stripe was asked
        """
        usual = self.usual()
        before = len(self.fake.journal())
        self.fake.fault("timeout_before", times=99)
        times, holding = [], 0
        with ThreadPoolExecutor(len(forms)) as pool:
            visits = [pool.submit(visit, form) for form in forms]
            self.wait_for_question(before)
            while not all(one.done() for one in visits):
                times.append(self.look())
                holding += self.ledger.value(HOLDING) > 0
                time.sleep(0.1)
            answers = [one.result() for one in visits]
        self.assertLessEqual(holding, 1, "no row is held while Stripe is asked")
        self.assertTrue(times, "all were answered before anybody else could look")
        usual = max(usual, self.usual())
        self.assertLess(statistics.median(times), TIMES * usual + MOMENT, (usual, times))
        return answers, max(times), len(self.fake.journal()) - before

    def usual(self):
        """How long half of the pages of somebody else take at most while nobody asks Stripe."""
        return statistics.median(self.look() for _time in range(5))

    def look(self):
        """How long a page of somebody else takes."""
        started = time.monotonic()
        self.assertEqual(self.other.get("/help").status_code, 200)
        return time.monotonic() - started

    def wait_for_question(self, before):
        """Wait until Stripe has been asked more often than ``before``."""
        end = time.monotonic() + TIMEOUT
        while len(self.fake.journal()) == before and time.monotonic() < end:
            time.sleep(0.02)

    def test_customers_who_come_back(self):
        forms = [self.form(f"Return{number}") for number in range(VISITS)]
        for form in forms:
            self.assertEqual(self.go(form).status_code, 303)
        answers, slowest, asked = self.while_silent(self.come_back, forms)
        self.assertEqual({answer.status_code for answer in answers}, {303})
        self.assertLess(slowest, FAST)
        self.assertLess(asked, VISITS, "one worker is left for the others")

    def test_customer_who_comes_back_again_and_again(self):
        form = self.form("Again")
        self.go(form)
        _answers, _slowest, asked = self.while_silent(self.come_back, [form])
        self.assertEqual(asked, 1)
        before, started = len(self.fake.journal()), time.monotonic()
        for _time in range(3):
            self.assertEqual(self.come_back(form).status_code, 303)
        self.assertEqual(len(self.fake.journal()), before, "who is silent is left alone for a time")
        self.assertLess(time.monotonic() - started, FAST)

    def test_what_else_is_slow(self):
        """While one worker waits for Stripe, the other one makes no PDF: it would keep the last one from everybody."""
        log_in(self.odoo)  # Odoo notes its address, where the PDF gets its style from
        form, found = self.form("Both"), self.data["cases"]["Document"]["links"][0]
        self.go(form)
        reader, before = Payer(self.odoo, self.data, found["token"]), len(self.fake.journal())

        def visit(path):
            if not path:
                return self.come_back(form)
            self.wait_for_question(before)
            return reader.get(path)

        path = f"/document/{found['lines'][0]}"
        answers, slowest, _asked = self.while_silent(visit, ["", path])
        self.assertEqual([answer.status_code for answer in answers], [303, 202])
        self.assertLess(slowest, FAST)
        self.assertEqual(reader.get(path).status_code, 200)

    def press(self, name):
        """Press *Pay* on the page of a link."""
        page = Payer(self.odoo, self.data, self.data["cases"][name]["links"][0]["token"]).page
        data = {"option": f"{self.data['provider']}-{self.data['method']}"}
        return requests.post(f"{page}/pay", data, allow_redirects=False, timeout=TIMEOUT)

    def test_customers_who_click(self):
        """On our page, or on one of Odoo's own, whose form leads to Stripe by a route of ours."""
        pressed = [f"Checkout{number}" for number in range(VISITS - 1)]
        forms = [self.form(f"Checkout{VISITS - 1}")]

        def visit(which):
            return self.press(which) if which in pressed else self.go(which)

        answers, slowest, asked = self.while_silent(visit, pressed + forms)
        self.assertEqual({answer.status_code for answer in answers[:-1]}, {422})
        self.assertTrue(all("does not answer" in answer.text for answer in answers[:-1]))
        self.assertEqual(answers[-1].status_code, 503)
        self.assertLess(slowest, 2 * FAST)
        self.assertLess(asked, VISITS)
        self.fake.abandon_faults()
        answers = [visit(which) for which in pressed + forms]
        self.assertTrue(all(answer.headers["Location"].startswith(self.fake.url) for answer in answers))
