from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_card_renewal = fields.Selection(related="company_id.paylink_card_renewal", readonly=False)
    paylink_card_template_id = fields.Many2one(related="company_id.paylink_card_template_id", readonly=False)
