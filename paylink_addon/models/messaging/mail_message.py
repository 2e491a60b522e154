from odoo import api, models

from ...const import TOKEN_PATHS
from ...tools.redact import without_tokens


class MailMessage(models.Model):
    _inherit = "mail.message"

    @api.model_create_multi
    def create(self, vals_list):
        """Answers quote what was sent: the addresses of customers' pages do not get into chatters with them."""
        return super().create([self._paylink_without_addresses(vals) for vals in vals_list])

    @api.model
    def _paylink_without_addresses(self, vals):
        body = vals.get("body")
        if vals.get("message_type") != "email" or not body or not any(path in body for path in TOKEN_PATHS):
            return vals
        bases = {company._paylink_base_url() for company in self.env["res.company"].sudo().search([])}
        return vals | {"body": without_tokens(body, bases)}
