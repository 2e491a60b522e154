from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_interac_email = fields.Char(related="company_id.paylink_interac_email", readonly=False)
    paylink_bank_fee_limit = fields.Monetary(
        related="company_id.paylink_bank_fee_limit", readonly=False, currency_field="currency_id"
    )
    paylink_bank_fee_account_id = fields.Many2one(
        related="company_id.paylink_bank_fee_account_id", readonly=False, check_company=True
    )
    paylink_claim_days = fields.Integer(related="company_id.paylink_claim_days", readonly=False)
