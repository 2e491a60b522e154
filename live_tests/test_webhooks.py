"""Messages of Stripe on a server of two workers: at once, to workers that are killed, and never lost or doubled."""

import contextlib
import json
import re
import statistics
import tempfile
import threading
import time
import unittest
from functools import partial

import requests
import stripe
from fake_stripe import FakeStripe
from support import CONFLICTS, Ledger, Payer, Stops, at_once, server

SECRET = "whsec_live_tests"
PATIENCE = 120
# On the way from the message to the books; the first two are in the worker that receives, the others in the job's.
RECEIVING = ["stored", "received"]
HANDLING = ["taken", "applied", "booking", "reconciling", "booked", "told", "handled", "committed"]
DISPUTING = ["withdrawing", "withdrawn", "disputed"]
STATUS_ROUNDS = 5
JOB = "SELECT res_id FROM ir_model_data WHERE module = 'paylink_addon' AND name = 'ir_cron_paylink_handle_events'"
TRIGGERS = f"SELECT count(*) FROM ir_cron_trigger WHERE cron_id = ({JOB})"
UNTOLD = "SELECT count(*) FROM payment_transaction WHERE paylink_untold"
DISPUTES = "SELECT withdrawal_id, fee_move_id FROM paylink_dispute WHERE transaction_id = %s"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
SCRIPT = """
stripe = env["payment.provider"].search([("code", "=", "stripe_checkout"), ("company_id", "=", company.id)], limit=1)
stripe = stripe or env.ref("paylink_addon.payment_provider_stripe").copy({{"company_id": company.id}})
stripe.write({{
    "state": "test", "paylink_stripe_secret_key": "{key}", "paylink_stripe_webhook_secret": "{secret}",
    "paylink_stripe_account": "acct_live_tests", "journal_id": demo_data.bank_journal(env, company).id,
}})
stripe.is_published = True
method = env.ref("paylink_addon.payment_method_stripe_checkout")
method.active = True
stripe.payment_method_ids = [Command.set(method.ids)]
names = {names}
done({{"stripe": stripe.id, "stripe_method": method.id, "cases": {{name: case(name) for name in names}}}})
"""


class WebhookCase(unittest.TestCase):
    """A server, a Stripe, and customers who pay on its page."""

    CRONS = 0
    CASES = []

    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.fake = stack.enter_context(FakeStripe())
        cls.stops = Stops(stack.enter_context(tempfile.TemporaryDirectory()))
        script = SCRIPT.format(key=cls.fake.secret_key, secret=SECRET, names=cls.CASES)
        env = {"PAYLINK_STRIPE_API_BASE": cls.fake.url, **cls.stops.env}
        name = f"webhooks_{cls.CRONS}"
        cls.odoo, cls.data = stack.enter_context(
            server(name, script, CONFLICTS, crons=cls.CRONS, env=env, options=cls.stops.options)
        )
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        cls.url = f"{cls.odoo.url}/paylink/stripe/webhook/{cls.data['stripe']}"
        cls.serial = 0

    # === PAYING === #

    def pay_at_stripe(self, name):
        """The customer of a case pays on Stripe's page and never comes back.

        :return: the case, and the messages that Stripe has for us, as JSON
        """
        case, known = self.data["cases"][name], len(self.fake.events())
        page = f"{self.odoo.url}/pay/{case['links'][0]['token']}"
        session = requests.Session()
        params = {
            "provider_id": self.data["stripe"],
            "payment_method_id": self.data["stripe_method"],
            "token_id": None,
            "amount": case["amount"],
            "flow": "redirect",
            "tokenization_requested": False,
            "landing_route": "/payment/status",
            "is_validation": False,
        }
        answer = session.post(f"{page}/transaction", json={"jsonrpc": "2.0", "method": "call", "params": params}).json()
        form = dict(re.findall(r'name="(\w+)" value="([^"]+)"', answer["result"]["redirect_form_html"]))
        answer = session.post(f"{self.odoo.url}/paylink/stripe/checkout", data=form, allow_redirects=False)
        self.fake.pay(answer.headers["Location"].rpartition("/")[2])
        return case, [json.dumps(event) for event in self.fake.events()[known:]]

    def other_message(self):
        """A message that is nothing to us."""
        type(self).serial += 1
        return json.dumps(
            {
                "id": f"evt_other_{self.serial}",
                "object": "event",
                "type": "balance.available",
                "created": int(time.time()),
                "data": {"object": {"object": "balance"}},
            }
        )

    def send(self, message):
        """Deliver a message as Stripe does: again, until it is acknowledged."""
        for _time in range(10):
            with contextlib.suppress(requests.ConnectionError):
                status = self.post(message)
                self.assertEqual(status, 200)
                return
            time.sleep(0.2)
        self.fail("No worker has acknowledged the message.")

    def post(self, message):
        header = stripe.WebhookSignature.generate_signature_header(message, SECRET, int(time.time()))
        headers = {"Content-Type": "application/json", "Stripe-Signature": header}
        return requests.post(self.url, data=message.encode(), headers=headers, timeout=PATIENCE).status_code

    # === ASKING === #

    def events(self, condition="TRUE"):
        return self.ledger.value(f"SELECT count(*) FROM paylink_event WHERE {condition}")

    def is_paid(self, case):
        return self.link_state(case) == "paid" and self.ledger.residual(case) == 0

    def link_state(self, case):
        return self.ledger.value("SELECT state FROM paylink_link WHERE id = %s", case["links"][0]["id"])

    def until(self, is_so, meanwhile=lambda: None):
        """Return as soon as it is so; ``meanwhile`` is done once a second."""
        end = time.monotonic() + PATIENCE
        due = time.monotonic() + 1
        while not is_so():
            self.assertLess(time.monotonic(), end)
            if time.monotonic() > due:
                meanwhile()
                due = time.monotonic() + 1
            time.sleep(0.02)


class TestReceiving(WebhookCase):
    """No job runs here: what is stored, and who is called."""

    def test_duplicates_at_once(self):
        """Two workers, sixteen times the same message: stored once, acknowledged each time, at once."""
        for _round in range(3):
            message = self.other_message()
            before = self.events()
            started = time.monotonic()
            statuses = at_once(*[partial(self.post, message)] * 16)
            self.assertEqual(set(statuses), {200})
            self.assertLess(time.monotonic() - started, 2)
            self.assertEqual(self.events(), before + 1)

    def test_large_body_is_refused_unread(self):
        """By its length, or, if it does not say that, as soon as it is too long."""

        def chunks():
            for _n in range(64):
                yield b"x" * 65536

        for body, refusals in ((b"x" * (1024 * 1024 + 1), {413}), (chunks(), {400, 411, 413})):
            try:
                answer = requests.post(self.url, data=body, headers={"Stripe-Signature": "t=1"}, timeout=PATIENCE)
            except requests.ConnectionError:
                continue  # the server has closed the connection while we were still sending
            self.assertIn(answer.status_code, refusals)

    def test_event_during_a_run_calls_the_next_one(self):
        """The trigger that a running job has deleted is no trigger anymore, although it can still be seen."""
        self.send(self.other_message())
        self.assertEqual(self.ledger.value(TRIGGERS), 1)
        with self.odoo.connect() as job, job.cursor() as cursor:
            job.autocommit = False
            cursor.execute(f"DELETE FROM ir_cron_trigger WHERE cron_id = ({JOB})")
            self.send(self.other_message())
            self.send(self.other_message())
            job.commit()
        self.assertEqual(self.ledger.value(TRIGGERS), 1)

    def test_job_waits_for_an_event_that_relies_on_its_trigger(self):
        """It deletes the trigger only when the event is committed: so it will see it."""
        self.send(self.other_message())
        message, seen = self.other_message(), []

        def run_job():
            with self.odoo.connect() as job, job.cursor() as cursor:
                cursor.execute(f"DELETE FROM ir_cron_trigger WHERE cron_id = ({JOB})")
                cursor.execute("SELECT event_id FROM paylink_event")
                seen.extend(event_id for (event_id,) in cursor.fetchall())

        self.stops.stop_at("stored")
        sending, job = threading.Thread(target=self.send, args=(message,)), threading.Thread(target=run_job)
        sending.start()
        self.until(lambda: self.stops.stopped_at("stored"))
        job.start()
        self.until(lambda: self.ledger.value(WAITING))
        self.assertFalse(seen)
        self.stops.go_on("stored")
        sending.join()
        job.join()
        self.assertIn(json.loads(message)["id"], seen)


class TestHandling(WebhookCase):
    CRONS = 1
    CASES = [*RECEIVING, *HANDLING, *DISPUTING, *(f"Status{n}" for n in range(STATUS_ROUNDS)), "Both"]

    def test_status_is_seen_within_a_second(self):
        """From the message to the paid link, on an idle server."""
        seconds = []
        for number in range(STATUS_ROUNDS):
            case, messages = self.pay_at_stripe(f"Status{number}")
            time.sleep(1)  # idle
            started = time.monotonic()
            self.send(next(message for message in messages if "checkout.session.completed" in message))
            self.until(lambda case=case: self.is_paid(case))
            seconds.append(time.monotonic() - started)
        self.assertLess(statistics.median(seconds), 1, seconds)

    def test_killed_at_each_step(self):
        """Whoever is killed, wherever: the invoice is reconciled with one payment, and every message has an end."""
        for step in RECEIVING + HANDLING:
            with self.subTest(step):
                case, messages = self.pay_at_stripe(step)
                # Idle, as a new server's jobs are not at first: else the job counts as called already.
                self.until(lambda: not self.ledger.value(TRIGGERS))
                self.send_and_kill(messages, step)
                # Nobody else calls the job after its worker's death but the next message, or the next minute.
                self.until(lambda case=case: self.is_paid(case), lambda: self.send(self.other_message()))
                self.until(lambda: not self.events("state = 'waiting'"), lambda: self.send(self.other_message()))
                self.check_books(case)

    def test_killed_while_a_dispute_is_booked(self):
        """The money is taken out of the books once, with its fee, and exactly that is owed again."""
        for step in DISPUTING:
            with self.subTest(step):
                case, messages = self.pay_at_stripe(step)
                for message in messages:
                    self.send(message)
                self.until(lambda case=case: self.is_paid(case), lambda: self.send(self.other_message()))
                self.until(lambda: not self.events("state = 'waiting'"), lambda: self.send(self.other_message()))
                ((transaction, _state, _payment),) = self.ledger.transactions(case)
                known = len(self.fake.events())
                self.fake.dispute(
                    self.ledger.value(
                        "SELECT paylink_stripe_intent FROM payment_transaction WHERE id = %s", transaction
                    )
                )
                self.until(lambda: not self.ledger.value(TRIGGERS))
                self.send_and_kill([json.dumps(event) for event in self.fake.events()[known:]], step)
                self.until(
                    lambda tx=transaction: self.ledger.rows(DISPUTES, tx) and not self.events("state = 'waiting'"),
                    lambda: self.send(self.other_message()),
                )
                ((withdrawal, fee_move),) = self.ledger.rows(DISPUTES, transaction)
                self.assertTrue(withdrawal and fee_move)
                self.assertEqual((self.ledger.residual(case), self.ledger.open_credit(case)), (100, -100))
                query = "SELECT count(*) FROM account_payment WHERE partner_id = %s AND payment_type = 'outbound'"
                self.assertEqual(self.ledger.value(query, case["partner"]), 1)
                self.assertEqual(self.events("state NOT IN ('done', 'ignored')"), 0)

    def send_and_kill(self, messages, step):
        """Send the messages; kill the process that comes to the step."""
        self.stops.stop_at(step)
        sending = threading.Thread(target=lambda: [self.send(one) for one in messages])
        sending.start()
        try:
            self.until(lambda: self.stops.stopped_at(step))
            self.odoo.kill(self.stops.stopped_at(step))
        finally:
            self.stops.go_on(step)
            sending.join()

    def check_books(self, case):
        # People are told once the books are committed.
        self.until(lambda: not self.ledger.value(UNTOLD), lambda: self.send(self.other_message()))
        ((transaction, state, payment),) = self.ledger.transactions(case)
        self.assertEqual((state, len(self.ledger.payments(transaction))), ("done", 1))
        self.assertTrue(payment)
        self.assertEqual((self.ledger.residual(case), self.ledger.open_credit(case)), (0, 0))
        self.until(lambda: not self.events("state NOT IN ('done', 'ignored')"))  # the last message may be at work
        for subtype in ("mt_link_receipt", "mt_link_paid"):
            self.assertEqual(self.ledger.messages(case["links"][0], subtype), 1)

    def test_page_and_messages_at_once(self):
        """The page asks while the messages are handled: booked once, all the same."""
        case, messages = self.pay_at_stripe("Both")
        page = Payer(self.odoo, self.data, case["links"][0]["token"])
        at_once(*[partial(self.send, message) for message in messages], *[page.status] * 4)
        # The job's worker may have been killed by the test before: what it did not hear, the next message tells.
        self.until(lambda: self.is_paid(case), lambda: (page.status(), self.send(self.other_message())))
        self.until(lambda: not self.events("state = 'waiting'"), lambda: self.send(self.other_message()))
        self.check_books(case)
