from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.addresses import BadAddress, split_emails

# What a rule is about, and when (``paylink.reminder.rule.moment``): a template is supplied for each, and for each tone.
MOMENTS = ("before", "on", "after", "link")
TONES = [("1", "Courteous"), ("2", "Firm"), ("3", "Last reminder")]


class PaylinkReminderRule(models.Model):
    """Who is reminded of what, on which days, with which text.

    How its fields narrow down what is reminded is told in ``paylink.rule.mixin`` and in
    ``paylink_reminder_rule_filters.py``, one method for each.
    """

    _name = "paylink.reminder.rule"
    _inherit = [
        "paylink.rule.mixin",
        "paylink.guard.mixin",
        "mail.thread",
        "mail.activity.mixin",
        "paylink.server.mixin",
    ]
    _description = "Reminder Rule"
    _order = "sequence, id"
    _check_company_auto = True
    _switch_name = "paylink_reminders"

    kind = fields.Selection(
        [("invoice", "Invoice due"), ("link", "Collection link not paid")],
        string="Reminder for",
        required=True,
        default="invoice",
    )
    condition = fields.Selection(
        [("before", "Before the due date"), ("on", "On the due date"), ("after", "Overdue")],
        required=True,
        default="after",
    )
    moment = fields.Char(compute="_compute_moment")
    step_ids = fields.One2many("paylink.reminder.step", "rule_id", string="Rule Days", copy=True)
    days_display = fields.Char(string="Days", compute="_compute_days_display")
    reminder_count = fields.Integer(compute="_compute_reminder_count")
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        default=lambda self: self.env.user,
        help="Gets the tasks: a customer without an address, a template that does not work.",
    )
    # === WHO === #

    autopay = fields.Selection(
        [("any", "With or without"), ("with", "Only with automatic payment"), ("without", "Only without")],
        string="Automatic Payment",
        required=True,
        default="any",
    )
    remind_autopay = fields.Boolean(
        string="Also what is charged automatically",
        help="Otherwise customers are not reminded of what will be charged automatically. Of what could not be charged "
        "in the end they are.",
    )
    # === WHICH INVOICES === #

    ignore_before = fields.Date(help="Empty: no limit. For links, the day on which they were made counts.")
    term_ids = fields.Many2many(help="Invoices with other payment terms are ignored. Those without any are reminded.")
    # === THE MESSAGE === #

    grouping = fields.Selection(
        [("customer", "One message per customer"), ("document", "One message per invoice")],
        string="Number of messages",
        required=True,
        default="customer",
    )
    recipient = fields.Selection(
        [("invoice", "Invoice contact"), ("reminder", "Reminders contact"), ("followers", "All followers")],
        string="Sent to",
        required=True,
        default="invoice",
        help="Contacts for reminders are marked on the customer. If there is none, the invoice contact gets the "
        "reminder.",
    )
    use_other_channel = fields.Boolean(
        string="Use the other channel if an address fails",
        default=True,
        help="If the e-mail address does not work, an SMS is sent, and vice versa.",
    )
    include_link = fields.Boolean(string="Collection link", default=True, help="A button to pay all of it at once.")
    link_days = fields.Integer(string="Link lasts", default=30, help="In days. 0: the link does not expire.")
    attach_pdf = fields.Boolean(string="Attach the invoice PDF")
    attach_files = fields.Boolean(
        string="Attach files",
        help="The attachments of the invoice that are marked “Send with e-mails”.",
    )
    email_cc = fields.Char(string="CC", help="Several addresses are separated by commas.")
    email_bcc = fields.Char(string="BCC", help="The other recipients do not see them.")
    reply_to_salesperson = fields.Boolean(string="Replies to the salesperson")

    _link_days_in_bounds = models.Constraint(
        "CHECK(link_days BETWEEN 0 AND 3650)", "A link can last from 0 to 3650 days. 0: it does not expire."
    )

    # === CONSTRAINTS === #

    @api.constrains("email_cc", "email_bcc")
    def _check_copies(self):
        for rule in self:
            try:
                split_emails(rule.email_cc)
                split_emails(rule.email_bcc)
            except BadAddress as error:
                raise ValidationError(rule._bad_copy_text(error)) from error

    def _bad_copy_text(self, error):
        return self.env._("“%(value)s” is not an e-mail address: correct it under CC or BCC.", value=error.value)

    @api.constrains("step_ids", "active")
    def _check_steps(self):
        for rule in self:
            if rule.active and not rule.step_ids:
                raise ValidationError(
                    self.env._("“%(rule)s” needs at least one day: add when to remind.", rule=rule.name)
                )

    @api.constrains("kind", "condition", "step_ids")
    def _check_days(self):
        self.step_ids._check_days()

    # === COMPUTE METHODS === #

    @api.depends("kind", "condition")
    def _compute_moment(self):
        for rule in self:
            rule.moment = "link" if rule.kind == "link" else rule.condition

    @api.depends("step_ids.days", "moment")
    def _compute_days_display(self):
        for rule in self:
            rule.days_display = ", ".join(str(step.days) for step in rule.step_ids.sorted("days"))

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_reminder_count(self):
        counts = self.env["paylink.reminder"]._sent_counts("rule_id", self)
        for rule in self:
            rule.reminder_count = counts.get(rule._origin, 0)

    @api.onchange("kind", "condition")
    def _onchange_moment(self):
        """The supplied templates of another moment take the place of those of the last one; own ones stay."""
        for step in self.step_ids:
            if self.moment == "on":
                step.days = 0
            step._replace_supplied_templates()

    # === CRUD METHODS === #

    def unlink(self):
        """Its days first: reminders refer to both, and the order in which the database cascades is its own."""
        self.step_ids.unlink()
        return super().unlink()

    # === ACTIONS === #

    def action_view_reminders(self):
        """Show what was sent by the rule."""
        self.ensure_one()
        self.check_access("read")
        return self.env["paylink.reminder"]._action_sent([("rule_id", "=", self.id)])
