from odoo import models


class AccountChartTemplate(models.AbstractModel):
    _inherit = "account.chart.template"

    def _load(self, template_code, company, *args, **kwargs):
        """A company that changes its chart while nothing is booked keeps its wallet, with an account of the new one."""
        result = super()._load(template_code, company, *args, **kwargs)
        if company._paylink_ewallets():
            company._paylink_set_up_wallet()
        return result
