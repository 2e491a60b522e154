from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def _paylink_undo(self, moment=None):
        """A refund that failed after all leaves the wallet as it was, as a cancelled order does in Odoo.

        Of a top-up that turned out to be none, some may be spent: a person has to ask for that.
        """
        result = super()._paylink_undo(moment)
        history = self.payment_transaction_id._paylink_wallet_history()
        taken = [(line.paylink_transaction_id, line.card_id) for line in history if line.issued > line.used]
        for line in history:
            line.card_id._paylink_add(line.used - line.issued)
        history.unlink()
        for transaction, card in taken:
            transaction._paylink_report_overdrawn(card, transaction._paylink_withdrawn_note)
        return result
