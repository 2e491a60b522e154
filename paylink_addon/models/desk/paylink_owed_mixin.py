from odoo import api, fields, models
from odoo.tools import format_amount, format_date

from .res_partner import Owed

GROUP = "paylink_addon.group_paylink_user"


class PaylinkOwedMixin(models.AbstractModel):
    """A customer's document that says what the customer owes, to whoever may ask the customer for it.

    Nothing of it is stored: forms show it, lists do not.
    """

    _name = "paylink.owed.mixin"
    _description = "Says What the Customer Owes"

    paylink_owed_text = fields.Char(string="Customer Owes", compute="_compute_paylink_owed", groups=GROUP)
    paylink_is_overdue = fields.Boolean(string="Customer Is Late", compute="_compute_paylink_owed", groups=GROUP)

    @api.depends("partner_id", "company_id")
    @api.depends_context("uid", "allowed_company_ids", "lang")
    def _compute_paylink_owed(self):
        for record in self:
            owed = record._paylink_owed_by_customer()
            record.paylink_owed_text = record._paylink_owed_text(owed) if owed.amount > 0 else False
            record.paylink_is_overdue = bool(owed.since)

    def _paylink_owed_by_customer(self):
        """What the customer owes, as far as the user may know it."""
        partner = self.sudo().partner_id._origin
        customers = (partner | partner.commercial_partner_id).sudo(self.env.su)
        is_asked = partner and self._paylink_asks() and self.env.user.has_group(GROUP)
        if not is_asked or customers != customers._filtered_access("read"):
            return Owed()
        return partner.sudo(self.env.su)._paylink_owes(self.company_id)

    def _paylink_asks(self):
        """Hook: whether it is a document by which a customer is to pay."""
        self.ensure_one()
        return True

    def _paylink_owed_text(self, owed):
        facts = {
            "customer": self.partner_id.commercial_partner_id.display_name,
            "amount": format_amount(self.env, owed.amount, self.company_id.currency_id),
        }
        if not owed.since:
            return self.env._("%(customer)s owes %(amount)s. Nothing of it is overdue.", **facts)
        facts["date"] = format_date(self.env, owed.since)
        return self.env._("%(customer)s owes %(amount)s, the oldest of it since %(date)s.", **facts)

    def action_paylink_send_statement(self):
        """Open the dialog that sends the customer's statement, as one of the document's company."""
        self.ensure_one()
        self.check_access("read")
        partner = self.partner_id.with_company(self.company_id)
        action = partner.action_paylink_send_statements()
        action["context"]["allowed_company_ids"] = partner.env.companies.ids
        return action
