from odoo import fields, models


class PaymentTransaction(models.Model):
    """What customers' banks take back is not there anymore."""

    _inherit = "payment.transaction"

    paylink_dispute_ids = fields.One2many("paylink.dispute", "transaction_id", string="Chargebacks", readonly=True)

    def _paylink_taken_back(self):
        """What was taken back, unless the bank has given it back."""
        disputes = self.sudo().paylink_dispute_ids.filtered("withdrawal_id")
        return super()._paylink_taken_back() | {
            dispute.withdrawal_id: 0.0 if dispute.reinstatement_id else dispute.amount for dispute in disputes
        }
