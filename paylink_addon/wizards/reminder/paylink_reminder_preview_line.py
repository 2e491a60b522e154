from odoo import api, fields, models

from ...models.reminder.paylink_reminder_rule_pick import Pick


class PaylinkReminderPreviewLine(models.TransientModel):
    """One message that will go out on a day, or somebody who gets none."""

    _name = "paylink.reminder.preview.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Reminder to Come"
    _order = "date, state desc, id"
    _rec_name = "customer_id"

    preview_id = fields.Many2one("paylink.reminder.preview", required=True, ondelete="cascade", index=True)
    date = fields.Date(readonly=True)
    state = fields.Selection([("message", "Will be sent"), ("left_out", "Left out")], string="Status", readonly=True)
    reason = fields.Char(readonly=True)
    customer_id = fields.Many2one("res.partner", readonly=True)
    rule_id = fields.Many2one("paylink.reminder.rule", readonly=True)
    step_id = fields.Many2one("paylink.reminder.step", string="Day", readonly=True)
    channels = fields.Char(string="By", readonly=True)
    recipient = fields.Char(string="Sent to", readonly=True)
    is_unreachable = fields.Boolean(readonly=True)
    documents = fields.Char(readonly=True)
    amount_display = fields.Char(string="Amount", readonly=True)
    picks = fields.Json(readonly=True)
    subject = fields.Char(compute="_compute_texts")
    body = fields.Html(compute="_compute_texts", sanitize=False)
    sms_body = fields.Text(string="SMS text", compute="_compute_texts")

    def _compute_texts(self):
        """The texts as they will be sent."""
        Message = self.env["paylink.reminder.message"].sudo()
        for line in self:
            drafts = Message._compose([Pick(*pick) for pick in line.picks or []], line.date)
            texts = Message._preview(drafts[0], line.date) if drafts else {}
            line.subject, line.body = texts.get("email", (False, False))
            line.sms_body = texts.get("sms", False)

    def action_run(self):
        """Let the reminders of today go out now, whatever the hour."""
        return self.env["paylink.reminder.rule"].action_run_now()

    @api.readonly
    def action_show(self):
        """Show the text."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.customer_id.display_name,
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }
