from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError


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
        self._check_paylink_base_url()

    def set_values(self):
        """Refuse an address that customers could not open."""
        self._check_paylink_base_url()
        return super().set_values()

    def _check_paylink_base_url(self):
        for settings in self.filtered("paylink_base_url"):
            parts = urlsplit(settings.paylink_base_url.strip())
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
                raise UserError(
                    self.env._(
                        "“%(url)s” is not a web address: write it like https://pay.example.com.",
                        url=settings.paylink_base_url,
                    )
                )
