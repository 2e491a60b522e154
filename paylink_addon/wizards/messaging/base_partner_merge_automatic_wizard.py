from odoo import models
from odoo.tools import SQL


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Customers that become one keep all their addresses. What each has agreed to, it has agreed to for itself."""

    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        for name in self.env.registry.descendants(["paylink.lasting.mixin"], "_inherit"):
            if not self.env[name]._abstract:
                self.env[name].sudo()._merge_customers(src_partners, dst_partner)
        self._paylink_forget_agreements(src_partners)
        return super()._update_foreign_keys(src_partners, dst_partner)

    @staticmethod
    def _paylink_forget_agreements(partners):
        """Odoo fills what the remaining contact lacks: it would have agreed to what it was never asked."""
        names = [
            field.name
            for field in partners._fields.values()
            if field.company_dependent and field.name.startswith("paylink_")
        ]
        if names:
            partners.flush_recordset(names)
            nothing = SQL(", ").join(SQL("%s = NULL", SQL.identifier(name)) for name in names)
            partners.env.execute_query(
                SQL("UPDATE res_partner SET %s WHERE id IN %s RETURNING id", nothing, partners._ids)
            )
            partners.invalidate_recordset(names, flush=False)
