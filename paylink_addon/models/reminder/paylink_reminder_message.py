from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools import SQL

from ...const import Task
from ...tools.addresses import usable_emails
from ..link.paylink_link_amounts import PURPOSE_WORDS
from ..messaging.paylink_sending_mixin import FAILED_STATUSES, NO_ADDRESS

# How often an e-mail that a mail server did not take is tried in all.
MAX_TRIES = 4
# What the mail server refuses for good: a reply 5xx or a status 5.x.x, not a port or an address. All else may pass.
REFUSED = r"(?:^|[(\s])5[0-57]\d[ ,-]|(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])"  # read by PostgreSQL
BATCH = 500


class PaylinkReminderMessage(models.Model):
    """One message to a customer, about one or many things: what templates of reminders are about.

    Its texts are those of the day, in the recipient's language, as they were sent.
    """

    _name = "paylink.reminder.message"
    _inherit = ["paylink.sending.mixin", "mail.thread"]
    _description = "Reminder Message"
    _order = "id desc"
    _subtype_prefix = "paylink_addon.mt_reminder_"
    _mail_post_access = "read"

    name = fields.Char(string="Documents", readonly=True)
    date = fields.Date(required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    customer_id = fields.Many2one("res.partner", required=True, readonly=True, index=True, ondelete="cascade")
    partner_id = fields.Many2one(
        "res.partner", string="Recipient", required=True, readonly=True, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    rule_id = fields.Many2one("paylink.reminder.rule", readonly=True, ondelete="set null")
    step_id = fields.Many2one("paylink.reminder.step", string="Day", readonly=True, ondelete="set null")
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
        help="The only invoice of the message, if each invoice has its own.",
    )
    link_id = fields.Many2one("paylink.link", string="Collection link", readonly=True, ondelete="cascade")
    channel = fields.Selection([("email", "E-mail"), ("sms", "SMS")], required=True, readonly=True)
    send_email = fields.Boolean(compute="_compute_channels")
    send_sms = fields.Boolean(compute="_compute_channels")
    lang = fields.Char(string="Language", readonly=True)
    email = fields.Char(string="E-mail", readonly=True)
    phone = fields.Char(string="Mobile", readonly=True)
    recipient = fields.Char(string="Sent to", compute="_compute_recipient")
    reply_to = fields.Char(string="Replies to", readonly=True)
    # Not NULL: no other message of a run may have the same one (see _unique_slot).
    slot = fields.Char(readonly=True)
    reminder_ids = fields.One2many("paylink.reminder", "message_id", string="Reminders", readonly=True)
    link_ids = fields.Many2many(
        "paylink.link", "paylink_reminder_message_link_rel", "message_id", "link_id", string="Links", readonly=True
    )
    mail_message_id = fields.Many2one("mail.message", readonly=True, index="btree_not_null", ondelete="set null")
    try_count = fields.Integer(string="Tries", readonly=True, default=1)
    is_reported = fields.Boolean(readonly=True, help="Somebody has been told that the message could not be delivered.")
    # What the templates say. The first four are of the same: of what is overdue, where something is.
    amount_display = fields.Char(string="Amount (text)", readonly=True)
    documents_display = fields.Char(string="Documents (text)", readonly=True)
    due_date_display = fields.Char(string="Due date (text)", readonly=True)
    days_overdue = fields.Integer(string="Days overdue", readonly=True)
    total_display = fields.Char(string="Amount to pay (text)", readonly=True)
    reminded_display = fields.Char(string="Earlier reminders (text)", readonly=True)
    company_display = fields.Char(string="Company (short text)", readonly=True)
    purpose_display = fields.Char(string="Documents (short text)", compute="_compute_purpose_display")
    url = fields.Char(string="Link", compute="_compute_url")

    _slot_unique = models.UniqueIndex("(company_id, slot)")
    _company_date_index = models.Index("(company_id, date)")

    # === COMPUTE METHODS === #

    @api.depends("channel")
    def _compute_channels(self):
        for message in self:
            message.send_email = message.channel == "email"
            message.send_sms = message.channel == "sms"

    @api.depends("email", "phone", "channel")
    def _compute_recipient(self):
        for message in self:
            message.recipient = message.phone if message.channel == "sms" else message.email

    @api.depends("link_ids")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_url(self):
        """The page of the first link, for who may read that: an SMS has room for one."""
        for message in self:
            message.url = message.sudo().link_ids[:1].sudo(self.env.su)._filtered_access("read").url

    @api.depends("documents_display", "company_display", "amount_display", "due_date_display", "url")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_purpose_display(self):
        """As that of a collection link."""
        for message in self:
            names = ("company_display", "amount_display", "due_date_display", "url")
            told = "".join(message[name] or "" for name in names)
            message.purpose_display = message._sms_purpose(message.documents_display, told, PURPOSE_WORDS)

    @api.depends("name", "date")
    def _compute_display_name(self):
        for message in self:
            message.display_name = message.name

    # === BUSINESS METHODS === #

    def _sms_currencies(self):
        return self.reminder_ids.currency_id

    def _sender(self):
        """Nobody's own letters: they follow from rules, whoever runs them."""
        return self._active_owner()

    def _hidden_in_chatter(self):
        """The addresses of the links, which may be a colleague's."""
        return self.link_ids.mapped("access_token")

    @api.model
    def mail_allowed_qweb_expressions(self):
        """What anyone may write in a template of this model; it is rendered without running code."""
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.lang",
            "object.url",
            "object.amount_display",
            "object.documents_display",
            "object.due_date_display",
            "object.days_overdue",
            "object.total_display",
            "object.reminded_display",
            "object.company_display",
            "object.purpose_display",
            "object.company_id.name",
            "object.company_id.phone",
            "object.company_id.email",
            "object.user_id.name",
            "object.user_id.phone",
            "object.partner_id.name",
            "object.partner_id.display_name",
        )

    # === WHAT BECAME OF THEM === #
    # What became of the messages: those that a mail server did not take are tried again, then somebody is told.

    @api.model
    def _follow_deliveries(self):
        """Try again what failed for a reason that may pass; report what did not arrive."""
        return self.env["paylink.job.mixin"]._each(
            self._undelivered(), lambda failed: failed._follow_delivery(), size=BATCH, take=False
        )

    def _follow_delivery(self):
        again = self._waiting_mails()
        again.mark_outgoing()
        fates = self.mail_message_id.notification_ids
        fates.filtered(lambda fate: fate.mail_mail_id in again).notification_status = "ready"
        retried = self.filtered(lambda message: message.mail_message_id in again.mail_message_id)
        for message in retried:
            message.try_count += 1
        (self - retried)._report()
        if again:
            self.env["paylink.job.mixin"]._wake("mail.ir_cron_mail_scheduler_action")

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
                rule._give_tasks(mine.customer_id, Task.REMINDER_UNDELIVERED, mine._undelivered_texts, user)
        self.is_reported = True

    def _undelivered_texts(self, env):
        """What the tasks say: the note tells why these were not delivered, by id of customer."""
        return env._("A reminder was not delivered: the note says why."), self.with_env(env)._failure_notes()

    def _still_lacks_an_address(self):
        """Whether somebody has still to find an address for what was not delivered.

        It is due, and would go to the same one again, where nothing has arrived since.
        """
        failed = self.mail_message_id.notification_ids.filtered(
            lambda fate: fate.notification_status in FAILED_STATUSES
        )
        used = {fate.mail_email_address or fate.sms_number for fate in failed}
        items, links = self.reminder_ids.move_line_id, self.reminder_ids.link_id
        due = items._paylink_left() or any(link._is_live() for link in links)
        return bool(due and not used.isdisjoint(self._addresses_now()) and not self._has_arrived_since())

    def _addresses_now(self):
        """Where a message by the same channel would go now: the addresses of its recipient and of the customer."""
        people = self.partner_id | self.customer_id
        if self.channel == "email":
            return {address for partner in people for address in usable_emails(partner.email)}
        return {self._working_phone(partner) for partner in people}

    def _has_arrived_since(self):
        later = self.search(
            [("id", ">", self.id), ("customer_id", "=", self.customer_id.id), ("channel", "=", self.channel)]
        )
        same = later.filtered(lambda message: message.recipient == self.recipient)
        return "sent" in same.mail_message_id.notification_ids.mapped("notification_status")

    def _failure_notes(self):
        labels = dict(self.env["mail.notification"]._fields["failure_type"]._description_selection(self.env))
        notes = {}
        for message in self:
            for fate in message.mail_message_id.notification_ids:
                if fate.notification_status in FAILED_STATUSES:
                    reason = fate.failure_reason or labels.get(fate.failure_type, fate.notification_status)
                    note = Markup("<p>%s: %s</p>") % (fate.mail_email_address or message.recipient, reason[-500:])
                    notes[message.customer_id.id] = notes.get(message.customer_id.id, Markup()) + note
        return notes
