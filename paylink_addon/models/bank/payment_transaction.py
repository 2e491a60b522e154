from odoo import api, fields, models
from odoo.tools import SQL

from ...tools import columns


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

    def _auto_init(self):
        """What was paid before is as its payment: nothing has been read at Stripe, and no transfer found."""
        fill = SQL(
            """UPDATE payment_transaction tx
                  SET paylink_is_matched = payment.is_matched, paylink_is_consolidated = payment.is_matched
                 FROM account_payment payment WHERE payment.id = tx.payment_id AND payment.is_matched"""
        )
        kinds = dict.fromkeys(("paylink_is_matched", "paylink_is_consolidated"), "boolean")
        columns.add(self.env.cr, self._table, fill, **kinds)
        return super()._auto_init()

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
            is_paid_out = bool(moves) and all(move.payout_id.arrival_line_id for move in moves)
            is_shown = tx.paylink_is_matched and (not moves or bool(tx.payment_id._paylink_bank_lines()))
            tx.paylink_is_consolidated = is_paid_out or is_shown

    def _paylink_own_moves(self):
        """What has moved at Stripe for it, besides chargebacks. Of a capture, its authorization has that."""
        authorization = self.source_transaction_id if self.operation != "refund" else self.browse()
        moves = self.paylink_balance_move_ids | authorization.paylink_balance_move_ids  # read with those of others
        return moves.filtered(lambda move: move.category not in ("dispute", "dispute_reversal"))

    def _paylink_arrived_on(self):
        """The day on which the bank has shown it, or the payout with it; ``False`` where it has not yet. What somebody
        has reconciled with the bank's line, whatever Stripe says of it, is there.
        """
        self.ensure_one()
        if self.paylink_match_id:
            return self.paylink_match_id.line_date
        charges = self._paylink_own_moves().filtered(lambda move: move.category == "charge")
        lines = charges.payout_id.arrival_line_id
        if charges and len(lines) == len(charges.payout_id) == 1:
            return lines.date
        return self.payment_id._paylink_arrived_on() if self.payment_id else False
