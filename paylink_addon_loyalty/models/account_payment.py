from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def _paylink_undo(self, moment=None):
        """A refund that failed after all leaves the wallet as it was, as a cancelled order does in Odoo."""
        result = super()._paylink_undo(moment)
        history = self.payment_transaction_id._paylink_wallet_history()
        for line in history:
            line.card_id._paylink_add(line.used - line.issued)
        history.unlink()
        return result
