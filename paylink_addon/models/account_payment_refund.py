from odoo import models


class AccountPayment(models.Model):
    """What of a payment can still be given back."""

    _inherit = "account.payment"

    def _compute_amount_available_for_refund(self):
        """Odoo counts all refunds of a payment; the money of those that were undone has come back."""
        result = super()._compute_amount_available_for_refund()
        undone = self._read_group(
            [("source_payment_id", "in", self.ids), ("state", "in", ("canceled", "rejected"))],
            ["source_payment_id"],
            ["amount:sum"],
        )
        for payment, amount in undone:
            if payment.payment_transaction_id._paylink_refund_support() != "none":  # else Odoo says 0
                payment.amount_available_for_refund += amount
        return result
