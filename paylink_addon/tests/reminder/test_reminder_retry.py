from datetime import timedelta

from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from ...models.reminder.paylink_reminder_message_deliver import _logger as delivery_logger
from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderRetry(ReminderCommon):
    """What could not be sent is tried again when somebody wants it."""

    def _try_again(self, reminders):
        with self.enter_registry_test_mode():
            reminders.with_user(self.manager).action_retry()

    def _both_channels(self, **values):
        rule = self._rule(days=(3,), **values)
        rule.step_ids.sms_template_id = self.env.ref("paylink_addon.sms_template_reminder_after_1")
        return rule

    def test_one_channel_is_tried_again(self):
        template = self._both_channels().step_ids.mail_template_id
        languages = [template.with_context(lang=lang) for lang in ("en_US", "fr_FR")]
        texts = [template.body_html for template in languages]
        for template in languages:
            template.body_html = '<p><t t-out="object.no_such_field"/></p>'
        invoice = self._due_invoice(3)
        with mute_logger(delivery_logger.name):
            self._remind()
        failed = self._reminders(invoice).filtered(lambda row: row.outcome == "failed")
        self.assertEqual(failed.channel, "email")
        for template, text in zip(languages, texts, strict=True):
            template.body_html = text
        self._try_again(failed)
        self.assertEqual(self._remind().channel, "email")
        self.assertEqual(self._reminders(invoice).mapped("outcome"), ["message", "message"])

    def test_address_that_is_found_is_used_once(self):
        self._both_channels(use_other_channel=False)
        nobody = self._customer("Nobody")
        invoice = self._due_invoice(3, partner=nobody)
        self._remind()
        rows = self._reminders(invoice)
        self.assertEqual(set(rows.mapped("channel")), {"email", "sms"})
        nobody.email = "found@example.com"
        self._try_again(rows.filtered(lambda row: row.channel == "email"))
        self.assertEqual(self._remind().email, "found@example.com")
        self.assertFalse(self._remind())

    def test_tried_again_however_late(self):
        self._rule(days=(3,), use_other_channel=False)
        nobody = self._customer("Nobody")
        invoice = self._due_invoice(3, partner=nobody)
        self._remind()
        self._try_again(self._reminders(invoice))
        self.assertFalse(self._remind(TODAY + timedelta(days=8)), "There is no address yet")
        self.assertEqual((self._reminders(invoice).reason, self._reminders(invoice).is_wanted), ("address", False))
        nobody.email = "found@example.com"
        self._try_again(self._reminders(invoice))
        with freeze_time(f"{TODAY + timedelta(days=20)} 10:00:00"):
            self._run_cron("ir_cron_paylink_remind")
        self.assertEqual(self._reminders(invoice).outcome, "message")

    def test_others_are_not_tried_again(self):
        self._rule(days=(3,), use_other_channel=False)
        nobody = self._customer("Nobody")
        wanted, other = self._due_invoice(3, partner=nobody), self._due_invoice(3, partner=nobody)
        self._remind()
        nobody.email = "found@example.com"
        self._try_again(self._reminders(wanted))
        self.assertEqual(self._remind().reminder_ids.move_id, wanted)
        self.assertEqual(self._reminders(other).reason, "address")

    def test_paid_before_it_is_tried_again(self):
        self._rule(days=(3,), use_other_channel=False)
        nobody = self._customer("Nobody")
        invoice = self._due_invoice(3, partner=nobody)
        self._remind()
        self._try_again(self._reminders(invoice))
        nobody.email = "found@example.com"
        self._pay(self._link(invoice))
        self.assertFalse(self._remind())
        self.assertEqual(self._reminders(invoice).reason, "address", "It stays on record")
