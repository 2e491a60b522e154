from odoo import models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def _paylink_task_subjects(self):
        """Who has paid need not be reminded."""
        customers = (self.debit_move_id | self.credit_move_id).partner_id.commercial_partner_id
        return [*super()._paylink_task_subjects(), customers]
