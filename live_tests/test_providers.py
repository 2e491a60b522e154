"""Each of Odoo's providers that works here without an account pays a link, for a customer without scripts."""

import base64
import contextlib
import hmac
import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from fake_stripe import FakeStripe
from lxml import html
from support import CONFLICTS, TIMEOUT, Ledger, Payer, log_in, server, with_addon

# What Odoo signs for Redsys with is called by its old name.
EXPECTED = [*CONFLICTS, r"TripleDES has been moved"]
SECRET = base64.b64encode(b"twenty-four bytes exactly"[:24]).decode()
SCRIPT = """
def enabled(code, **values):
    provider = env["payment.provider"].search([("code", "=", code), ("company_id", "=", company.id)], limit=1)
    provider.write({{"journal_id": journal.id, "is_published": True, **values}})
    provider.state = "test" if code != "custom" else "enabled"
    provider.payment_method_ids[:1].active = True
    return f"{{provider.id}}-{{provider.payment_method_ids[:1].id}}"

journal = demo_data.bank_journal(env, company)
options = {{
    "stripe_checkout": enabled("stripe_checkout", paylink_stripe_secret_key="{key}"),
    "custom": enabled("custom"),
    "redsys": enabled(
        "redsys", redsys_merchant_code="999008881", redsys_merchant_terminal="1", redsys_secret_key="{secret}"
    ),
    "demo": f"{{provider.id}}-{{provider.payment_method_ids[:1].id}}",
}}
env["payment.provider"].search([("code", "=", "stripe_checkout")]).paylink_stripe_account = "{account}"
env.ref("base.user_admin").group_ids |= env.ref("account.group_account_user")
done({{"options": options, "journal": journal.id, **{{code: case(code.title()) for code in options}}}})
"""


class FakeRedsys(BaseHTTPRequestHandler):
    """Redsys' page: takes the payment of whoever comes with a form that is signed as Redsys says, and leads back."""

    def do_POST(self):
        """Every customer pays at once."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        (encoded,), (signature,) = form["Ds_MerchantParameters"], form["Ds_Signature"]
        asked = json.loads(base64.b64decode(encoded))
        order = asked["DS_MERCHANT_ORDER"]
        if not hmac.compare_digest(signature, sign(encoded, order)):
            self.send_error(403)
            return
        answer = {"Ds_Order": order, "Ds_Amount": asked["DS_MERCHANT_AMOUNT"], "Ds_Response": "0000"}
        answer["Ds_Currency"] = asked["DS_MERCHANT_CURRENCY"]
        said = base64.b64encode(json.dumps(answer).encode()).decode()
        query = urlencode({"Ds_MerchantParameters": said, "Ds_Signature": sign(said, order)})
        self.send_response(303)
        self.send_header("Location", f"{asked['DS_MERCHANT_URLOK']}?{query}")
        self.end_headers()

    def log_message(self, *_args):
        """Nothing."""


def sign(parameters, order):
    """The signature that Redsys' documentation asks for."""
    cipher = Cipher(TripleDES(base64.b64decode(SECRET)), modes.CBC(bytes(8))).encryptor()
    key = cipher.update(order.encode().ljust(16, b"\0")) + cipher.finalize()
    return base64.urlsafe_b64encode(hmac.digest(key, parameters.encode(), "sha256")).decode()


class Customer(Payer):
    """One whose browser runs no scripts: what it sends are the forms of the pages it is shown."""

    def choose(self, option):
        """Choose on the page how to pay, and press *Pay*: the answer, wherever that leads."""
        page = self.get()
        form = next(form for form in html.fromstring(page.content).forms if form.get("class") == "pl-pay")
        offered = {box.get("value") for box in form.xpath(".//input[@name='option']")}
        if option not in offered:
            raise AssertionError(f"{option} is not among {offered}")
        return self.send(page, form, option=option)

    def send(self, page, form=None, **values):
        """Send the form (by default the only one) of a page."""
        form = html.fromstring(page.content).forms[-1] if form is None else form
        action = urljoin(page.url, form.get("action") or page.url)
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        return self.session.post(action, data={**dict(form.form_values()), **values}, headers=headers, timeout=TIMEOUT)


class TestProviders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.fake = stack.enter_context(FakeStripe())
        redsys = ThreadingHTTPServer(("127.0.0.1", 0), FakeRedsys)
        stack.callback(redsys.server_close)
        stack.callback(redsys.shutdown)
        threading.Thread(target=redsys.serve_forever, daemon=True).start()
        environment = {
            "PAYLINK_STRIPE_API_BASE": cls.fake.url,
            "PAYLINK_REDSYS": f"http://127.0.0.1:{redsys.server_port}/sis/realizarPago",
        }
        account = cls.fake.account
        script = SCRIPT.format(key=account.key(), account=account.id, secret=SECRET)
        options = with_addon("live_redsys_here")
        modules = ["payment_custom", "payment_redsys"]
        cls.odoo, cls.data = stack.enter_context(
            server("providers", script, EXPECTED, env=environment, options=options, modules=modules)
        )
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        # Providers lead back to the address that Odoo knows of: that of the administrator's first visit.
        cls.admin = log_in(cls.odoo)

    def customer(self, code):
        return Customer(self.odoo, self.data, self.data[code]["links"][0]["token"])

    def check_paid(self, code, customer):
        """The page says so, and the books know it, once."""
        self.assertEqual(customer.status()["state"], "paid")
        page = customer.get()
        self.assertIn('data-view="paid"', page.text)
        self.assertEqual(self.ledger.residual(self.data[code]), 0)
        self.assertEqual(self.ledger.open_credit(self.data[code]), 0)
        done = [payment for _id, state, payment in self.ledger.transactions(self.data[code]) if state == "done"]
        self.assertEqual(len(done), 1)

    def test_stripe_checkout(self):
        """One redirect leads to Stripe's page, and that leads back."""
        customer = self.customer("stripe_checkout")
        page = customer.choose(self.data["options"]["stripe_checkout"])
        self.assertTrue(page.url.startswith(f"{self.fake.url}/c/pay/"), page.url)
        self.assertEqual([answer.status_code for answer in page.history], [303])
        back = customer.send(page, action="card")
        self.assertEqual(urlsplit(back.url).path, urlsplit(customer.page).path)
        self.check_paid("stripe_checkout", customer)

    def test_redirecting_provider(self):
        """The provider's own form leads to its page: it is sent by a button."""
        customer = self.customer("redsys")
        leaving = customer.choose(self.data["options"]["redsys"])
        self.assertEqual(leaving.status_code, 200)
        self.assertIn("form-action 'self' https:", leaving.headers["Content-Security-Policy"])
        back = customer.send(leaving)
        self.assertEqual(urlsplit(back.url).path, urlsplit(customer.page).path)
        self.check_paid("redsys", customer)

    def test_wire_transfer(self):
        """It is announced; the page says how to transfer it, and the line of the bank pays it."""
        customer, case = self.customer("custom"), self.data["custom"]
        page = customer.choose(self.data["options"]["custom"])
        self.assertEqual(urlsplit(page.url).path, urlsplit(customer.page).path)
        ((_id, state, payment),) = self.ledger.transactions(case)
        self.assertEqual((state, payment, customer.status()["state"]), ("pending", None, "open"))
        reference = self.ledger.value(
            "SELECT reference FROM payment_transaction WHERE paylink_id = %s", case["links"][0]["id"]
        )
        self.assertIn(reference, page.text)
        line = {"journal_id": self.data["journal"], "payment_ref": f"VIR {reference}", "amount": case["amount"]}
        self.admin.call("account.bank.statement.line", "create", [[line]])
        self.check_paid("custom", customer)

    def test_provider_with_fields(self):
        """Its form is on a page of its own, with Odoo's scripts: what they send pays the link."""
        customer, case = self.customer("demo"), self.data["demo"]
        page = customer.choose(self.data["options"]["demo"])
        self.assertIn("method=", urlsplit(page.url).query)
        self.assertIn("o_payment_form", page.text)
        customer.confirm(customer.start(case["amount"]))
        self.check_paid("demo", customer)
