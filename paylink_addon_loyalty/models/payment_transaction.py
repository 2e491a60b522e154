from odoo import models
from odoo.tools import format_amount


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _paylink_wallet_history(self):
        """What these transactions have done to wallets."""
        return self.env["loyalty.history"].sudo().search([("paylink_transaction_id", "in", self.ids)])

    def _paylink_move_wallets(self):
        """Credit the wallets with booked top-ups, debit them by booked refunds: once per transaction, ever."""
        ours = self.sudo().filtered(lambda tx: tx.paylink_id.kind == "wallet" and tx.payment_id)
        for tx in ours - ours._paylink_wallet_history().paylink_transaction_id:
            if card := tx._paylink_wallet():
                card._paylink_move(tx, tx._paylink_wallet_text())
                tx._paylink_report_overdrawn(card)

    def _paylink_wallet(self):
        """The wallet to change: of a refund, the one that the payment went into."""
        if self.operation == "refund":
            return self.source_transaction_id._paylink_wallet_history().card_id[:1]
        program = self.company_id._paylink_wallet_program()
        return self.env["loyalty.card"].sudo()._paylink_wallet_of(self.paylink_id.partner_id, program)

    def _paylink_wallet_text(self):
        """What the wallet's history says, which the customer can read in the portal."""
        link = self.paylink_id
        env = self.env(context=dict(self.env.context, lang=link.lang))
        if self.operation == "refund":
            return env._("Refund of payment %(link)s", link=link.name)
        return env._("Top-up by payment %(link)s", link=link.name)

    def _paylink_report_overdrawn(self, card):
        """Money was given back that had been spent: a person has to ask the customer for it."""
        if card.currency_id.compare_amounts(card.points, 0) >= 0:
            return
        link = self.paylink_id
        env = link._owner_env()
        link._schedule(
            env._("The wallet of %(partner)s is overdrawn", partner=link.partner_id.display_name),
            env._(
                "%(refund)s was refunded, more than the wallet still held: it stands at %(balance)s. Ask the customer "
                "for the difference.",
                refund=format_amount(env, -self.amount, self.currency_id),
                balance=format_amount(env, card.points * card.program_id._paylink_rate(), card.currency_id),
            ),
        )
