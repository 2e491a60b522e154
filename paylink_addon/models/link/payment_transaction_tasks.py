"""Stage of ``payment.transaction``: when the tasks about payments are done."""

from odoo import models


class PaymentTransactionTasks(models.Model):
    """When what the tasks about payments ask for is done: see ``paylink.ending.mixin``."""

    _name = "payment.transaction"
    _inherit = ["payment.transaction", "paylink.ending.mixin"]

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"state", "is_post_processed", "payment_id", "paylink_todo"}

    def _paylink_task_subjects(self):
        """Also the parts and refunds of the same payments, and the links."""
        return [self | (self | self.source_transaction_id).child_transaction_ids, self.paylink_id]

    def _paylink_done_payment_excess(self, _task):
        return not self.paylink_id._of_kind("excess", self)

    def _paylink_done_payment_overtaken(self, _task):
        """What has come is another task, if any; what came to nothing is nobody's anymore."""
        return self.state in ("done", "error", "cancel")

    def _paylink_done_refund_unanswered(self, _task):
        return self.state != "draft"

    def _paylink_done_charge_unanswered(self, _task):
        return self.state not in ("draft", "pending")

    def _paylink_done_refund_failed(self, _task):
        """It was refunded after all, or again since."""
        refunds = self.source_transaction_id.child_transaction_ids._paylink_refunds()
        since = refunds.filtered(lambda tx: tx == self or tx.last_state_change > self.last_state_change)
        return self.currency_id.compare_amounts(sum(since.mapped("amount")), self.amount) <= 0  # both are negative

    def _paylink_done_capture_failed(self, _task):
        return not self.source_transaction_id._paylink_authorized()._paylink_authorized_amount()

    def _paylink_done_payment_failed(self, _task):
        """It has come after all, or was asked for anew, or nothing is due anymore."""
        link = self.paylink_id
        anew = link._live_successor().issued_at
        return bool(self.state == "done" or link.state == "paid" or anew or link._due_amounts()[link.id] <= 0)

    def _paylink_done_charge_declined(self, _task):
        """It was charged after all, or paid another way."""
        payable = self.invoice_ids.filtered(lambda move: move.state == "posted")._paylink_open_items()
        return self.state == "done" or (bool(self.invoice_ids) and not payable._paylink_left())
