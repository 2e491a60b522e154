from odoo import api, fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_expiry_hours = fields.Integer(related="company_id.paylink_expiry_hours", readonly=False)
    paylink_allow_partial = fields.Boolean(related="company_id.paylink_allow_partial", readonly=False)
    paylink_base_url = fields.Char(related="company_id.paylink_base_url", readonly=False)
    paylink_bank_account_id = fields.Many2one(
        related="company_id.paylink_bank_account_id",
        readonly=False,
        domain="[('partner_id', '=', company_partner_id)]",
    )
    company_partner_id = fields.Many2one(related="company_id.partner_id")
    paylink_tz = fields.Selection(related="company_id.paylink_tz", readonly=False)
    paylink_mail_template_id = fields.Many2one(related="company_id.paylink_mail_template_id", readonly=False)
    paylink_on_invoice_mail = fields.Boolean(related="company_id.paylink_on_invoice_mail", readonly=False)
    paylink_on_invoice_pdf = fields.Boolean(related="company_id.paylink_on_invoice_pdf", readonly=False)
    paylink_sms_template_id = fields.Many2one(related="company_id.paylink_sms_template_id", readonly=False)

    @api.onchange("paylink_base_url")
    def _onchange_paylink_base_url(self):
        """Say at once what the company would refuse."""
        self.company_id._paylink_check_address(self.paylink_base_url)
