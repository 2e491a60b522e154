from odoo import fields, models


class PaymentTransaction(models.Model):
    """What has moved at the provider for a payment."""

    _inherit = "payment.transaction"

    paylink_balance_move_ids = fields.One2many("paylink.balance.move", "transaction_id", readonly=True)

    def _paylink_arrived_on(self):
        """The day on which the bank has shown it, or the payout with it; ``False`` where it has not yet."""
        self.ensure_one()
        if self.paylink_match_id:
            return self.paylink_match_id.line_date
        moves = (self | self.source_transaction_id).paylink_balance_move_ids  # of a capture: its authorization has them
        charges = moves.filtered(lambda move: move.category == "charge")
        lines = charges.payout_id.arrival_line_id
        return lines[:1].date if charges and len(lines) == len(charges.payout_id) == 1 else False
