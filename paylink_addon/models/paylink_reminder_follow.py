from markupsafe import Markup
from odoo import api, models
from odoo.tools import SQL

from .paylink_request_sending import FAILED_STATUSES

# How often an e-mail that a mail server did not take is tried in all.
MAX_TRIES = 4
# What the mail server refuses for good: a reply 5xx or a status 5.x.x, not a port or an address. All else may pass.
REFUSED = r"(?:^|[(\s])5[0-57]\d[ ,-]|(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])"  # read by PostgreSQL
NO_ADDRESS = ("mail_email_invalid", "mail_email_missing")
BATCH = 500


class PaylinkReminderFollow(models.Model):
    """What became of the messages: those that a mail server did not take are tried again, then somebody is told."""

    _inherit = "paylink.reminder.message"

    @api.model
    def _follow_deliveries(self):
        """Try again what failed for a reason that may pass; report what did not arrive."""
        failed = self._undelivered()
        again = failed._waiting_mails()
        again.mark_outgoing()
        fates = failed.mail_message_id.notification_ids
        fates.filtered(lambda fate: fate.mail_mail_id in again).notification_status = "ready"
        retried = failed.filtered(lambda message: message.mail_message_id in again.mail_message_id)
        for message in retried:
            message.try_count += 1
        (failed - retried)._report()
        if again:
            self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
        self.env["ir.cron"]._commit_progress(len(failed))

    def _undelivered(self):
        """A batch of those that failed, in sudo mode.

        What is worth another try waits until its company reminds again, but not if it was sent by hand.
        """
        for model in ("mail.notification", "mail.mail", "paylink.reminder.message"):
            self.env[model].flush_model()
        companies = self.env["res.company"].sudo().search([("paylink_reminders", "=", True)])
        query = SQL(
            """
            SELECT DISTINCT message.id
              FROM paylink_reminder_message message
              JOIN mail_notification n ON n.mail_message_id = message.mail_message_id
             WHERE n.notification_status IN ('bounce', 'exception') AND message.is_reported IS NOT TRUE
               AND NOT (message.rule_id IS NOT NULL AND message.company_id NOT IN %s AND message.id IN (%s))
          ORDER BY message.id LIMIT %s
            """,
            tuple(companies._paylink_reminding().ids) or (0,),
            SQL("SELECT message.id FROM %s", self._worth_a_try_sql()),
            BATCH,
        )
        return self.sudo().browse(row[0] for row in self.env.execute_query(query))

    def _worth_a_try_sql(self):
        """The e-mails ``mail`` of a ``message`` worth another try; none has left, else it would not have failed."""
        return SQL(
            """
            paylink_reminder_message message
              JOIN mail_mail mail ON mail.mail_message_id = message.mail_message_id
             WHERE message.channel = 'email' AND message.try_count < %s AND message.is_reported IS NOT TRUE
               AND mail.state = 'exception' AND COALESCE(mail.failure_type, '') NOT IN %s
               AND COALESCE(mail.failure_reason, '') !~ %s
            """,
            MAX_TRIES,
            NO_ADDRESS,
            REFUSED,
        )

    def _waiting_mails(self):
        """The e-mails of these that are worth another try."""
        query = SQL("SELECT mail.id FROM %s AND message.id IN %s", self._worth_a_try_sql(), tuple(self.ids) or (0,))
        return self.env["mail.mail"].sudo().browse(row[0] for row in self.env.execute_query(query))

    def _report(self):
        """Give who is responsible for the rule, or has sent it by hand, the task to look into it."""
        for rule, messages in self.grouped("rule_id").items():
            for user, mine in messages.grouped(lambda message: message.rule_id.user_id or message.create_uid).items():
                worded = mine.with_context(lang=user.lang)
                summary = worded.env._("A reminder was not delivered: the note says why.")
                rule._give_task(mine.customer_id, summary, worded._failure_notes(), user)
        self.is_reported = True

    def _failure_notes(self):
        """Why these were not delivered, by id of customer."""
        labels = dict(self.env["mail.notification"]._fields["failure_type"]._description_selection(self.env))
        notes = {}
        for message in self:
            for fate in message.mail_message_id.notification_ids:
                if fate.notification_status in FAILED_STATUSES:
                    reason = fate.failure_reason or labels.get(fate.failure_type, fate.notification_status)
                    note = Markup("<p>%s: %s</p>") % (fate.mail_email_address or message.recipient, reason[-500:])
                    notes[message.customer_id.id] = notes.get(message.customer_id.id, Markup()) + note
        return notes
