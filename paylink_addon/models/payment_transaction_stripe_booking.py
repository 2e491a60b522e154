from odoo import models


class PaymentTransaction(models.Model):
    """How payments by stored methods that were registered in Accounting get into the books."""

    _inherit = "payment.transaction"

    def _post_process(self):
        """Post the payment that waited for its charge, or give it up; book the money of one that was cancelled."""
        stripe = self.filtered(lambda tx: tx._paylink_is_stripe() and not tx.is_post_processed)
        for tx in stripe.filtered(lambda tx: tx.state == "done" and tx.payment_id.state in ("canceled", "rejected")):
            tx.payment_id = False
        waiting = stripe.filtered(lambda tx: tx.payment_id._paylink_is_waiting())
        result = super()._post_process()
        for tx in waiting:
            if tx.state == "done":
                tx.with_company(tx.company_id)._paylink_post_payment()
            elif tx.state in ("error", "cancel"):
                tx.payment_id.action_cancel()
        return result

    def _paylink_post_payment(self):
        self.payment_id.action_post()
        items = self.invoice_ids.line_ids.filtered(lambda line: line._paylink_is_collectable())
        self.payment_id._paylink_reconcile([items])
