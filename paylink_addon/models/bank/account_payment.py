from odoo import models


class AccountPayment(models.Model):
    """Whether the bank has shown a payment."""

    _inherit = "account.payment"

    def _paylink_bank_lines(self):
        """The lines of banks that show them. Those of an account at Stripe do not: there they are on their way."""
        items = self.move_id.line_ids.filtered(lambda item: item.account_id == item.payment_id.outstanding_account_id)
        others = items.matched_debit_ids.debit_move_id | items.matched_credit_ids.credit_move_id
        return others.move_id.statement_line_id._paylink_of_banks()

    def _paylink_arrived_on(self):
        """The day on which the bank has shown it; ``False`` where it has not yet. What is booked on the account of the
        bank at once is there.
        """
        if not self.is_matched:
            return False
        if self.outstanding_account_id == self.journal_id.default_account_id:
            return self.date if self.journal_id._paylink_takes_transfers() else False
        return max(self._paylink_bank_lines().mapped("date"), default=False)
