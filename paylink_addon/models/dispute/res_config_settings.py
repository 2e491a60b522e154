from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_fee_account_id = fields.Many2one(related="company_id.paylink_fee_account_id", readonly=False)
    paylink_lost_reminders = fields.Selection(related="company_id.paylink_lost_reminders", readonly=False)
