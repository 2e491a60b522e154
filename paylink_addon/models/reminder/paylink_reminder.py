from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.access import openable

STATES = [
    ("queued", "Waiting to be sent"),
    ("sent", "Sent"),
    ("opened", "Opened"),
    ("bounced", "Bounced"),
    ("failed", "Failed"),
    ("skipped", "Skipped"),
]
# Why nothing was sent.
REASONS = [
    ("later", "A later one was sent"),
    ("address", "No address"),
    ("template", "Template error"),
    ("paid", "Paid meanwhile"),
]
# A message that nobody got.
LOST = ("bounce", "exception", "canceled")
# What somebody may have mended since.
RETRIED = ("address", "template")


class PaylinkReminder(models.Model):
    """One thing, one step, one channel: done at most once for a due date. The unique indexes see to it, whatever
    crashes.

    Items that are reminded by one message share it. Rows are written by the run only.
    """

    _name = "paylink.reminder"
    _description = "Reminder"
    _order = "date desc, id desc"
    _log_access = False

    name = fields.Char(string="Document", readonly=True)
    date = fields.Date(readonly=True, required=True)
    company_id = fields.Many2one("res.company", readonly=True, required=True)
    customer_id = fields.Many2one("res.partner", readonly=True, required=True, index=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    rule_id = fields.Many2one("paylink.reminder.rule", readonly=True, index=True, ondelete="set null")
    step_id = fields.Many2one("paylink.reminder.step", string="Day", readonly=True, ondelete="set null")
    channel = fields.Selection([("email", "E-mail"), ("sms", "SMS")], readonly=True, required=True)
    # Other payment terms make other items of the same invoice: what was sent stays on record.
    move_line_id = fields.Many2one("account.move.line", readonly=True, ondelete="set null")
    move_id = fields.Many2one("account.move", string="Invoice", readonly=True, index=True, ondelete="cascade")
    link_id = fields.Many2one(
        "paylink.link", string="Collection link", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    amount = fields.Monetary(string="Due at creation", readonly=True)
    amount_asked = fields.Monetary(string="Asked for", readonly=True, help="What a message asked for; else nothing.")
    date_due = fields.Date(string="Due Date", readonly=True)
    can_open_link = fields.Boolean(compute="_compute_can_open", help="The link is the user's to see.")
    can_open_move = fields.Boolean(compute="_compute_can_open", help="The invoice is the user's to see.")
    message_id = fields.Many2one("paylink.reminder.message", readonly=True, index=True, ondelete="cascade")
    recipient = fields.Char(related="message_id.recipient")
    paylink_ids = fields.Many2many(related="message_id.link_ids", string="Link in the message")
    outcome = fields.Selection(
        [("message", "Message"), ("skipped", "Skipped"), ("failed", "Failed")], readonly=True, required=True
    )
    reason = fields.Selection(REASONS, readonly=True)
    reason_display = fields.Char(string="Why it was not sent", compute="_compute_reason_display")
    error = fields.Text(readonly=True)
    is_wanted = fields.Boolean(string="To be tried again", readonly=True, help="The next run tries it again.")
    state = fields.Selection(STATES, string="Status", compute="_compute_state", search="_search_state")

    _item_unique = models.UniqueIndex("(move_line_id, step_id, channel, date_due) WHERE move_line_id IS NOT NULL")
    _link_unique = models.UniqueIndex("(link_id, step_id, channel) WHERE move_line_id IS NULL")
    _wanted_index = models.Index("(customer_id) WHERE is_wanted")
    _company_date_index = models.Index("(company_id, date)")

    # === COMPUTE METHODS === #

    def _compute_state(self):
        """One query for all."""
        self._flush_fates()
        self.flush_model()
        query = SQL(
            "SELECT id, %s FROM paylink_reminder WHERE id IN %s",
            self._state_sql(SQL.identifier("paylink_reminder")),
            tuple(self.ids) or (0,),
        )
        states = dict(self.env.execute_query(query))
        for reminder in self:
            reminder.state = states.get(reminder.id, False)

    @api.depends("reason")
    def _compute_reason_display(self):
        texts = {
            "later": self.env._("A later day of the rule had come, too: only the latest one is sent."),
            "address": self.env._("There is no address that works: correct it on the customer, then try again."),
            "template": self.env._("The template does not work: correct it, then try again."),
            "paid": self.env._("It was paid in the meantime."),
        }
        for reminder in self:
            reminder.reason_display = texts.get(reminder.reason, False)

    @api.depends("link_id", "move_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_can_open(self):
        links, moves = openable(self, "link_id"), openable(self, "move_id")
        for reminder in self:
            reminder.can_open_link, reminder.can_open_move = reminder in links, reminder in moves

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        self._flush_fates()
        found = SQL(
            "(SELECT id FROM paylink_reminder WHERE %s IN %s)",
            self._state_sql(SQL.identifier("paylink_reminder")),
            tuple(value) or ("",),
        )
        return Domain("id", "in", found)

    # === ACTIONS === #

    @api.readonly
    def action_view_message(self):
        """Show the message that was sent."""
        self.ensure_one()
        if not self.message_id:
            raise UserError(self.env._("No message was sent."))
        return self.message_id._get_records_action()

    def action_retry(self):
        """Let those that failed before a message was made have another try, by the next run, however late it is."""
        if not self.env.user.has_group("paylink_addon.group_paylink_all"):
            raise AccessError(
                self.env._("You need the “All Payments” right to try reminders again: ask an administrator.")
            )
        self.check_access("read")
        again = self.filtered(lambda reminder: reminder.step_id and reminder.reason in RETRIED)
        if not again:
            raise UserError(self.env._("There is nothing to try again: a reminder that was sent is not sent twice."))
        again.sudo().is_wanted = True
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_remind")
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # === HELPERS === #

    @api.model
    def _sent_counts(self, field, records):
        """How many messages were sent, by what ``field`` names: not what was skipped or has failed. One query."""
        domain = [(field, "in", records.ids), ("outcome", "=", "message")]
        return dict(self._read_group(domain, [field], ["message_id:count_distinct"]))

    @api.model
    def _action_sent(self, domain):
        """The list of those of ``domain``, at first the sent ones."""
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_reminder_action")
        return action | {"domain": domain, "context": {"search_default_sent": 1}}

    def _drafts(self):
        """What these would say now, and to whom; nothing of what is paid, or of rules that are gone."""
        Message = self.env["paylink.reminder.message"].sudo()
        drafts = []
        for step, rows in self.filtered("step_id").grouped("step_id").items():
            company = step.rule_id.company_id
            rule, date = step.rule_id.with_company(company), company._paylink_today()
            drafts += Message._compose(rule._still_allowed(step, rows, date), date)
        return drafts

    def _state_sql(self, table):
        """The state of a reminder as an SQL expression: what its message's notifications say."""
        return SQL(
            """
            CASE WHEN %(t)s.outcome <> 'message' THEN %(t)s.outcome
                 ELSE COALESCE((
                    SELECT CASE WHEN bool_or(n.notification_status = 'bounce') THEN 'bounced'
                                WHEN bool_or(n.notification_status IN ('exception', 'canceled')) THEN 'failed'
                                WHEN bool_or(n.notification_status IN ('ready', 'process')) THEN 'queued' END
                      FROM paylink_reminder_message sent
                      JOIN mail_notification n ON n.mail_message_id = sent.mail_message_id
                     WHERE sent.id = %(t)s.message_id),
                    (SELECT 'opened' FROM paylink_reminder_message_link_rel rel
                       JOIN paylink_link link ON link.id = rel.link_id
                       JOIN paylink_reminder_message sent ON sent.id = rel.message_id
                      WHERE sent.id = %(t)s.message_id AND link.opened_at >= sent.create_date LIMIT 1),
                    'sent') END
            """,
            t=table,
        )

    def _received_sql(self, condition):
        """The reminders that customers have got, or will: not all of their message was lost.

        :param SQL condition: on a ``reminder``
        :return: SQL of a query: ``move_line_id``, ``link_id``, ``date``, ``date_due``
        """
        self._flush_fates()
        fate = "SELECT FROM mail_notification n WHERE n.mail_message_id = message.mail_message_id"
        return SQL(
            """
            SELECT reminder.move_line_id, reminder.link_id, reminder.date, reminder.date_due
              FROM paylink_reminder reminder JOIN paylink_reminder_message message ON message.id = reminder.message_id
             WHERE reminder.outcome = 'message' AND %(condition)s
               AND (NOT EXISTS (%(fate)s) OR EXISTS (%(fate)s AND n.notification_status NOT IN %(lost)s))
            """,
            condition=condition,
            fate=SQL(fate),
            lost=LOST,
        )

    def _field_to_sql(self, alias, field_expr, query=None):
        """Let people filter and group by the state, although it is not stored."""
        if field_expr == "state":
            self._flush_fates()
            return self._state_sql(SQL.identifier(alias))
        return super()._field_to_sql(alias, field_expr, query)

    def _flush_fates(self):
        for model in ("mail.notification", "paylink.reminder.message", "paylink.link"):
            self.env[model].flush_model()
