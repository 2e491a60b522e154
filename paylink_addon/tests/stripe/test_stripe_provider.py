import logging

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ...models.stripe.const import STRIPE_EVENTS
from ...tools.stripe_client import API_VERSION
from .stripe_common import StripeCommon

SECRETS = ("paylink_stripe_secret_key", "paylink_stripe_webhook_secret", "paylink_stripe_webhook_secret_old")
WEBHOOKS = "/v1/webhook_endpoints"


@tagged("post_install", "-at_install")
class TestStripeProvider(StripeCommon):
    """The provider's form."""

    def test_key_must_fit_the_state(self):
        """A test key takes no real payments, a live key no tests; what to do is said."""
        test, live = self.fake.account.key(), self.fake.account.key(livemode=True)
        cases = [
            ("test", test, None),
            ("enabled", live, None),
            ("enabled", live.replace("sk_", "rk_"), None),
            ("disabled", test, None),
            ("disabled", live, None),
            ("enabled", test, "test key.*sk_live_"),
            ("test", live, "live key.*sk_test_"),
            ("test", "pk_test_123", "start with sk_test_"),
            ("disabled", "hello", "start with sk_test_"),
            ("test", False, "Stripe Secret Key"),
        ]
        for state, key, problem in cases:
            with self.subTest(state=state, key=key):
                self.provider.state = "disabled"
                values = {"state": state, "paylink_stripe_secret_key": key}
                if problem:
                    with self.assertRaisesRegex(ValidationError, problem), self.env.cr.savepoint():
                        self.provider.write(values)
                else:
                    self.provider.write(values)

    def test_key_is_stripped(self):
        self.provider.paylink_stripe_secret_key = f"  {self.fake.account.key()}\n"
        self.assertEqual(self.provider.paylink_stripe_secret_key, self.fake.account.key())

    def test_connect_says_whose_key_it_is(self):
        other = self.fake.add_account("Other Merchant", country="CA")
        self.provider.paylink_stripe_secret_key = other.key()
        self.assertFalse(self.provider.paylink_stripe_account, "of another key nothing is known yet")
        message = self.provider.action_paylink_stripe_connect()["params"]["message"]
        for text in ("Other Merchant", "CA", "test", "Create webhook"):
            self.assertIn(text, message)
        self.assertEqual(self.provider.paylink_stripe_account, other.id)
        self.provider.state = "disabled"
        self.assertIn("Test Mode", self.provider.action_paylink_stripe_connect()["params"]["message"])

    def test_connect_with_a_wrong_key(self):
        self.provider.paylink_stripe_secret_key = "sk_test_wrong"
        with self.assertRaisesRegex(UserError, "refuses the key"):
            self.provider.action_paylink_stripe_connect()
        self.provider.write({"state": "disabled", "paylink_stripe_secret_key": False})
        with self.assertRaisesRegex(UserError, "enter the"):
            self.provider.action_paylink_stripe_connect()

    def test_connect_without_an_answer(self):
        self.fake.fault("503", times=9)
        with self.assertRaisesRegex(UserError, "Try again"):
            self.provider.action_paylink_stripe_connect()

    def _create_webhook(self):
        """Click *Create webhook*, with the commit that it makes.

        :return: the error that the user sees, if any
        """
        self.env.flush_all()
        try:  # assertRaises would take back what was committed
            with self.registry.cursor() as cr:
                self.provider.with_env(self.env(cr=cr)).action_paylink_stripe_create_webhook()
        except UserError as error:
            return str(error)
        finally:
            self.env.invalidate_all()
        return None

    def test_webhook(self):
        """Our events, our version, the company's address; a second one replaces the first, whose secret stays valid."""
        self.company.paylink_base_url = "https://pay.lambert.example/"
        self._create_webhook()
        first = self.provider.paylink_stripe_webhook
        found = self.fake.get(first)
        self.assertEqual(found["url"], f"https://pay.lambert.example/paylink/stripe/webhook/{self.provider.id}")
        self.assertEqual((found["api_version"], set(found["enabled_events"])), (API_VERSION, set(STRIPE_EVENTS)))
        secret = self.provider.paylink_stripe_webhook_secret
        self.assertEqual(self.provider._paylink_stripe_secrets(), (secret,))
        self._create_webhook()
        self.assertNotIn(first, self.fake.realm().objects)
        self.assertIn(self.provider.paylink_stripe_webhook, self.fake.realm().objects)
        self.assertEqual(self.provider._paylink_stripe_secrets(), (self.provider.paylink_stripe_webhook_secret, secret))

    def test_webhook_of_somebody_else_stays(self):
        other = self.provider._paylink_stripe().webhook_create(
            key="other", url="https://shop.example/hook", enabled_events=["*"]
        )
        self._create_webhook()
        self.assertIn(other["id"], self.fake.realm().objects)

    def test_webhook_whose_predecessor_can_not_be_deleted(self):
        """The new secret is committed by then; the next click tidies up."""
        self._create_webhook()
        self.fake.fault("503", "DELETE", "*", times=9)
        self.assertIn("Try again", self._create_webhook())
        self.assertEqual(len(self.fake.realm().all("webhook_endpoint")), 2)
        newest = self.fake.realm().all("webhook_endpoint")[-1]["id"]
        self.assertEqual(self.provider.paylink_stripe_webhook, newest)
        self.fake.abandon_faults()
        self._create_webhook()
        self.assertEqual(len(self.fake.realm().all("webhook_endpoint")), 1)

    def test_webhook_whose_answer_was_lost(self):
        """Its secret is lost with it: it is replaced, and the known one stays valid until then."""
        self._create_webhook()
        secret = self.provider.paylink_stripe_webhook_secret
        self.fake.fault("disconnect_after", "POST", WEBHOOKS, times=3)
        self.assertIn("Try again", self._create_webhook())
        self.assertEqual(self.provider.paylink_stripe_webhook_secret, secret)
        self._create_webhook()
        self.assertEqual(len(self.fake.realm().all("webhook_endpoint")), 1)

    def test_test_event(self):
        """Stripe really sends something, and nobody can pay it."""
        with self.assertRaisesRegex(UserError, "Create webhook"):
            self.provider.action_paylink_stripe_send_test()
        self.listen()
        self.provider.action_paylink_stripe_send_test()
        (event,) = [found for found in self.fake.events() if found["type"] == "checkout.session.expired"]
        self.assertIn("paylink_test", event["data"]["object"]["metadata"])
        self.assertIsNone(event["data"]["object"]["amount_total"], "any amount is too small in some currency")
        self.assertFalse(
            self.env["payment.transaction"]._paylink_stripe_find(self.provider, [event["data"]["object"]])[0]
        )

    def test_secrets_are_for_administrators(self):
        self.listen()
        accountant = self._user("accountant", "account.group_account_manager,paylink_addon.group_payment_manager")
        for name in SECRETS:
            with self.subTest(name), self.assertRaises(AccessError):
                self.provider.with_user(accountant).read([name])
        for action in ("connect", "create_webhook", "send_test"):
            with self.subTest(action), self.assertRaises(AccessError):
                getattr(self.provider.with_user(accountant), f"action_paylink_stripe_{action}")()

    def test_secrets_are_not_copied_nor_exported(self):
        self.listen()
        copy = self.provider.copy()
        for name in SECRETS:
            with self.subTest(name):
                self.assertFalse(copy[name])
                self.assertFalse(self.provider.fields_get([name])[name]["exportable"])

    def test_secrets_are_not_logged(self):
        with self.assertLogs(level=logging.INFO) as logs:
            self._create_webhook()
            self.pay_on_page(self._free_link(10))
        text = "\n".join(logs.output)
        self.assertNotIn(self.provider.paylink_stripe_secret_key, text)
        self.assertNotIn(self.provider.paylink_stripe_webhook_secret, text)
        self.assertNotIn("marie@example.com", text)

    def test_return_address_is_not_logged(self):
        tx = self.start(self._free_link(10))
        with self.assertLogs("werkzeug", level=logging.INFO) as logs:
            self.come_back(tx)
        self.assertIn("/paylink/stripe/return", "\n".join(logs.output))
        self.assertNotIn(tx._paylink_stripe_token(), "\n".join(logs.output))

    def test_reset_credentials(self):
        self.listen()
        self.provider.action_reset_credentials()
        self.assertFalse(self.provider.paylink_stripe_secret_key)
        self.assertEqual(self.provider.state, "disabled")

    def test_what_is_supported(self):
        provider = self.provider
        self.assertTrue(provider.support_tokenization)
        self.assertEqual((provider.support_manual_capture, provider.support_refund), ("partial", "partial"))
        self.assertFalse(provider.available_currency_ids, "the form is not filled with them")
        supported = provider._get_supported_currencies().mapped("name")
        for name in ("EUR", "JPY", "KWD", "ISK", "UGX", "CAD"):
            self.assertIn(name, supported)
        self.assertNotIn("IRR", supported)

    def test_journal_is_not_below_the_currencies(self):
        arch = self.env["payment.provider"].get_view(view_type="form")["arch"]
        self.assertLess(arch.index('name="journal_id"'), arch.index('name="available_currency_ids"'))

    def test_every_company_has_its_provider(self):
        self.assertTrue(self.env.ref("paylink_addon.payment_provider_stripe"))
        main = self.env.ref("base.main_company")
        found = (
            self.env["payment.provider"]
            .sudo()
            .search_count([("code", "=", "stripe_checkout"), ("company_id", "=", main.id)])
        )
        self.assertEqual(found, 1)

    def test_two_companies_with_two_accounts(self):
        """Equal partners, amounts, even Stripe metadata: nothing of the one company reaches the other."""
        other_company = self._create_company(name="Atelier Nord")
        other = self._stripe_provider(other_company)
        account = self.fake.add_account("Second Merchant")
        self._connect(other, account)
        link = self._free_link(10)
        tx = self.pay_on_page(link)
        twin_link = (
            self.env["paylink.link"]
            .with_company(other_company)
            .create({"partner_id": self.marie.id, "amount": 10, "company_id": other_company.id})
        )
        twin_link._issue()
        twin = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "paylink_id": twin_link.id,
                    "provider_id": other.id,
                    "payment_method_id": self.payment_method_id,
                    "amount": 10,
                    "currency_id": twin_link.currency_id.id,
                    "partner_id": self.marie.id,
                    "operation": "online_redirect",
                    "reference": f"{tx.reference}-twin",
                }
            )
        )
        twin._get_processing_values()
        self.checkout(twin)
        self.fake.pay(twin.paylink_stripe_session)
        Transaction = self.env["payment.transaction"]
        session, twin_session = (self.fake.get(one.paylink_stripe_session) for one in (tx, twin))
        self.assertEqual(Transaction._paylink_stripe_find(self.provider, [session, twin_session]), [tx, Transaction])
        self.assertEqual(Transaction._paylink_stripe_find(other, [session, twin_session]), [Transaction, twin])
        self.assertEqual(twin.state, "draft")
        self.come_back(twin)
        self.assertEqual(
            (twin.state, twin.payment_id.company_id, tx.payment_id.company_id),
            (
                "done",
                other_company,
                self.company,
            ),
        )
        customers = self.env["paylink.stripe.customer"].search([("partner_id", "=", self.marie.id)])
        self.assertEqual(customers.company_id, self.company | other_company)
        self.assertEqual(len(set(customers.mapped("customer"))), 2)
