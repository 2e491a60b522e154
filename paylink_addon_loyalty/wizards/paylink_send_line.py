from odoo import models


class PaylinkSendLine(models.TransientModel):
    """The top-up of one wallet."""

    _inherit = "paylink.send.line"

    def _amount_problem_wallet(self):
        company = self.wizard_id.company_id
        return company._paylink_wallet_problem(self.amount, self.currency_id or company.currency_id)
