from odoo import api, fields, models

from ...const import (
    ABANDONED_AFTER_PARAMETER,
    DEFAULT_ABANDONED_AFTER,
    DEFAULT_MAX_ATTEMPTS,
    MAX_ATTEMPTS_PARAMETER,
)
from ...tools import days
from ...tools.parameters import parameter_field
from .res_company import EXPIRY_UNITS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_expiry_number = fields.Integer(
        string="Expiry",
        compute="_compute_paylink_expiry",
        inverse="_inverse_paylink_expiry",
        readonly=False,
    )
    paylink_expiry_unit = fields.Selection(
        EXPIRY_UNITS,
        string="Unit of the expiry",
        compute="_compute_paylink_expiry",
        inverse="_inverse_paylink_expiry",
        readonly=False,
    )
    group_odoo_payment_links = fields.Boolean(
        string="Odoo's own payment links", implied_group="paylink_addon.group_odoo_payment_links"
    )
    paylink_allow_partial = fields.Boolean(related="company_id.paylink_allow_partial", readonly=False)
    paylink_base_url = fields.Char(related="company_id.paylink_base_url", readonly=False)
    paylink_bank_account_id = fields.Many2one(
        related="company_id.paylink_bank_account_id",
        readonly=False,
        domain="[('partner_id', '=', company_partner_id)]",
    )
    paylink_transfer_hint = fields.Char(string="About the account", compute="_compute_paylink_transfer_hint")
    company_partner_id = fields.Many2one(related="company_id.partner_id")
    paylink_tz = fields.Selection(related="company_id.paylink_tz", readonly=False)
    paylink_mail_template_id = fields.Many2one(related="company_id.paylink_mail_template_id", readonly=False)
    paylink_tell_refunds = fields.Boolean(related="company_id.paylink_tell_refunds", readonly=False)
    paylink_on_invoice_mail = fields.Boolean(related="company_id.paylink_on_invoice_mail", readonly=False)
    paylink_on_invoice_pdf = fields.Boolean(related="company_id.paylink_on_invoice_pdf", readonly=False)
    paylink_sms_template_id = fields.Many2one(related="company_id.paylink_sms_template_id", readonly=False)
    paylink_max_attempts = parameter_field(
        "paylink_max_attempts",
        MAX_ATTEMPTS_PARAMETER,
        DEFAULT_MAX_ATTEMPTS,
        least=1,
        string="Tries to pay within an hour",
    )
    paylink_abandoned_after = parameter_field(
        "paylink_abandoned_after", ABANDONED_AFTER_PARAMETER, DEFAULT_ABANDONED_AFTER, string="Given up after"
    )

    @api.depends("company_id", "paylink_bank_account_id")
    def _compute_paylink_transfer_hint(self):
        """What customers would miss who pay by transfer."""
        for settings in self:
            bank = settings.paylink_bank_account_id or settings.company_id._paylink_bank_account()
            settings.paylink_transfer_hint = (
                bank
                and not bank.bank_bic
                and self.env._(
                    "%(account)s has no BIC, which customers of other countries need: choose the bank of the account.",
                    account=bank.acc_number,
                )
            )

    @api.depends("company_id")
    def _compute_paylink_expiry(self):
        for settings in self:
            number, unit = days.in_units(settings.company_id.paylink_expiry_hours)
            settings.update({"paylink_expiry_number": number, "paylink_expiry_unit": unit})

    def _inverse_paylink_expiry(self):
        for settings in self:
            hours = days.in_hours(settings.paylink_expiry_number, settings.paylink_expiry_unit)
            settings.company_id.paylink_expiry_hours = hours

    @api.onchange("paylink_base_url")
    def _onchange_paylink_base_url(self):
        """Say at once what the company would refuse."""
        self.company_id._paylink_check_address(self.paylink_base_url)
