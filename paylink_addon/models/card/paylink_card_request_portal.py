"""Stage of ``paylink.card.request``: what customers store of their own accord, in the portal."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...const import DEFAULT_MAX_ATTEMPTS, MAX_ATTEMPTS_PARAMETER
from ...tools.parameters import whole_number


class PaylinkCardRequestPortal(models.Model):
    """Nobody has asked them: the request is theirs, and gives the page, the consent and the timeline."""

    _inherit = "paylink.card.request"

    is_from_portal = fields.Boolean(
        string="From the portal", readonly=True, copy=False, help="The customer wants to store a method: nobody asked."
    )

    @api.model
    def _portal_template(self, user, company, kind="existing"):
        """What a portal user can store a method by, or an empty record set: nothing can be stored."""
        company, partner = company.sudo(), user.sudo().partner_id
        template = company._paylink_card_template(kind)
        if not template or template._wording_problem(partner._paylink_lang()):
            return template.browse()
        return template.browse() if template._storing_problems(company, partner)[partner] else template

    @api.model
    def _for_portal(self, user, company, replaced):
        """The request by which a portal user stores a method: the one that is open, else a new one. In sudo mode.

        :param replaced: the user's ``payment.token`` that is to be replaced, or an empty record set
        :raises UserError: it can't be stored, or too much was tried
        """
        partner, company = replaced.partner_id or user.sudo().partner_id, replaced.company_id or company.sudo()
        template = self._portal_template(user, company, "update" if replaced else "existing")
        if not template:
            raise UserError(self.env._("This is not possible at the moment: please contact us."))
        domain = [
            *(("is_from_portal", "=", True), ("partner_id", "=", partner.id), ("company_id", "=", company.id)),
            *(("template_id", "=", template.id), ("replaces_id", "=", replaced.id)),
        ]
        recent = self.search([*domain[:2], ("create_date", ">=", fields.Datetime.now() - timedelta(hours=1))])
        live = self.search([*domain, ("state", "in", ("open", "failed"))]).filtered(lambda own: own._is_live())
        if not live and len(recent) >= whole_number(self.env, MAX_ATTEMPTS_PARAMETER, DEFAULT_MAX_ATTEMPTS):
            raise UserError(self.env._("Too many attempts: wait an hour, or contact us."))
        return live[:1] or self._make_for_portal(partner, company, template, replaced)

    def _make_for_portal(self, partner, company, template, replaced):
        salesperson = (partner.user_id | partner.commercial_partner_id.user_id).filtered("active")[:1]
        values = {
            "is_from_portal": True,
            "partner_id": partner.id,
            "company_id": company.id,
            "template_id": template.id,
            "replaces_id": replaced.id,
            "user_id": salesperson.id,
            "lang": partner._paylink_lang(),
        }
        request = self.with_company(company).create(values)
        request._issue()
        return request
