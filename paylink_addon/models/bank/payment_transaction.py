from odoo import api, fields, models


class PaymentTransaction(models.Model):
    """What has moved at the provider for a payment."""

    _inherit = "payment.transaction"

    # What is stored here follows payments: whatever is reconciled in the books, its transactions are looked for.
    payment_id = fields.Many2one(index="btree_not_null")
    paylink_balance_move_ids = fields.One2many("paylink.balance.move", "transaction_id", readonly=True)
    paylink_is_matched = fields.Boolean(
        string="Reconciled",
        compute="_compute_paylink_is_consolidated",
        store=True,
        help="A line of the bank, or of the account at Stripe, shows it.",
    )
    paylink_is_consolidated = fields.Boolean(
        string="At the bank",
        compute="_compute_paylink_is_consolidated",
        store=True,
        help="It is on the bank account, with its payout if it has one.",
    )

    # === COMPUTE METHODS === #

    @api.depends(
        "paylink_match_id",
        "payment_id.is_matched",
        "paylink_balance_move_ids.category",
        "paylink_balance_move_ids.payout_id.arrival_line_id",
        "source_transaction_id.paylink_balance_move_ids.category",
        "source_transaction_id.paylink_balance_move_ids.payout_id.arrival_line_id",
    )
    def _compute_paylink_is_consolidated(self):
        """Stored, as lists filter by it among all that ever came in."""
        for tx in self:
            tx.paylink_is_matched = tx.payment_id.is_matched if tx.payment_id else bool(tx.paylink_match_id)
            moves = tx._paylink_own_moves()
            tx.paylink_is_consolidated = (
                all(move.payout_id.arrival_line_id for move in moves) if moves else tx.paylink_is_matched
            )

    def _paylink_own_moves(self):
        """What has moved at Stripe for it, besides chargebacks. Of a capture, its authorization has that."""
        authorization = self.source_transaction_id if self.operation != "refund" else self.browse()
        moves = self.paylink_balance_move_ids | authorization.paylink_balance_move_ids  # read with those of others
        return moves.filtered(lambda move: move.category not in ("dispute", "dispute_reversal"))

    def _paylink_arrived_on(self):
        """The day on which the bank has shown it, or the payout with it; ``False`` where it has not yet."""
        self.ensure_one()
        if self.paylink_match_id:
            return self.paylink_match_id.line_date
        charges = self._paylink_own_moves().filtered(lambda move: move.category == "charge")
        lines = charges.payout_id.arrival_line_id
        return lines[:1].date if charges and len(lines) == len(charges.payout_id) == 1 else False
