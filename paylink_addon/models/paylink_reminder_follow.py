import re

from odoo import api, models
from odoo.tools import SQL

# How often an e-mail that a mail server did not take is tried in all.
MAX_TRIES = 4
# What the mail server refuses for good: a reply 5xx or a status 5.x.x, not a port or an address. All else may pass.
REFUSED = re.compile(r"(?:^|[(\s])5[0-57]\d[ ,-]|(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])")
NO_ADDRESS = ("mail_email_invalid", "mail_email_missing")
BATCH = 500


class PaylinkReminderFollow(models.Model):
    """What became of the messages: those that a mail server did not take are tried again, then somebody is told."""

    _inherit = "paylink.reminder.message"

    @api.model
    def _follow_deliveries(self):
        """Try again what failed for a reason that may pass; report what did not arrive."""
        self.env["mail.notification"].flush_model()
        query = SQL(
            """
            SELECT DISTINCT message.id
              FROM paylink_reminder_message message
              JOIN mail_notification n ON n.mail_message_id = message.mail_message_id
             WHERE n.notification_status IN ('bounce', 'exception') AND message.is_reported IS NOT TRUE
          ORDER BY message.id LIMIT %s
            """,
            BATCH,
        )
        failed = self.sudo().browse(row[0] for row in self.env.execute_query(query))
        again = failed._waiting_mails()
        failed -= failed._out_of_hours(again)
        again = again.filtered(lambda mail: mail.mail_message_id in failed.mail_message_id)
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

    def _out_of_hours(self, mails):
        """Those whose ``mails`` have their turn when their companies remind again; who sends by hand does not wait."""
        closed = self.company_id - self.company_id._paylink_reminding()
        return self.filtered(
            lambda message: (
                message.rule_id and message.company_id in closed and message.mail_message_id in mails.mail_message_id
            )
        )

    def _waiting_mails(self):
        """The e-mails of these that are worth another try; none has left, else it would not have failed."""
        tries = self.filtered(lambda message: message.channel == "email" and message.try_count < MAX_TRIES)
        mails = (
            self.env["mail.mail"]
            .sudo()
            .search([("mail_message_id", "in", tries.mail_message_id.ids), ("state", "=", "exception")])
        )
        return mails.filtered(
            lambda mail: mail.failure_type not in NO_ADDRESS and not REFUSED.search(mail.failure_reason or "")
        )

    def _report(self):
        """Give who is responsible for the rule, or has sent it by hand, the task to find an address that works."""
        for rule, messages in self.grouped("rule_id").items():
            for user, mine in messages.grouped(lambda message: message.rule_id.user_id or message.create_uid).items():
                worded = self.with_context(lang=user.lang)
                summary = worded.env._("Reminders can't be delivered: give an address that works.")
                rule._give_task(mine.customer_id, summary, user=user)
        self.is_reported = True
