from odoo import models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def _paylink_task_subjects(self):
        """Of what has been paid nobody need find out anymore what was wrong."""
        items = self.debit_move_id | self.credit_move_id
        answers = self.env["paylink.answer"].sudo().search([("line_ids.move_line_id", "in", items.ids)])
        return [*super()._paylink_task_subjects(), answers]

    def unlink(self):
        """What was paid of a plan and is open again, as a bank or somebody took it back, is asked for anew."""
        items = self.debit_move_id | self.credit_move_id
        plans = self.env["paylink.plan"]._running_of(items)
        paid = plans.part_ids - plans._all_open()
        result = super().unlink()
        (plans._all_open() & paid).told_at = False
        return result
