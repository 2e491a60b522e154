"""Stage of ``payment.transaction``: when the tasks about what Stripe has answered are done."""

from odoo import models


class PaymentTransactionTasks(models.Model):
    """When what the tasks about Stripe's answers ask for is done: see ``paylink.ending.mixin``."""

    _inherit = "payment.transaction"

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"paylink_stripe_session"}

    def _paylink_task_subjects(self):
        """Also what was tried before to pay the same by no link."""
        return [
            *super()._paylink_task_subjects(),
            self.filtered(lambda tx: not tx.paylink_id).invoice_ids.transaction_ids,
        ]

    def _paylink_done_provider_answer_refused(self, task):
        """An answer was taken after all."""
        return self.state in ("done", "cancel", "error") and self.last_state_change > task.create_date

    def _paylink_done_provider_page_refused(self, _task):
        """Of what came by no link: a later page of the same invoices could be opened."""
        later = self.invoice_ids.transaction_ids.filtered(lambda tx: tx.id > self.id)
        return self.state == "done" or any(tx.paylink_stripe_session or tx.state == "done" for tx in later)
