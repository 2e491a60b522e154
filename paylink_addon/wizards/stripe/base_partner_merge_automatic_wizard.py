from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Customers that become one are one at Stripe from now on."""

    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        self.env["paylink.stripe.customer"].sudo()._merge_customers(src_partners, dst_partner)
        return super()._update_foreign_keys(src_partners, dst_partner)
