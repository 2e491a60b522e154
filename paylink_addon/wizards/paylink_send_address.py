from odoo import api, fields, models

from ..tools.address_checks import check_email


class PaylinkSendAddress(models.TransientModel):
    """What is known of the address of the only customer: by which way to send, and what speaks against it."""

    _inherit = "paylink.send"

    email_warning = fields.Char(compute="_compute_email_warning")

    @api.model
    def default_get(self, fields_list):
        """Who has a mobile number and no e-mail address is sent an SMS."""
        values = super().default_get(fields_list)
        lines = values.get("line_ids") or []
        if len(lines) == 1 and self._is_reached_by_sms_only(lines[0][2]):
            values |= {"send_email": False, "send_sms": True}
        return values

    @api.model
    def _is_reached_by_sms_only(self, line):
        """:param dict line: the values of the wizard's line"""
        partner = self.env["res.partner"].browse(line["partner_id"])
        by_sms = {"email": False, "phone": line["phone"], "send_email": False, "send_sms": True}
        return not line["email"] and not self.env["paylink.link"]._recipient_problem(partner, **by_sms)

    @api.depends("email", "send_email", "line_ids")
    def _compute_email_warning(self):
        """As the sign on the contact says it; what makes sending impossible, and what has bounced, is told above."""
        for wizard in self:
            verdict = wizard.send_email and wizard._only_line() and check_email(wizard.email)
            doubt = verdict and verdict.state in ("doubtful", "invalid") and verdict.code != "email_syntax"
            wizard.email_warning = doubt and self.env["res.partner"]._paylink_reason(verdict)
