from odoo import models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def _paylink_task_subjects(self):
        """What banks have given back may be used."""
        payments = (self.debit_move_id | self.credit_move_id).payment_id
        disputes = self.env["paylink.dispute"].search([("reinstatement_id", "in", payments.ids)])
        return [*super()._paylink_task_subjects(), disputes]
