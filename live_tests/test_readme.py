"""The provider section of the README, step by step, from a database in which nothing of ours is installed."""

import contextlib
import re
import time
import unittest

import requests
from fake_stripe import FakeStripe
from support import CONFLICTS, Ledger, log_in

from dev.live import fresh_database, running_server
from dev.odoo import base_modules

PATIENCE = 120
BUSY = "currently processing a scheduled action"
# While it installs: jobs wait; those that are called at its end may come to a worker that does not know our models yet.
INSTALLING = ["because of modules to install", r"KeyError: 'paylink\."]
# And what the server says of the key that it refuses, and of an idle job of Odoo's own.
EXPECTED = [*CONFLICTS, "this is a live key", "processed no record", BUSY, "could not obtain lock", *INSTALLING]
# Which fields of the provider's form an administrator sees after each step.
FORM = ["state", "is_published", "paylink_stripe_account_name", "paylink_event_last", "paylink_stripe_webhook"]


class TestReadme(unittest.TestCase):
    """What an administrator clicks, in the order of the README; each step as the web client sends it."""

    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.fake = stack.enter_context(FakeStripe(automatic=True))
        database = stack.enter_context(fresh_database("readme", modules=base_modules()))
        environment = {"PAYLINK_STRIPE_API_BASE": cls.fake.url}
        cls.odoo = stack.enter_context(running_server(database, crons=1, env=environment, expected=EXPECTED))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        cls.admin = log_in(cls.odoo)

    def search(self, model, *domain, **options):
        return self.admin.call(model, "search", [list(domain)], **options)

    def click(self, model, record_id, method):
        """Press a button; the text of the notification."""
        result = self.admin.call(model, method, [[record_id]])
        return result["params"]["message"] if isinstance(result, dict) and "params" in result else result

    def until(self, is_so):
        end = time.monotonic() + PATIENCE
        while not is_so():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)

    # === THE STEPS === #

    def test_from_a_blank_database_to_a_paid_link(self):
        self.install()
        provider = self.enter_key()
        self.assertIn("Fake Merchant", self.click("payment.provider", provider, "action_paylink_stripe_connect"))
        self.create_webhook(provider)
        self.send_a_test_event(provider)
        self.publish(provider)
        self.pay_a_link()

    def install(self):
        """Apps → Update the list → Paylink → Install."""
        self.admin.call("ir.module.module", "update_list", [])
        (module,) = self.search("ir.module.module", ["name", "=", "paylink_addon"])
        self.until(lambda: self.is_installed(module))
        self.admin = log_in(self.odoo)

    def is_installed(self, module):
        """Odoo installs nothing while a scheduled action runs: it says that one should try again later."""
        try:
            self.admin.call("ir.module.module", "button_immediate_install", [[module]])
        except AssertionError as error:
            if BUSY not in str(error):
                raise
            return False
        return True

    def enter_key(self):
        """Payment Providers → Stripe Checkout: the key and the mode, saved; a key of the other kind is refused."""
        (provider,) = self.search("payment.provider", ["code", "=", "stripe_checkout"])
        live = {"paylink_stripe_secret_key": self.fake.account.key(livemode=True), "state": "test"}
        with self.assertRaisesRegex(AssertionError, "live key"):
            self.admin.call("payment.provider", "web_save", [[provider], live], specification={"id": {}})
        values = {"paylink_stripe_secret_key": self.fake.secret_key, "state": "test"}
        self.admin.call("payment.provider", "web_save", [[provider], values], specification={"id": {}})
        return provider

    def create_webhook(self, provider):
        """The address that customers and Stripe see comes from the settings."""
        settings = self.admin.call("res.config.settings", "create", [{"paylink_base_url": self.odoo.url}])
        self.admin.call("res.config.settings", "execute", [[settings]])
        for _click in range(2):  # again replaces it
            self.click("payment.provider", provider, "action_paylink_stripe_create_webhook")
            (endpoint,) = self.fake.realm().all("webhook_endpoint")
            self.assertEqual(endpoint["url"], f"{self.odoo.url}/paylink/stripe/webhook/{provider}")

    def send_a_test_event(self, provider):
        """It really arrives, and the form says when."""
        self.click("payment.provider", provider, "action_paylink_stripe_send_test")
        self.until(lambda: self.ledger.value("SELECT count(*) FROM paylink_event WHERE state = 'ignored'"))
        (form,) = self.admin.call("payment.provider", "read", [[provider], FORM])
        self.assertTrue(form["paylink_event_last"] and form["paylink_stripe_webhook"])
        self.assertEqual((form["paylink_stripe_account_name"], form["is_published"]), ("Fake Merchant", False))

    def publish(self, provider):
        """Configuration: the journal; then the button *Published*."""
        (journal, *_others) = self.search("account.journal", ["type", "=", "bank"])
        self.admin.call("payment.provider", "web_save", [[provider], {"journal_id": journal}], specification={"id": {}})
        self.click("payment.provider", provider, "action_toggle_is_published")

    def pay_a_link(self):
        """An invoice, *Send collection link*, the customer's page, Stripe's page; and the invoice is paid."""
        values = {"name": "Marie Dubois", "email": "marie@example.com"}
        customer = self.admin.call("res.partner", "create", [values])
        line = [0, 0, {"name": "Work", "price_unit": 100, "tax_ids": [[6, 0, []]]}]
        values = {"move_type": "out_invoice", "partner_id": customer, "invoice_line_ids": [line]}
        invoice = self.admin.call("account.move", "create", [values])
        self.admin.call("account.move", "action_post", [[invoice]])
        opened = {"active_model": "account.move", "active_ids": [invoice]}
        wizard = self.admin.call("paylink.send", "create", [{}], context=opened)
        self.admin.call("paylink.send", "action_send", [[wizard]], context=opened)
        (link,) = self.admin.call("paylink.link", "search_read", [[], ["url", "state"]])
        self.assertTrue(link["url"].startswith(f"{self.odoo.url}/pay/"))
        customer = requests.Session()
        page = customer.post(self.leave_for_stripe(customer, link["url"]), {"action": "card"}, timeout=PATIENCE)
        self.assertTrue(page.url.startswith(link["url"]), "Stripe has led back")
        self.until(lambda: self.ledger.value("SELECT state FROM paylink_link WHERE id = %s", link["id"]) == "paid")
        query = "SELECT payment_state, amount_residual FROM account_move WHERE id = %s"
        ((state, residual),) = self.ledger.rows(query, invoice)
        self.assertEqual((state in ("paid", "in_payment"), float(residual)), (True, 0))
        self.until(lambda: not self.ledger.value("SELECT count(*) FROM paylink_event WHERE state = 'waiting'"))
        self.assertFalse(self.ledger.value("SELECT count(*) FROM paylink_event WHERE state NOT IN ('done', 'ignored')"))

    def leave_for_stripe(self, customer, url):
        """Press *Pay*; the address of Stripe's page."""
        page = customer.get(url, timeout=PATIENCE).text
        fields = dict(re.findall(r'name="(option|shown)" value="([^"]+)"', page))
        return customer.post(f"{url}/pay", fields, allow_redirects=False, timeout=PATIENCE).headers["Location"]
