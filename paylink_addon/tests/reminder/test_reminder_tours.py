from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from ..browser_common import ToursCommon
from .reminder_common import ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderTours(ToursCommon, ReminderCommon):
    """What an administrator and an accountant do about reminders, in a real browser, in French."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager.lang = "fr_FR"

    def _late_invoice(self, days=3):
        due = fields.Date.today() - timedelta(days=days)
        return self._invoice(invoice_date=due - timedelta(days=30), invoice_date_due=due)

    def test_make_a_rule(self):
        self.patch(type(self.env["paylink.reminder.rule"]), "_can_make_pdf", lambda _rules: True)
        self.start_tour("/odoo/reminder-rules", "paylink_reminder_rule", login="manager")
        rule = self.env["paylink.reminder.rule"].search([("company_id", "=", self.company.id)])
        self.assertEqual(rule.step_ids.mapped("days"), [3, 10, 30])
        self.assertEqual(rule.step_ids.mapped("tone"), ["1", "2", "3"])
        supplied = [self.env.ref(f"paylink_addon.mail_template_reminder_after_{tone}") for tone in "123"]
        self.assertEqual(list(rule.step_ids.mapped("mail_template_id")), supplied)
        self.assertEqual((rule.customer_mode, rule.partner_ids), ("except", self.john))
        self.assertEqual((rule.memo_mode, rule.memo_text, rule.autopay), ("ignore", "#sans-rappel", "without"))
        self.assertEqual((rule.all_terms, len(rule.term_ids)), (False, 1))
        self.assertEqual((rule.attach_pdf, rule.attach_files, rule.email_bcc), (True, True, "chef@example.com"))

    def test_list_of_rules(self):
        rule = self._rule()
        self.start_tour("/odoo/reminder-rules", "paylink_reminder_rule_list", login="manager")
        rules = self.env["paylink.reminder.rule"].with_context(active_test=False)
        self.assertEqual(rules.search([("company_id", "=", self.company.id)]), rule)
        self.assertFalse(rule.active)

    def test_switch_of_a_manager(self):
        self._user("only.manager", "paylink_addon.group_payment_manager", lang="fr_FR")
        self._rule()
        self.start_tour("/odoo/reminder-rules", "paylink_reminder_switch", login="only.manager")
        self.assertTrue(self.company.paylink_reminders)

    def test_preview(self):
        self._rule(days=(3,))
        self._late_invoice()
        self.start_tour(
            "/odoo/action-paylink_addon.paylink_reminder_preview_action", "paylink_reminder_preview", login="manager"
        )

    def test_promise_and_look_up(self):
        self._rule(days=(3,))
        invoice = self._late_invoice()
        self.start_tour(f"/odoo/customer-invoices/{invoice.id}", "paylink_reminder_invoice", login="manager")
        hold = self.env["paylink.reminder.hold"].search([])
        self.assertEqual((hold.kind, hold.move_id, hold.user_id), ("promise", invoice, self.manager))

    def test_send_a_reminder_now(self):
        invoice = self._late_invoice()
        self.start_tour(f"/odoo/customer-invoices/{invoice.id}", "paylink_reminder_now", login="manager")
        self.assertEqual(self._reminders(invoice).outcome, "message")
