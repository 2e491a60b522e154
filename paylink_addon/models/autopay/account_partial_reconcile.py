from odoo import models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def _paylink_task_subjects(self):
        """What has been paid need not be charged, whoever objects."""
        items = self.debit_move_id | self.credit_move_id
        rows = self.env["paylink.autopay.item"].sudo().search([("move_line_id", "in", items.ids)])
        return [*super()._paylink_task_subjects(), *rows._paylink_task_subjects()]
