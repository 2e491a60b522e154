from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...models.reminder.paylink_reminder_rule_pick import DAYS_AHEAD

# More messages than that are counted, not listed.
MAX_LINES = 200


class PaylinkReminderPreview(models.TransientModel):
    """What will go out on a day: to whom, by which rule, with which text."""

    _name = "paylink.reminder.preview"
    _inherit = "paylink.dialog.mixin"
    _description = "Preview of Reminders"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, readonly=True)
    date = fields.Date(string="For the day", required=True, default=lambda self: self.env.company._paylink_today())
    partner_id = fields.Many2one("res.partner", string="Only for")
    line_ids = fields.One2many("paylink.reminder.preview.line", "preview_id", string="Messages", readonly=True)
    message_count = fields.Integer(string="Number of messages", readonly=True)
    is_off = fields.Boolean(compute="_compute_is_off")
    is_closed = fields.Boolean(compute="_compute_is_off", help="Nothing is sent on that day.")

    @api.depends("company_id", "date")
    def _compute_is_off(self):
        for preview in self:
            preview.is_off = not preview.company_id.paylink_reminders
            preview.is_closed = bool(preview.date) and not preview.company_id._paylink_sends_on(preview.date)

    @api.depends("date")
    def _compute_display_name(self):
        for preview in self:
            preview.display_name = self.env._("Preview of reminders")

    # === ACTIONS === #

    @api.model
    def _action_open(self, **values):
        """The action that shows what goes out today."""
        preview = self.create(values)
        preview._show()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Preview of reminders"),
            "res_model": self._name,
            "res_id": preview.id,
            "view_mode": "form",
            "target": "current",
        }

    def action_show(self):
        """Look at the chosen day."""
        self._show()
        return True

    def action_next(self):
        """Look at the day after."""
        self.date += timedelta(days=1)
        return self.action_show()

    def action_previous(self):
        """Look at the day before."""
        self.date -= timedelta(days=1)
        return self.action_show()

    def action_run(self):
        """Let the reminders of today go out now, whatever the hour."""
        self.ensure_one()
        return self.env["paylink.reminder.rule"].action_run_now()

    # === BUSINESS METHODS === #

    def _show(self):
        """Make a line for each message."""
        self.ensure_one()
        self._check_date()
        rules = self._rules()
        customers = self.partner_id.commercial_partner_id.ids or None
        picks = rules._foresee(self.date, customers) if rules else []
        drafts = self.env["paylink.reminder.message"].sudo()._compose(picks, self.date) if picks else []
        drafts = self._readable(drafts)
        self.sudo().line_ids.unlink()
        self.sudo().message_count = sum(max(len(draft.channels), 1) for draft in drafts)
        self.env["paylink.reminder.preview.line"].sudo().create(
            [self._line_values(draft) for draft in drafts[:MAX_LINES]]
        )

    def _rules(self):
        """The rules that the user may read, as the run has them."""
        rules = self.env["paylink.reminder.rule"]
        if not self.env.user.has_group("paylink_addon.group_paylink_all"):
            raise UserError(self.env._("You need the “All Payments” right to preview reminders: ask an administrator."))
        return rules.search([("company_id", "=", self.company_id.id)]).sudo()

    def _readable(self, drafts):
        """The messages to contacts that the user may read."""
        people = self.env["res.partner"].browse({id_ for draft in drafts for id_ in draft.people.ids})
        readable = set(people._filtered_access("read").ids)
        return [draft for draft in drafts if readable.issuperset(draft.people.ids)]

    def _check_date(self):
        today = self.company_id._paylink_today()
        if not today <= self.date <= today + timedelta(days=DAYS_AHEAD):
            raise UserError(self.env._("Choose a day from today to %(days)s days ahead.", days=DAYS_AHEAD))

    def _line_values(self, draft):
        channels = dict(self.env["paylink.reminder"]._fields["channel"]._description_selection(self.env))
        to = {"email": draft.emails, "sms": draft.phone}
        return {
            "preview_id": self.id,
            "customer_id": draft.customer.id,
            "rule_id": draft.rule.id,
            "step_id": draft.step.id,
            "channels": ", ".join(channels[name] for name in draft.channels),
            "recipient": ", ".join(to[name] for name in draft.channels),
            "is_unreachable": bool(draft.reason),
            "documents": draft.name,
            "amount_display": draft.texts["total_display"],
            "picks": [list(pick) for pick in draft.picks],
        }
