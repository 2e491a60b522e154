from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_reminders = fields.Boolean(related="company_id.paylink_reminders", readonly=False)
    paylink_reminder_calendar_id = fields.Many2one(related="company_id.paylink_reminder_calendar_id", readonly=False)
    paylink_reminder_gap_days = fields.Integer(related="company_id.paylink_reminder_gap_days", readonly=False)
    paylink_reminder_catchup_days = fields.Integer(related="company_id.paylink_reminder_catchup_days", readonly=False)
