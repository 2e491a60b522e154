from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "paylink.status.mixin"]

    # === WHICH LINKS === #

    def _paylink_pairs_sql(self):
        """The links that the user may see of each opportunity: a colleague's do not show."""
        domain = [("lead_id", "in", self.ids)] if self else [("lead_id", "!=", False)]
        links = self.env["paylink.link"].with_context(active_test=False)._search(domain)
        self.env["paylink.link"].flush_model(["lead_id"])
        return SQL(
            "SELECT link.lead_id AS record_id, link.id AS link_id, link.id FROM paylink_link link WHERE link.id IN %s",
            links.subselect(),
        )

    # === ACTIONS === #

    def action_paylink_send(self):
        """Open the wizard that asks the opportunity's contact for a payment; the contact becomes a customer first."""
        self.ensure_one()
        if self.company_id and self.company_id != self.env.company:
            raise UserError(
                self.env._(
                    "“%(lead)s” belongs to %(company)s: switch to it.", lead=self.name, company=self.company_id.name
                )
            )
        self._paylink_ensure_customer()
        action = self.env["paylink.send"]._action_open(self.partner_id)
        return action | {
            "name": self.env._("Ask for a payment"),
            "context": {**action["context"], "default_lead_id": self.id},
        }

    def action_paylink_view_links(self):
        """Show the payments asked for on the opportunity."""
        self.ensure_one()
        return self.env["paylink.link"]._get_records_action(
            name=self.env._("Payments of %(name)s", name=self.display_name)
        ) | {
            "domain": [("lead_id", "=", self.id)],
            "views": [(False, "list"), (False, "form")],
            "res_id": False,
            "context": {"default_lead_id": self.id, "default_partner_id": self.partner_id.id},
        }

    # === BUSINESS METHODS === #

    def _paylink_ensure_customer(self):
        """As Odoo does when it converts a lead: the customer with the same e-mail, else a new one."""
        self.ensure_one()
        if not self.partner_id:
            self._handle_partner_assignment(force_partner_id=self._find_matching_partner().id, create_missing=True)

    def _merge_dependences(self, opportunities):
        """What has been asked for on merged opportunities belongs to the one that remains."""
        result = super()._merge_dependences(opportunities)
        self.env["paylink.link"].sudo().search([("lead_id", "in", opportunities.ids)]).lead_id = self
        return result
