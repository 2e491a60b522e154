from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_checklist = fields.Boolean(related="company_id.paylink_checklist", readonly=False)
