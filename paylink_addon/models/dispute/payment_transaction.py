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

    def _paylink_taken_rows(self, env):
        """Of an amount that was captured later, it is noted on what was authorized."""
        rows = super()._paylink_taken_rows(env)
        for dispute in (self | self.source_transaction_id).sudo().paylink_dispute_ids.filtered("withdrawal_id"):
            taken, given = dispute.withdrawal_id, dispute.reinstatement_id
            amount = self._paylink_share(dispute.transaction_id, dispute.amount)
            rows.append((dispute.withdrawn_on or taken.date, env._("Taken back by your bank"), dispute.name, -amount))
            if given:
                rows.append(
                    (
                        dispute.reinstated_on or given.date,
                        env._("Given back by your bank"),
                        dispute.name,
                        amount,
                    )
                )
        return rows

    def _paylink_booked_lines(self):
        """And what the bank has given back: it pays what was paid before. Of an amount that was captured in parts it
        was taken from one of them: see ``paylink.dispute._source``.
        """
        taken_from = self.source_transaction_id.filtered(
            lambda whole: whole._paylink_settled_parts().payment_id.sorted("id")[:1] in self.payment_id
        )
        disputes = (self | taken_from).sudo().paylink_dispute_ids
        return super()._paylink_booked_lines() | disputes.reinstatement_id.move_id.line_ids
