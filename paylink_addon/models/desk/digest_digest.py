from odoo import fields, models
from odoo.exceptions import AccessError


class DigestDigest(models.Model):
    _inherit = "digest.digest"

    kpi_paylink_received = fields.Boolean(string="Paid by collection links")
    kpi_paylink_received_value = fields.Monetary(compute="_compute_kpi_paylink_received_value")

    def _compute_kpi_paylink_received_value(self):
        """What came by links, less what went back: of each user what they may see, on the company's days.

        Of whole days: the day on which a digest is sent is in the next one.
        """
        if not self.env["paylink.receipt"].has_access("read"):
            raise AccessError(self.env._("Only who has collection links is told of them."))
        moments = [fields.Datetime.to_datetime(moment) for moment in self._get_kpi_compute_parameters()[:2]]
        if not all(moments):  # it is read as a form, of no period
            self.kpi_paylink_received_value = 0.0
            return
        for digest in self:
            company = digest.company_id or self.env.company
            start, end = map(company._paylink_day, moments)
            ours = [
                ("link_id", "!=", False),
                ("company_id", "=", company.id),
                ("date", ">=", start),
                ("date", "<", end),
            ]
            ((amount,),) = self.env["paylink.receipt"]._read_group(ours, [], ["amount_company:sum"])
            digest.kpi_paylink_received_value = amount

    def _compute_kpis_actions(self, company, user):
        """A click on it shows what has come in."""
        menu = self.env.ref("paylink_addon.paylink_menu_root").id
        action = f"paylink_addon.paylink_receipt_action?menu_id={menu}"
        return super()._compute_kpis_actions(company, user) | {"kpi_paylink_received": action}
