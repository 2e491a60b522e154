from odoo.tests import tagged

from ..browser_common import PhoneCommon, ToursCommon
from .autopay_common import AutopayCommon


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
