import re

from odoo.tests import tagged

from ..browser_common import PhoneCommon, ToursCommon
from ..card.card_stripe_common import CardStripeCommon
from .autopay_common import AutopayCommon, AutopayMixin


@tagged("post_install", "-at_install")
class TestAutopayTours(PhoneCommon, ToursCommon, AutopayCommon):
    """Automatic payment in a real browser, in French: what an accountant does, and a customer on a phone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager.lang = cls.company.partner_id.lang = "fr_FR"

    def _tour(self, path, name):
        self.browser_size = "1366x768"
        self.start_tour(path, name, login="manager")

    def test_rule_is_made_and_switched_on(self):
        self.company.paylink_autopay = False
        self._due_invoice(late=-5)
        self._tour("/odoo/autopay-rules", "paylink_autopay_rule")
        rule = self.env["paylink.autopay.rule"].search([("company_id", "=", self.company.id)])
        self.assertEqual((rule.name, rule.grouping, rule.user_id), ("Abonnements", "document", self.manager))
        self.assertTrue(self.company.paylink_autopay)

    def test_customer_objects_on_a_phone(self):
        """To one of two charges: the invoice says so, the other one is charged."""
        self._rule(grouping="document")
        first, second = self._due_invoice(late=-5), self._due_invoice(late=-6)
        page = self.env["paylink.autopay.page"]._for_customers(self.marie, self.company, self.manager)
        with self._browse(f"/autopay/{page.access_token}") as evaluate:
            self.assertEqual(evaluate("document.documentElement.lang"), "fr-FR")
            self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390)
            self.assertEqual(evaluate("document.querySelectorAll('form[action$=object]').length"), 2)
            evaluate(
                "[...document.querySelectorAll('.pl-documents li')]"
                f".find((row) => row.textContent.includes('{first.name}')).querySelector('button').click()"
            )
            self._wait(evaluate, "document.querySelector('input[name=sure]') && document.readyState == 'complete'")
            self.assertIn(first.name, evaluate("document.body.textContent"))
            self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390)
            evaluate("document.querySelector('form[action$=object] button').click()")
            self._wait(evaluate, "document.querySelector('.pl-alert') && document.readyState == 'complete'")
            self.assertEqual(evaluate("document.querySelectorAll('form[action$=object]').length"), 1)
        self.assertEqual(self._pick_moves(self._days(6)), second)
        self._tour(f"/odoo/customer-invoices/{first.id}", "paylink_autopay_objection")

    def test_declined_charge_and_its_next_try(self):
        self._rule(retry_other="3")
        self.token.demo_simulated_state = "error"
        invoice = self._due_invoice()
        self._run_rules()
        for job in ("send", "book"):
            self.env.ref(f"paylink_addon.ir_cron_paylink_{job}").method_direct_trigger()
        self.assertEqual((self._row(invoice).decline, self._row(invoice).next_on), ("other", self._days(3)))
        self._tour(f"/odoo/customer-invoices/{invoice.id}", "paylink_autopay_declined")


@tagged("post_install", "-at_install")
class TestAutopayStripeTours(AutopayMixin, PhoneCommon, ToursCommon, CardStripeCommon):
    """What customers do on a phone so that automatic payment goes on: from the message to Stripe's page, and back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_autopay()
        cls.manager.lang = cls.company.partner_id.lang = "fr_FR"

    def setUp(self):
        super().setUp()
        self.company.paylink_base_url = self.base_url()
        self.rule = self._rule()
        self.token = self._stored_by(self._card_request(user_id=self.manager.id))
        self.marie.paylink_autopay = True

    def _address(self, record):
        """Where the customer is led by the e-mail about ``record``."""
        mail = self.env["mail.mail"].sudo().search([("model", "=", record._name), ("res_id", "=", record.id)])
        self.assertEqual(len(mail), 1, "told, once")
        return re.search(rf'href="{re.escape(self.base_url())}(/[^"]*{record.access_token}[^"]*)"', mail.body_html)[1]

    def _fits(self, evaluate):
        self.assertEqual(evaluate("document.documentElement.lang"), "fr-FR")
        self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390)

    def _go_to_stripe(self, evaluate, *buttons):
        """Press the button of our page, then those of Stripe's; wait for the customer's return."""
        for button in (f"{self.PAY}:not(:disabled)", *buttons):
            self._wait(evaluate, f'document.querySelector("{button}")')
            evaluate(f'document.querySelector("{button}").click()')
        self._wait(evaluate, "document.querySelector('.pl-success')")
        self._fits(evaluate)

    def test_customer_confirms_a_charge(self):
        """The bank wants to be sure that it is the customer: the link is there as soon as it has said so."""
        self.fake.set_outcome(self.token.provider_ref, "authentication_required")
        invoice = self._due_invoice()
        self._run_cron("ir_cron_paylink_autopay")
        self._run_cron("ir_cron_paylink_send")
        row = self._row(invoice)
        self.assertEqual((row.decline, row.is_charged), ("authentication", False))
        with self._browse(self._address(row.link_id)) as evaluate:
            self._fits(evaluate)
            self.assertIn("votre banque", evaluate("document.body.innerText").lower())
            self._go_to_stripe(evaluate, "button[value='card_3ds']", "button[value='3ds_succeed']")
        self.assertEqual((invoice.payment_state, row.link_id.state), ("paid", "paid"))
        self.browser_size = "1366x768"
        self.start_tour(f"/odoo/customer-invoices/{invoice.id}", "paylink_autopay_confirmed", login="manager")

    def test_card_that_expires_is_replaced(self):
        """A month before, the customer is asked, once; what is due then is charged to the new card alone."""
        self.company.paylink_card_renewal = "send"
        self.fake.replace_card(self.token.provider_ref, exp_month=self.today.month, exp_year=self.today.year)
        self.deliver_and_handle()
        for _time in range(2):
            self._run_cron("ir_cron_paylink_card_renew")
        request = self.env["paylink.card.request"].search([("replaces_id", "=", self.token.id)])
        with self._browse(self._address(request)) as evaluate:
            self._fits(evaluate)
            evaluate("document.querySelector('input[name=agreed]').click()")
            evaluate("document.querySelector('form[action$=agree] button').click()")
            self._go_to_stripe(evaluate, "button[value='card']")
        self.send_waiting()
        new = request.token_id
        self.assertEqual((request.state, self.token.paylink_profile_status), ("stored", "replaced"))
        self.assertFalse(self.fake.get(self.token.provider_ref)["customer"], "nobody can charge it anymore")
        self.assertEqual((self.marie.paylink_token_id, self.marie.paylink_autopay), (new, True))
        invoice = self._due_invoice()
        self._run_cron("ir_cron_paylink_autopay")
        self._run_cron("ir_cron_paylink_send")
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((invoice.payment_state, self._row(invoice).token_id), ("paid", new))
