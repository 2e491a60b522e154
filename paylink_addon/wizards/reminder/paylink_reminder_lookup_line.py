from odoo import fields, models

MAX_ITEMS = 100


class PaylinkReminderLookupLine(models.TransientModel):
    """One rule and one document."""

    _name = "paylink.reminder.lookup.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Rule that Applies or Not"
    _order = "applies desc, date, id"

    lookup_id = fields.Many2one("paylink.reminder.lookup", required=True, ondelete="cascade", index=True)
    rule_id = fields.Many2one("paylink.reminder.rule", readonly=True, ondelete="cascade")
    step_id = fields.Many2one("paylink.reminder.step", string="Day", readonly=True, ondelete="cascade")
    document = fields.Char(readonly=True)
    applies = fields.Boolean(readonly=True)
    reason = fields.Char(readonly=True)
    date = fields.Date(string="Next reminder", readonly=True)
