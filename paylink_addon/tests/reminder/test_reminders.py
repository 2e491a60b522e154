from datetime import timedelta

from odoo import Command
from odoo.tests import freeze_time, tagged

from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminders(ReminderCommon):
    """A run: who gets what, once."""

    def test_customer_gets_one_message_for_all_that_is_due(self):
        self._rule()
        invoices = self._due_invoice(3) + self._due_invoice(12, amount=50.0)
        self._due_invoice(1)
        messages = self._remind()
        self.assertEqual(len(messages), 1)
        self.assertEqual(messages.reminder_ids.move_id, invoices)
        self.assertEqual(messages.step_id.days, 10, "The firmest step gives the tone")
        mail = self._mails(messages)
        self.assertEqual(mail.email_to, "marie@example.com")
        for invoice in invoices:
            self.assertIn(invoice.name, mail.body_html)
        self.assertIn("150,00", mail.body_html)

    def test_nobody_is_reminded_twice_of_the_same(self):
        self._rule()
        invoice = self._due_invoice(3)
        self.assertEqual(len(self._remind()), 1)
        for days in range(7):
            with self.subTest(days=days):
                self.assertFalse(self._remind(TODAY + timedelta(days=days)))
        self.assertEqual(len(self._remind(TODAY + timedelta(days=7))), 1)
        self.assertEqual(self._reminders(invoice).mapped("step_id.days"), [3, 10])

    def test_catching_up_sends_the_latest_and_skips_the_others(self):
        self.company.paylink_reminder_catchup_days = 7
        self._rule(days=(1, 3, 5))
        invoice = self._due_invoice(6)
        messages = self._remind()
        self.assertEqual(messages.step_id.days, 5)
        skipped = self._reminders(invoice).filtered(lambda row: row.outcome == "skipped")
        self.assertEqual(sorted(skipped.mapped("step_id.days")), [1, 3])
        self.assertEqual(set(skipped.mapped("reason")), {"later"})
        self.assertFalse(self._reminders(self._due_invoice(13)), "What is older than a week is not sent")
        self.assertFalse(self._remind())

    def test_what_is_skipped_is_not_sent(self):
        """It counts for nothing: not in numbers of reminders, nor in what was asked for, nor in the list at first."""
        rule = self._rule(days=(1, 3, 5))
        rule.step_ids.sms_template_id = self.env.ref("paylink_addon.sms_template_reminder_after_1")
        term = self._terms((50, 30), (50, 30))
        invoice = self._invoice(
            invoice_date=TODAY - timedelta(days=36), invoice_payment_term_id=term.id, invoice_date_due=False
        )
        unreachable = self._due_invoice(6, partner=self._customer("Nobody"))
        messages = self._remind()
        self.assertEqual(len(messages), 2, "An e-mail and an SMS")
        rows = self.env["paylink.reminder"].search([])
        skipped = rows.filtered(lambda row: row.outcome == "skipped")
        self.assertTrue(skipped & self._reminders(unreachable))
        self.assertEqual(set(skipped.mapped("state")), {"skipped"})
        self.assertTrue(all(row.reason_display for row in skipped))
        records = [rule, invoice, invoice.partner_id, unreachable, unreachable.partner_id]
        counts = [record["reminder_count" if record == rule else "paylink_reminder_count"] for record in records]
        self.assertEqual(counts, [2, 2, 2, 0, 0])
        asked = self.env["paylink.reminder"]._read_group([], [], ["amount_asked:sum"])[0][0]
        self.assertEqual(asked, 2 * invoice.amount_residual)
        for action in (rule.action_view_reminders(), *(one.action_paylink_view_reminders() for one in records[1:])):
            self.assertEqual(action["context"], {"search_default_sent": 1})

    def test_day_that_is_entered_anew_is_over(self):
        """Who deletes a day of a rule and enters it again does not remind everyone again."""
        rule = self._rule(days=(3, 10))
        self._due_invoice(3)
        self.assertEqual(len(self._remind()), 1)
        rule.step_ids.filtered(lambda step: step.days == 3).unlink()
        rule.step_ids = [Command.create({"days": 3}), Command.create({"days": 4})]
        self.assertEqual(self._remind(TODAY + timedelta(days=1)).step_id.days, 4, "A new day is not")
        self.assertFalse(self._remind(TODAY + timedelta(days=2)))

    def test_invoice_that_is_changed_is_the_same(self):
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        self.assertEqual(len(self._remind()), 1)
        invoice.button_draft()
        invoice.invoice_line_ids.price_unit = 80
        invoice.action_post()
        self.assertFalse(self._remind(TODAY + timedelta(days=1)))

    def _change(self, invoice, **values):
        """Reset, change and post the invoice."""
        invoice.button_draft()
        invoice.write(values)
        invoice.action_post()

    def test_who_has_more_time_is_reminded_anew(self):
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        self.assertTrue(self._remind())
        self._change(invoice, invoice_date_due=TODAY + timedelta(days=30))
        for days, count in ((1, 0), (32, 0), (33, 1), (34, 0)):
            with self.subTest(days=days):
                self.assertEqual(len(self._remind(TODAY + timedelta(days=days))), count)

    def test_due_date_that_is_corrected_is_the_same(self):
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        self.assertTrue(self._remind())
        self._change(invoice, invoice_date_due=TODAY - timedelta(days=2))
        self.assertFalse(self._remind(TODAY + timedelta(days=1)))

    def _terms(self, *parts):
        values = [Command.create({"value": "percent", "value_amount": share, "nb_days": days}) for share, days in parts]
        return self.env["account.payment.term"].create({"name": "Parts", "line_ids": values})

    def test_installments_that_are_agreed_on_are_each_reminded(self):
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        self.assertTrue(self._remind())
        self._change(invoice, invoice_payment_term_id=self._terms((30, 60), (30, 90), (40, 120)).id)
        for item in self._items(invoice).sorted("date_maturity"):
            with self.subTest(due=item.date_maturity):
                self.assertEqual(len(self._remind(item.date_maturity + timedelta(days=3))), 1)

    def test_installments_that_become_one_are_not_reminded_again(self):
        """What was said of an item that is gone stays on record."""
        self._rule(days=(3,))
        invoice = self._invoice(
            invoice_date=TODAY - timedelta(days=33),
            invoice_payment_term_id=self._terms((50, 30), (50, 60)).id,
            invoice_date_due=False,
        )
        self.assertTrue(self._remind())
        self._change(invoice, invoice_payment_term_id=False, invoice_date_due=TODAY - timedelta(days=2))
        self.env.invalidate_all()
        self.assertTrue(self._reminders(invoice))
        self.assertFalse(self._remind(TODAY + timedelta(days=1)))

    def test_run_as_the_scheduler_does(self):
        self._rule(include_link=True)
        invoice = self._due_invoice(3)
        with freeze_time(f"{TODAY} 10:00:00"):
            self._run_cron("ir_cron_paylink_remind")
        reminder = self._reminders(invoice)
        self.assertEqual((reminder.outcome, reminder.state, reminder.channel), ("message", "queued", "email"))
        link = reminder.paylink_ids
        self.assertEqual((link.amount, link.state, link.line_ids.move_id), (100, "open", invoice))
        self.assertIn(link.url, self._mails(reminder.message_id).body_html)
