from odoo import api, fields, models


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
        help="The only one it is about, where each has a message of its own.",
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
    # Not NULL: no other message of a run may have the same one (see _slot).
    slot = fields.Char(readonly=True)
    reminder_ids = fields.One2many("paylink.reminder", "message_id", string="Reminders", readonly=True)
    link_ids = fields.Many2many(
        "paylink.link", "paylink_reminder_message_link_rel", "message_id", "link_id", string="Links", readonly=True
    )
    mail_message_id = fields.Many2one("mail.message", readonly=True, index="btree_not_null", ondelete="set null")
    try_count = fields.Integer(string="Tries", readonly=True, default=1)
    is_reported = fields.Boolean(readonly=True, help="Somebody has been told that it could not be delivered.")

    # What the templates say.
    amount_display = fields.Char(string="Amount (text)", readonly=True)
    documents_display = fields.Char(string="Documents (text)", readonly=True)
    due_date_display = fields.Char(string="Due date (text)", readonly=True)
    days_overdue = fields.Integer(string="Days overdue", readonly=True)
    company_display = fields.Char(string="Company (short text)", readonly=True)
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
    def _compute_url(self):
        """The page of the first link: an SMS has room for one."""
        for message in self:
            message.url = message.sudo().link_ids[:1].url

    @api.depends("name", "date")
    def _compute_display_name(self):
        for message in self:
            message.display_name = message.name

    # === BUSINESS METHODS === #

    @api.model
    def mail_allowed_qweb_expressions(self):
        """What anyone may write in a template of this model; it is rendered without running code."""
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.url",
            "object.amount_display",
            "object.documents_display",
            "object.due_date_display",
            "object.days_overdue",
            "object.company_display",
            "object.company_id.name",
            "object.company_id.phone",
            "object.company_id.email",
            "object.user_id.name",
            "object.user_id.phone",
            "object.partner_id.name",
            "object.partner_id.display_name",
        )
