from odoo import models
from odoo.tools import format_amount


class PaylinkDispute(models.Model):
    """A top-up that is charged back: what the bank takes back leaves the wallet, what it gives back is in it again."""

    _inherit = "paylink.dispute"

    def _book_withdrawal(self):
        """The wallet is debited with the booking, or neither happens."""
        result = super()._book_withdrawal()
        self._move_wallet(self.withdrawal_id, -1)
        return result

    def _book_reinstatement(self):
        """Likewise, credited."""
        result = super()._book_reinstatement()
        self._move_wallet(self.reinstatement_id, 1)
        return result

    def _move_wallet(self, payment, sign):
        """Put into the wallet, or take from it, what a payment of the chargeback booked: once per payment, ever."""
        transaction = self.transaction_id
        filled = (transaction | transaction._paylink_settled_parts())._paylink_wallet_history()
        card = filled.card_id[:1]
        if not card or card.history_ids.filtered(lambda line: line.paylink_payment_id == payment):
            return
        card._paylink_move([(card, sign * payment.amount, self._wallet_values(payment, sign))])
        if sign < 0:
            transaction._paylink_report_overdrawn(card, self._overdrawn_note)

    def _wallet_values(self, payment, sign):
        """What the wallet's history says, which the customer can read in the portal."""
        link = self.link_id
        env = self.env(context=dict(self.env.context, lang=link.lang))
        if sign < 0:
            text = env._("Payment %(link)s taken back by the bank", link=link.name)
        else:
            text = env._("Payment %(link)s given back by the bank", link=link.name)
        return {"paylink_payment_id": payment.id, "description": text}

    def _overdrawn_note(self, env, balance):
        return env._(
            "The bank of the customer took back %(amount)s, more than the wallet still held: it stands at %(balance)s. "
            "Ask the customer for the difference, unless the chargeback is won.",
            amount=format_amount(env, self.amount, self.currency_id),
            balance=balance,
        )
