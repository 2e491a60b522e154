import json
import time

from odoo.tests import tagged

from .event_common import NO_SECRET, EventCommon

MEGABYTE = 1024 * 1024


@tagged("post_install", "-at_install")
class TestEventReceiving(EventCommon):
    """The webhook: what is not signed leaves no trace, what is signed is stored once."""

    def test_signatures(self):
        """Everything but a fresh signature with a secret in use is refused, and nothing is stored."""
        event = self.event()
        body = json.dumps(event)
        right, wrong = self.sign(body), self.sign(body, "whsec_other")
        stamp, signature = right.split(",")
        now = int(time.time())
        refused = {
            "another secret": wrong,
            "missing": NO_SECRET,
            "empty": "",
            "no scheme": signature.removeprefix("v1="),
            "only the test mode's": f"{stamp},v0={signature.removeprefix('v1=')}",
            "no time": signature,
            "other time": f"t={now - 1},{signature}",
            "time is a word": f"t=now,{signature}",
            "stale": self.sign(body, stamp=now - 301),
            "from the future": self.sign(body, stamp=now + 330),
            "not ASCII": f"{right},v1=é",
            "signature of another body": self.sign(body + " "),
        }
        for case, header in refused.items():
            with self.subTest(case):
                self.assertEqual(self.send(body, header).status_code, 400)
        self.assertFalse(self.stored())
        second = f"{stamp},v1={'0' * 64},{signature}"
        first = f"{stamp},{signature},v1={'0' * 64}"
        old_but_fresh = self.sign(body, stamp=now - 280)
        for case, header in {"right one last": second, "right one first": first, "just fresh": old_but_fresh}.items():
            with self.subTest(case):
                self.assertEqual(self.send(body, header).status_code, 200)
        self.assertEqual(self.stored().mapped("event_id"), [event["id"]])

    def test_altered_message(self):
        body = json.dumps(self.event(amount=100))
        header = self.sign(body)
        self.assertEqual(self.send(body.replace("100", "900"), header).status_code, 400)
        self.assertEqual(self.send(body + "\n", header).status_code, 400)
        self.assertFalse(self.stored())

    def test_signed_nonsense(self):
        """Whoever has the secret is Stripe; what can't be stored is refused all the same, not an error."""
        nonsense = [
            "",
            "null",
            "[]",
            "{",
            '{"object": "event"}',
            '{"id": 5, "object": "event"}',
            json.dumps({"id": "evt_1", "object": "payment_intent"}),
            json.dumps(self.event() | {"data": None}),
            json.dumps(self.event() | {"data": {"object": []}}),
            json.dumps(self.event(obj={"object": "charge", "amount": float("nan")})),
        ]
        for body in nonsense:
            with self.subTest(body):
                self.assertEqual(self.send(body).status_code, 400)
        self.assertFalse(self.stored())

    def test_what_postgresql_can_not_store_is_replaced(self):
        event = self.event(obj={"object": "charge", "id": "ch_\0", "metadata": {"a\0": "\ud83d"}}, type="a\0.b")
        self.assertEqual(self.send(event).status_code, 200)
        self.assertEqual(self.stored().payload["object"]["metadata"], {"a\ufffd": "\ufffd"})

    def test_secrets_in_rotation(self):
        """Both are valid while one replaces the other; once emptied, the old one is not."""
        old, new = self.secret, "whsec_new"
        self.provider.write({"paylink_stripe_webhook_secret": new, "paylink_stripe_webhook_secret_old": old})
        for secret, status in ((old, 200), (new, 200), ("whsec_older", 400)):
            body = json.dumps(self.event())
            with self.subTest("rotating", secret=secret):
                self.assertEqual(self.send(body, self.sign(body, secret)).status_code, status)
        self.provider.paylink_stripe_webhook_secret_old = False
        for secret, status in ((old, 400), (new, 200)):
            body = json.dumps(self.event())
            with self.subTest("rotated", secret=secret):
                self.assertEqual(self.send(body, self.sign(body, secret)).status_code, status)

    def test_secrets_are_remembered(self):
        """Until one changes; what ids strangers make up is not."""
        Provider, asked = type(self.provider), []
        read = Provider._paylink_stripe_secrets

        def spy(provider):
            asked.append(provider)
            return read(provider)

        self.patch(Provider, "_paylink_stripe_secrets", spy)
        self.provider.paylink_stripe_webhook_secret = self.secret
        for _time in range(3):
            self.assertEqual(self.send(self.event()).status_code, 200)
        self.assertEqual(len(asked), len(self.provider.search([("code", "=", self.provider.code)])))
        for made_up in (10**6, 10**6 + 1):
            self.send(self.event(), provider=made_up)
        self.assertNotIn(10**6, self.provider._paylink_cached_secrets())
        other = self.provider.copy({"company_id": self.company.id})
        other.paylink_stripe_webhook_secret = "whsec_other"
        self.assertEqual(self.provider._paylink_cached_secrets()[other.id], ("whsec_other",))
        other.unlink()
        self.assertNotIn(other.id, self.provider._paylink_cached_secrets())

    def test_without_secret_everything_is_refused(self):
        for secret in (False, " "):
            self.provider.paylink_stripe_webhook_secret = secret
            body = json.dumps(self.event())
            for key in ("whsec_", " ", self.secret):
                with self.subTest(secret=secret, key=key):
                    self.assertEqual(self.send(body, self.sign(body, key)).status_code, 400)
        self.assertFalse(self.stored())

    def test_providers_do_not_mix(self):
        """The secret of one opens no other; what is no provider of Stripe's is none."""
        other = self.provider.copy({"company_id": self.company.id})
        other.paylink_stripe_webhook_secret = "whsec_other"
        demo = self.env["payment.provider"].search([("code", "=", "demo")], limit=1)
        cases = [(other, 400), (demo, 404), (2**31 - 1, 404), (2**31, 404), (10**30, 404), (0, 404)]
        for provider, status in cases:
            with self.subTest(provider):
                self.assertEqual(self.send(self.event(), provider=provider).status_code, status)
        self.assertFalse(self.stored())

    def test_large_body(self):
        """More than a mebibyte is refused before it is read; a little less is taken."""
        for size, status in ((MEGABYTE + 1, 413), (5 * MEGABYTE, 413), (MEGABYTE, 200)):
            event = self.event(obj={"object": "balance", "padding": ""})
            event["data"]["object"]["padding"] = "x" * (size - len(json.dumps(event)))
            with self.subTest(size):
                self.assertEqual(self.send(event).status_code, status)
        self.assertEqual(len(self.stored()), 1)

    def test_other_methods(self):
        url = f"/paylink/stripe/webhook/{self.provider.id}"
        for method in ("GET", "PUT", "DELETE"):
            with self.subTest(method):
                self.assertEqual(self.url_open(url, method=method).status_code, 405)

    def test_what_is_stored(self):
        event = self.event(
            "payment_intent.succeeded",
            {"object": "payment_intent", "id": "pi_1", "amount": 100, "receipt_email": "marie@example.com"},
            account="acct_1",
            livemode=True,
            api_version="2020-01-01",
            created=1700000000,
        )
        self.send(event)
        stored = self.stored()
        expected = {
            "event_id": event["id"],
            "type": "payment_intent.succeeded",
            "object_id": "pi_1",
            "object_key": "pi_1",
            "account": "acct_1",
            "is_live": True,
            "api_version": "2020-01-01",
            "state": "waiting",
            "try_count": 0,
        }
        self.assertEqual({name: stored[name] for name in expected}, expected)
        self.assertEqual(str(stored.created_at), "2023-11-14 22:13:20")
        self.assertEqual(stored.payload, {"object": {"object": "payment_intent", "id": "pi_1", "amount": 100}})

    def test_duplicates_are_acknowledged_and_stored_once(self):
        event = self.event()
        for _time in range(3):
            self.assertEqual(self.send(event).status_code, 200)
        self.assertEqual(len(self.stored()), 1)
        self.run_job()
        self.send(event)
        self.assertEqual(self.stored().mapped("state"), ["ignored"])

    def test_one_id_of_two_accounts(self):
        """Ids are unique within an account."""
        other = self.provider.copy({"company_id": self.company.id})
        other.paylink_stripe_webhook_secret = "whsec_other"
        event = self.event()
        self.send(event)
        self.send(event, self.sign(json.dumps(event), "whsec_other"), provider=other)
        self.assertEqual(self.stored().provider_id, self.provider | other)

    def test_the_job_is_called_once(self):
        """However many events wait, one trigger is enough; a duplicate needs none, nor does a job that is off."""
        job = self.env.ref("paylink_addon.ir_cron_paylink_handle_events")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", job.id)])
        triggers.unlink()
        event = self.event()
        for sent in (event, self.event(), self.event(), event):
            self.send(sent)
        self.assertEqual(triggers.search_count([("cron_id", "=", job.id)]), 1)
        triggers.search([("cron_id", "=", job.id)]).unlink()  # as the job does when it starts
        self.send(event)
        self.assertEqual(triggers.search_count([("cron_id", "=", job.id)]), 0)
        job.active = False
        self.send(self.event())
        self.assertEqual(triggers.search_count([("cron_id", "=", job.id)]), 0)

    def test_no_call_leaves_the_request(self):
        """Not even to Stripe."""
        before = len(self.fake.journal())
        tx = self.start(self._free_link())
        self.fake.pay(tx.paylink_stripe_session)
        asked = len(self.fake.journal())
        self.assertGreater(asked, before)
        self.assertEqual({status for _type, status in self.deliver()}, {200})
        self.assertEqual(len(self.fake.journal()), asked)
