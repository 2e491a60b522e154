"""The fake's page, as a browser uses it, its controls and its command.

Plain unittest: run by `make test`.
"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

import requests
from fake_stripe import FakeStripe
from standalone import EventCase, invoice
from tools.stripe_client import StripeApi

DAY = 86400


class TestPage(EventCase):
    """The page as a browser uses it."""

    def open(self, **values):
        values.setdefault("success_url", "https://merchant.example/back?id={CHECKOUT_SESSION_ID}")
        self.opened = self.session(cancel_url="https://merchant.example/cancel?a=1&b=2", **values)
        return requests.get(self.opened["url"], timeout=5).text

    def click(self, action):
        """Where the browser goes next."""
        answer = requests.post(self.opened["url"], {"action": action}, timeout=5, allow_redirects=False)
        self.assertEqual(answer.status_code, 303)
        return answer.headers["Location"]

    def here(self):
        return requests.get(self.opened["url"], timeout=5).text

    def test_pay(self):
        text = self.open()
        self.assertEqual(
            re.findall(r"value='(\w+)'>", text),
            ["card", "card_declined", "card_no_funds", "card_3ds", "sepa_debit", "klarna"],
        )
        self.assertIn("href='https://merchant.example/cancel?a=1&amp;b=2'", text)
        self.assertIn("50.00 EUR", text)
        self.assertEqual(self.click("card"), f"https://merchant.example/back?id={self.opened['id']}")
        self.assertIn("This session is complete", self.here())
        self.click("card")
        self.assertEqual(len(self.fake.ledger()), 1)

    def test_declined_then_paid(self):
        self.open()
        self.assertEqual(self.click("card_no_funds"), f"/c/pay/{self.opened['id']}")
        self.assertIn("Your card has insufficient funds.", self.here())
        self.assertIn("merchant.example", self.click("card"))

    def test_three_d_secure(self):
        self.open()
        self.click("card_3ds")
        self.assertIn("Complete authentication", self.here())
        self.click("3ds_fail")
        self.assertIn("failed authentication", self.here())
        self.click("card_3ds")
        self.assertIn("merchant.example", self.click("3ds_succeed"))
        self.assertEqual(self.api.session(self.opened["id"])["payment_status"], "paid")

    def test_sepa_and_afterpay(self):
        self.open()
        self.click("sepa_debit")
        self.assertEqual(self.api.session(self.opened["id"])["payment_status"], "unpaid")
        self.assertIn("afterpay_clearpay", self.open(currency="aud"))
        self.click("afterpay_clearpay")
        self.assertEqual(self.api.session(self.opened["id"])["payment_status"], "paid")

    def test_expired(self):
        self.open()
        self.fake.advance(DAY)
        self.assertIn("This session is expired", self.here())
        self.assertEqual(self.click("card"), f"/c/pay/{self.opened['id']}")
        self.assertEqual(self.fake.ledger(), [])

    def test_names_are_escaped(self):
        price = {"currency": "eur", "unit_amount": 100, "product_data": {"name": "<script>alert(1)</script>"}}
        self.assertNotIn("<script>", self.open(line_items=[{"quantity": 1, "price_data": price}]))

    def test_customer_returns_only_after_the_merchant_has_heard(self):
        with FakeStripe(automatic=True) as fake:
            api = StripeApi(fake.secret_key, base=fake.url, retries=0)
            api.webhook_create(key="k1", url=self.receiver.url, enabled_events=["checkout.session.completed"])
            self.opened = api.session_create(key="k2", **invoice())
            self.assertEqual(self.click("card"), "https://merchant.example/back")
            self.assertEqual(self.received_types(), ["checkout.session.completed"])

    def test_setup(self):
        session = self.api.session_create(key=self.key(), mode="setup", currency="eur", success_url="https://m.example")
        self.opened = session
        self.assertIn("Store a payment method", self.here())
        self.click("card_declined")
        self.assertIn("Your card was declined.", self.here())
        self.assertEqual(self.click("card"), "https://m.example")


class TestControls(EventCase):
    def control(self, name, **values):
        answer = requests.post(f"{self.fake.url}/_control/{name}", json=values, timeout=5)
        self.assertEqual(answer.status_code, 200, answer.text)
        return answer.json()

    def view(self, name):
        return requests.get(f"{self.fake.url}/_control/{name}", timeout=5).json()

    def test_a_whole_story_over_http(self):
        session_id = self.session()["id"]
        self.assertEqual(self.control("pay", session_id=session_id, method="sepa_debit")["status"], "complete")
        intent_id = self.view("ledger")[0]["id"]
        self.control("settle", intent_id=intent_id)
        refund = self.control("refund", charge_id=intent_id, amount=1000)
        self.control("fail_refund", refund_id=refund["id"])
        dispute = self.control("dispute", charge_id=intent_id, reason="duplicate")
        self.control("close_dispute", dispute_id=dispute["id"], won=True)
        self.control("pay_payout", payout_id=self.control("payout")["id"])
        self.control("fault", kind="429")
        self.assertEqual(requests.get(f"{self.fake.url}/v1/account", timeout=5).status_code, 429)
        self.assertEqual(self.view("ledger")[0]["net"], 5000 - 35)
        self.assertEqual(self.view("balance"), {"eur": 0})
        self.assertEqual([entry["status"] for entry in self.view("journal")], [200, 200, 429])
        self.assertTrue(all(status == 200 for _type, status in self.control("deliver")))
        self.assertTrue(all(found["due"] is None for found in self.view("deliveries")))

    def test_what_is_no_control(self):
        for name in ("stop", "add_account", "__init__", "secret_key"):
            for request in (requests.get, requests.post):
                self.assertEqual(request(f"{self.fake.url}/_control/{name}", timeout=5).status_code, 404)

    def test_errors_look_like_stripe_s(self):
        headers = {"Authorization": f"Bearer {self.fake.secret_key}", "Stripe-Version": self.fake.api.version}
        answer = requests.get(f"{self.fake.url}/v1/customers/cus_1", headers=headers, timeout=5)
        error = answer.json()["error"]
        self.assertEqual(
            (answer.status_code, error["type"], error["code"]), (404, "invalid_request_error", "resource_missing")
        )
        self.assertTrue(answer.headers["Request-Id"].startswith("req_"))
        self.assertEqual(requests.get(f"{self.fake.url}/v1/customers/cus_1", timeout=5).status_code, 401)
        foreign = {**headers, "Stripe-Account": "acct_other"}
        self.assertEqual(requests.get(f"{self.fake.url}/v1/account", headers=foreign, timeout=5).status_code, 403)
        headers["Idempotency-Key"] = "raw"
        answers = [requests.post(f"{self.fake.url}/v1/customers", headers=headers, timeout=5) for _time in range(2)]
        self.assertEqual([one.headers.get("Idempotent-Replayed") for one in answers], [None, "true"])
        self.assertEqual(answers[0].content, answers[1].content)

    def test_two_fakes_never_use_the_same_id(self):
        with FakeStripe() as other:
            api = StripeApi(other.secret_key, base=other.url, retries=0)
            self.assertNotEqual(self.session()["id"], api.session_create(key="k", **invoice())["id"])

    def test_time_stands_still_on_demand(self):
        with FakeStripe(start=1_800_000_000) as fake:
            api = StripeApi(fake.secret_key, base=fake.url, retries=0)
            self.assertEqual(api.customer_create(key="k")["created"], 1_800_000_000)
            fake.advance(5)
            self.assertEqual(api.customer_create(key="l")["created"], 1_800_000_005)

    def test_command(self):
        folder = Path(__file__).resolve().parents[1] / "paylink_addon/tests/fake_stripe"
        command = [sys.executable, str(folder), "--port", "0", "--account", "shop"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                base, key = (process.stdout.readline().strip().split("=")[1] for _line in range(2))
                self.assertEqual(StripeApi(key, base=base, retries=0).account()["id"], "acct_shop")
            finally:
                process.terminate()


if __name__ == "__main__":
    unittest.main()
