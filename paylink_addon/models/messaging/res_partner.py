from contextlib import contextmanager

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools import days
from ...tools.address_checks import check_email, check_phone

GROUP = "paylink_addon.group_paylink_user"
STATES = [("valid", "Valid"), ("doubtful", "Doubtful"), ("unknown", "Unknown"), ("invalid", "Invalid")]
BAD_STATES = ("doubtful", "unknown", "invalid")
# Nothing can be done about it.
ACCEPTED_CODES = ("phone_either",)


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
    paylink_is_address_bad = fields.Boolean(
        string="Address to Check",
        compute="_compute_paylink_is_address_bad",
        search="_search_paylink_is_address_bad",
        groups=GROUP,
        help="Somebody should look at its e-mail address or phone number.",
    )

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

    @api.depends("email", "message_bounce", "phone", "country_id", "commercial_partner_id.country_id")
    def _compute_paylink_is_address_bad(self):
        for partner in self:
            partner.paylink_is_address_bad = partner._paylink_has_bad_address()

    def _paylink_has_bad_address(self):
        verdicts = (self._paylink_email_verdict(), self._paylink_phone_verdict())
        return any(found and found.state in BAD_STATES and found.code not in ACCEPTED_CODES for found in verdicts)

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
            "phone_either": self.env._(
                "%(number)s: in North America a number does not tell whether it is a mobile. An SMS will be tried.",
                number=value,
            ),
            "phone_mobile": self.env._("%(number)s: can receive SMS.", number=value),
            "phone_landline": self.env._("%(number)s is a landline: it can't receive SMS.", number=value),
        }
        return texts[verdict.code]

    def _search_paylink_email_state(self, operator, value):
        return self._paylink_search_verdict(operator, value, "email", "_paylink_email_verdict")

    def _search_paylink_phone_state(self, operator, value):
        return self._paylink_search_verdict(operator, value, "phone", "_paylink_phone_verdict")

    def _search_paylink_is_address_bad(self, operator, value):
        if operator != "in":
            return NotImplemented
        bad = self._paylink_found(["email", "phone"], lambda partner: partner._paylink_has_bad_address())
        return Domain("id", "in" if True in set(value) else "not in", bad.ids)

    @api.model
    def _paylink_search_verdict(self, operator, value, field, verdict):
        """The domain of the contacts whose ``field`` has one of the states ``value``."""
        if operator != "in":
            return NotImplemented
        states = set(value)
        found = self._paylink_found([field], lambda partner: getattr(partner, verdict)().state in states)
        domain = Domain("id", "in", found.ids)
        return domain | Domain(field, "in", (False, "")) if False in states else domain

    @api.model
    def _paylink_found(self, names, is_wanted):
        """The contacts with any of the fields ``names`` that are wanted: all are checked, in memory, a few microseconds
        each.
        """
        known = [*names, "message_bounce", "country_id", "commercial_partner_id"]
        filled = Domain.OR(Domain(name, "not in", (False, "")) for name in names)
        return self.with_context(active_test=False).search_fetch(filled, known).filtered(is_wanted)

    # === LANGUAGE === #

    def _paylink_lang(self, *otherwise):
        """The language to write to this contact in: the nearest to its own that is installed. Whoever was archived
        while a language was given up still has that one, and Odoo does nothing in it.

        :param otherwise: codes for who has none, before that of whoever acts
        """
        return self.env["res.lang"]._paylink_nearest(self.lang, *otherwise, self.env.lang) or "en_US"

    @contextmanager
    def _paylink_speaking(self, lang=None):
        """While it lasts, Odoo takes these contacts to speak ``lang``: in memory alone, nothing follows from it.

        :param str lang: a code; by default each speaks its own, or the nearest to one that was given up
        """
        partners = self.sudo()
        spoken = {partner: lang or partner._paylink_lang() for partner in partners if partner.lang}
        changed = partners.filtered(lambda partner: partner.lang and partner.lang != spoken[partner])
        changed.flush_recordset(["lang"])
        for partner in changed:
            self._fields["lang"]._update_cache(partner, spoken[partner])
        try:
            yield
        finally:
            changed.invalidate_recordset(["lang"])

    # === DAYS === #

    def _paylink_timezone(self, company):
        """The name of the time zone by whose clock this customer of ``company`` acts: see
        :mod:`~odoo.addons.paylink_addon.tools.days`.
        """
        return days.known(self.tz, company.paylink_tz)

    def _paylink_today(self, company):
        """The day it is for this customer of ``company``."""
        return days.today(self._paylink_timezone(company))

    # === ACTIONS === #

    def action_paylink_check_addresses(self):
        """Show those of these contacts whose addresses need a look, with the reasons; all of them if all are well."""
        bad = self.filtered("paylink_is_address_bad")
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
