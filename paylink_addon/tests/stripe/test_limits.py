from unittest.mock import patch

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.stripe.payment_transaction_checkout import _logger as checkout_logger
from ..fake_stripe import balance
from .stripe_common import StripeCommon


@tagged("post_install", "-at_install")
class TestLimits(StripeCommon):
    """Whether a provider can take an amount in a currency: pages, dialogs and charges all ask the same."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.euro = cls._enable_currency("EUR")
        cls.euro.rate_ids.unlink()
        cls.euro.rate_ids = [Command.create({"rate": 1, "company_id": cls.company.id})]

    def _offered(self, amount, code="EUR", company=None):
        """Whether the page of a link, and Odoo's own search, offer the provider."""
        currency = self._enable_currency(code)
        company = company or self.company
        values = {"company_id": company.id, "bank_account_id": False} if company != self.company else {}
        link = self._free_link(amount, currency_id=currency.id, **values)
        page = self.url_open(f"/pay/{link.access_token}?lang=en_US").text
        native = self.provider._get_compatible_providers(company.id, self.marie.id, amount, currency_id=currency.id)
        offered = 'name="option"' in page
        self.assertEqual(self.provider in native, offered)
        self.assertEqual(self.provider in link._payment_options(amount)[0], offered)
        return offered, page

    def test_what_stripe_takes(self):
        """The least and the most, by currency, and amounts that it can't express; never asked for in vain."""
        cases = [
            ("EUR", 0.30, False),
            ("EUR", 0.49, False),
            ("EUR", 0.50, True),
            ("EUR", 999999.99, True),
            ("EUR", 1000000, False),
            ("GBP", 0.30, True),
            ("GBP", 0.29, False),
            ("JPY", 49, False),
            ("JPY", 50, True),
            ("KWD", 1.23, True),
            ("KWD", 1.005, False),
            ("ISK", 1, True),
            ("CLF", 5, False),
        ]
        for code, amount, offered in cases:
            with self.subTest(code=code, amount=amount):
                self.assertEqual(self._offered(amount, code)[0], offered)
                if offered:
                    self.start(self._free_link(amount, currency_id=self._enable_currency(code).id))

    def test_currency_with_more_decimals_than_stripe(self):
        """Set so in Odoo, or by nature; also where the provider is for all currencies."""
        self.euro.rounding = 0.0001
        self.provider.available_currency_ids = [Command.clear()]
        for code, amount, offered in (("EUR", 12.34, True), ("EUR", 12.3456, False), ("CLF", 7, False)):
            with self.subTest(code=code, amount=amount):
                self.assertEqual(self._offered(amount, code)[0], offered)

    def test_page_says_why(self):
        """In the customer's words, with the transfer where there is an account."""
        cases = [
            (0.30, "Online payment starts at 0.50", "by transfer, as follows"),
            (1000000, "Online payment is possible up to 999,999.99", "by transfer, as follows"),
        ]
        for amount, reason, instead in cases:
            with self.subTest(amount=amount):
                page = self._offered(amount)[1]
                self.assertIn(reason, page.replace("\N{NO-BREAK SPACE}", " "))
                self.assertIn(instead, page)
                self.assertRegex(page, '<details[^>]*open="open"')
        self.bank_account.active = False
        self.assertIn("Please contact us.", self._offered(0.30)[1])

    def test_part_that_is_too_small(self):
        """Typed on the page or sent by a script: the reason, and nothing is asked of Stripe."""
        link = self._free_link(100, currency_id=self.euro.id, allow_partial=True)
        page = self.url_open(f"/pay/{link.access_token}?lang=en_US&amount=0.30").text
        self.assertIn("Online payment starts at", page)
        with self.assertRaisesRegex(UserError, "Online payment starts at"):
            self._attempt(link, 0.30)

    def test_wizard_says_why(self):
        """Before it is sent, for one and for several; what can be paid is sent without a word."""
        small, large = self._invoice(amount=0.30), self._invoice(self.john, amount=100)
        wizard = self._wizard(small)
        self.assertIn("Online payment starts at", wizard.warning)
        self.assertIn("transfer only", wizard.warning)
        warnings = self._wizard(small | large).line_ids.mapped("warning")
        self.assertEqual(["Online payment" in (warning or "") for warning in warnings], [True, False])
        self.bank_account.active = False
        self.assertIn("can't pay this by the link", self._wizard(small).warning)

    def test_send_dialog_of_odoo_says_why(self):
        for amount, told in ((0.30, True), (100, False)):
            with self.subTest(amount=amount):
                wizard = self.env["account.move.send.wizard"].create({"move_id": self._invoice(amount=amount).id})
                wizard.paylink_add_link = False
                self.assertNotIn("paylink_online", wizard.alerts or {})
                wizard.paylink_add_link = True
                self.assertEqual("paylink_online" in (wizard.alerts or {}), told)

    def test_limit_that_only_stripe_knows(self):
        """It settles in a currency with another least: the customer reads that, and the managers are told."""
        link = self._free_link(0.50, currency_id=self.euro.id, partner_id=self.john.id)
        data = {"option": f"{self.provider.id}-{self.payment_method_id}"}
        with patch.dict(balance.MINIMUM, {"eur": 70}), mute_logger(checkout_logger.name):
            page = self.url_open(f"/pay/{link.access_token}/pay", data=data)
        self.assertEqual(page.url, f"{self.base_url()}/pay/{link.access_token}")
        self.assertIn("too small to be paid online", page.text)
        self.assertTrue(link.activity_ids)

    def test_maximum_of_odoo(self):
        """Also that of a parent company's provider, in a branch; the rate of the day counts."""
        self.provider.maximum_amount = 50
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        self.env.user.company_ids += branch
        for company in (self.company, branch):
            for amount, offered in ((50, True), (50.01, False), (0.30, False)):
                with self.subTest(company=company.name, amount=amount):
                    self.assertEqual(self._offered(amount, company.currency_id.name, company)[0], offered)
        self.assertIn("possible up to", self._offered(50.01, self.company.currency_id.name)[1])
        self.euro.rate_ids.rate = 2
        self.assertEqual([self._offered(amount)[0] for amount in (100, 100.01)], [True, False])

    def test_another_provider_takes_it(self):
        """What one can't take the other does: that one is offered, without a word."""
        Provider = self.env["payment.provider"].sudo()
        demo = Provider.search([("code", "=", "demo"), ("company_id", "=", self.company.id)], limit=1)
        demo.is_published = True
        link = self._free_link(0.30, currency_id=self.euro.id)
        self.assertEqual(link._payment_options(0.30)[0], demo)
        self.assertFalse(link._online_problem(0.30))

    def test_stored_method(self):
        """Neither offered to its owner on the page, nor charged from an invoice."""
        token = self._stored()
        link = self._free_link(0.30, partner_id=token.partner_id.id)
        self.assertFalse(link._payment_options(0.30, token.partner_id)[2])
        asked = len(self.requests("POST", "/v1/payment_intents"))
        payment = self._registration(self._invoice(amount=0.30), token)._create_payments()
        charge = payment.payment_transaction_id
        self.assertEqual(charge.state, "error")
        self.assertIn("Online payment starts at", charge.state_message)
        self.assertEqual(len(self.requests("POST", "/v1/payment_intents")), asked)

    def test_documents_that_stripe_cannot_express(self):
        """Two of them together it can: one line for both."""
        kwd = self._enable_currency("KWD")
        invoices = self._invoice(amount=1.005, currency_id=kwd.id) | self._invoice(amount=1.005, currency_id=kwd.id)
        tx = self.start(self._link(invoices))
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["amount_total"], 2010)

    def test_page_costs_no_more_for_limits(self):
        """What is remembered of a provider bears its limits."""
        Provider = self.env["payment.provider"]
        version = Provider._paylink_version()
        options = [self.company.id, self.euro.id, 10, self.marie]
        self.assertEqual(Provider._paylink_option_ids(version, *options)[0], tuple(self.provider.ids))
        with self.assertQueryCount(0):
            Provider._paylink_option_ids(version, *options)
