from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.address_checks import check_email, check_phone

GROUP = "paylink_addon.group_paylink_user"
STATES = [("valid", "Valid"), ("doubtful", "Doubtful"), ("unknown", "Unknown"), ("invalid", "Invalid")]
BAD_STATES = ("doubtful", "unknown", "invalid")


class ResPartner(models.Model):
    """Whether the addresses of a contact can work, as far as that is known without asking anybody."""

    _inherit = "res.partner"

    paylink_email_state = fields.Selection(
        STATES,
        string="E-mail Check",
        compute="_compute_paylink_email_state",
        search="_search_paylink_email_state",
        groups=GROUP,
    )
    paylink_email_reason = fields.Char(string="About the e-mail", compute="_compute_paylink_email_state", groups=GROUP)
    paylink_phone_state = fields.Selection(
        STATES,
        string="Phone Check",
        compute="_compute_paylink_phone_state",
        search="_search_paylink_phone_state",
        groups=GROUP,
    )
    paylink_phone_reason = fields.Char(string="About the phone", compute="_compute_paylink_phone_state", groups=GROUP)

    # === COMPUTE METHODS === #

    @api.depends("email", "message_bounce")
    def _compute_paylink_email_state(self):
        for partner in self:
            verdict = partner._paylink_email_verdict()
            partner.paylink_email_state = verdict and verdict.state
            partner.paylink_email_reason = verdict and self._paylink_reason(verdict)

    @api.depends("phone", "country_id", "commercial_partner_id.country_id")
    def _compute_paylink_phone_state(self):
        for partner in self:
            verdict = partner._paylink_phone_verdict()
            partner.paylink_phone_state = verdict and verdict.state
            partner.paylink_phone_reason = verdict and self._paylink_reason(verdict)

    def _paylink_email_verdict(self):
        return check_email(self.email, self.message_bounce) or False

    def _paylink_phone_verdict(self):
        # As when an SMS is sent: without a country of their own, contacts are where the company is.
        country = self.env["paylink.sending.mixin"]._phone_country(self)
        return check_phone(self.phone or "", country.code or None) or False

    @api.model
    def _paylink_reason(self, verdict):
        """What to tell of a :class:`~..tools.address_checks.Verdict`."""
        value = verdict.value
        texts = {
            "email_ok": self.env._("No problem was found with this address."),
            "email_syntax": self.env._("“%(value)s” is not an e-mail address: correct it.", value=value),
            "email_reserved": self.env._("%(domain)s can't receive e-mail.", domain=value),
            "email_typo": self.env._("Did you mean %(domain)s?", domain=value),
            "email_bounced": self.env._("Messages that bounced: %(count)s.", count=value),
            "phone": self.env._("“%(value)s” is not a phone number in the contact's country.", value=value),
            "phone_country": self.env._("Set the country, or write the number with its country code."),
            "phone_unassigned": self.env._("%(number)s is in no known range of phone numbers.", number=value),
            "phone_mobile": self.env._("%(number)s: can receive SMS.", number=value),
            "phone_landline": self.env._("%(number)s is a landline: it can't receive SMS.", number=value),
        }
        return texts[verdict.code]

    def _search_paylink_email_state(self, operator, value):
        return self._paylink_search_verdict(operator, value, "email", "_paylink_email_verdict")

    def _search_paylink_phone_state(self, operator, value):
        return self._paylink_search_verdict(operator, value, "phone", "_paylink_phone_verdict")

    @api.model
    def _paylink_search_verdict(self, operator, value, field, verdict):
        """Check all addresses that there are: in memory, a few microseconds each."""
        if operator != "in":
            return NotImplemented
        names = [field, "message_bounce", "country_id", "commercial_partner_id"]
        partners = self.with_context(active_test=False).search_fetch([(field, "not in", (False, ""))], names)
        found = [
            partner.id for partner in partners if (state := getattr(partner, verdict)()) and state.state in set(value)
        ]
        domain = Domain("id", "in", found)
        return domain | Domain(field, "in", (False, "")) if False in set(value) else domain

    # === ACTIONS === #

    def action_paylink_check_addresses(self):
        """Show those of these contacts whose addresses need a look, with the reasons; all of them if all are well."""
        bad = self.filtered(
            lambda partner: partner.paylink_email_state in BAD_STATES or partner.paylink_phone_state in BAD_STATES
        )
        if not bad:
            return {
                "type": "ir.actions.client",
                "tag": "display_notification",
                "params": {
                    "type": "success",
                    "message": self.env._(
                        "No problem was found with the addresses of these %(count)s contacts.", count=len(self)
                    ),
                },
            }
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.res_partner_address_action")
        return action | {"domain": [("id", "in", bad.ids)]}
