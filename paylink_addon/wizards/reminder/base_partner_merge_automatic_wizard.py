from odoo import models

# What is kept by customer, which is a commercial entity. A promise for one invoice is the invoice's customer's.
KEPT_BY_CUSTOMER = (
    ("paylink.reminder.hold", "partner_id", [("move_id", "=", False)]),
    ("paylink.reminder.message", "customer_id", []),
    ("paylink.reminder", "customer_id", []),
)


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """A customer that becomes a contact of another one: its promises, objections and reminders are that one's."""

    _inherit = "base.partner.merge.automatic.wizard"

    def _update_values(self, src_partners, dst_partner):
        result = super()._update_values(src_partners, dst_partner)
        customer = dst_partner.commercial_partner_id
        if customer != dst_partner:
            for model, field, domain in KEPT_BY_CUSTOMER:
                records = self.env[model].sudo().with_context(active_test=False)
                records.search([(field, "=", dst_partner.id), *domain])[field] = customer
        return result
