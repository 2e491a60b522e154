from odoo import models
from odoo.fields import Domain


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def _paylink_task_subjects(self):
        """What banks have given back may be used, and what they have taken for good paid again."""
        items = self.debit_move_id | self.credit_move_id
        given_back = Domain("reinstatement_id", "in", items.payment_id.ids)
        disputes = self.env["paylink.dispute"].search(given_back | Domain("item_ids", "in", items.ids))
        return [*super()._paylink_task_subjects(), disputes]
