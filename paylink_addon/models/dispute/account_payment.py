from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def _compute_amount_available_for_refund(self):
        """What a customer's bank has taken back can't be given back as well."""
        result = super()._compute_amount_available_for_refund()
        for payment in self.filtered("amount_available_for_refund"):
            taken = payment.sudo().payment_transaction_id._paylink_taken_back_amount()
            payment.amount_available_for_refund = max(payment.amount_available_for_refund - taken, 0.0)
        return result
