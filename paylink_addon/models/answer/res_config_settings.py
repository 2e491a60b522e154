from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_promise_days = fields.Integer(related="company_id.paylink_promise_days", readonly=False)
