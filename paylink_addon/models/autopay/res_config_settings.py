from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_autopay = fields.Boolean(related="company_id.paylink_autopay", readonly=False)
