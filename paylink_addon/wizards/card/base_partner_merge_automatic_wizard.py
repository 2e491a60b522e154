from odoo import models
from odoo.exceptions import UserError


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        """The contact that stands for new customers is nobody: what they have stored would become one customer's.

        What a contact has stored that goes to another customer is not charged for the first one anymore.
        """
        domain = [("paylink_newcomer_id", "in", list(partner_ids))]
        if newcomer := self.env["res.company"].sudo().search(domain, limit=1).paylink_newcomer_id:
            raise UserError(
                self.env._(
                    "“%(name)s” stands for new customers who have stored a payment method: it can't be merged.",
                    name=newcomer.display_name,
                )
            )
        result = super()._merge(partner_ids, dst_partner=dst_partner, extra_checks=extra_checks)
        self.env["res.partner"].browse(partner_ids).exists()._paylink_drop_foreign_defaults()
        return result
