from odoo import models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def _paylink_task_subjects(self):
        """Of what has been paid nobody need find out anymore what was wrong."""
        items = self.debit_move_id | self.credit_move_id
        answers = self.env["paylink.answer"].sudo().search([("line_ids.move_line_id", "in", items.ids)])
        return [*super()._paylink_task_subjects(), answers]
