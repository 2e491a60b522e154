from odoo import fields, models


class PaylinkLink(models.Model):
    """The kind ``wallet``: what is paid is put into the customer's eWallet, and owed to the customer in the books.

    Its hooks are described at the model itself.
    """

    _inherit = "paylink.link"

    # Without this add-on the money is what a free amount is: the customer's credit.
    kind = fields.Selection(selection_add=[("wallet", "Wallet top-up")], ondelete={"wallet": "set default"})

    def _amount_problem_wallet(self):
        return self.company_id._paylink_wallet_problem(self.amount, self.currency_id)

    def _settle_wallet(self, _transaction):
        """The payment's counterpart is the liability; nothing is open on the customer's account."""
        program = self.company_id._paylink_wallet_program()
        return {"destination_account_id": program.paylink_account_id.id}, self.env["account.move.line"]

    def _after_booking_wallet(self, transactions):
        """The wallet is credited with the booking, or neither happens."""
        transactions.filtered(lambda tx: tx.paylink_id in self)._paylink_move_wallets()

    def _excess_wallet(self, transaction):
        """Money that came twice is in the wallet, where nobody would look for it."""
        return max(self.currency_id.round(min(self._paid_amount() - self.amount, transaction.amount)), 0.0)

    def _excess_text_wallet(self, env, _transaction, amount):
        return env._(
            "%(partner)s paid %(amount)s more than was asked for. The rest is in the wallet: refund it, or leave it "
            "there.",
            partner=self.partner_id.display_name,
            amount=amount,
        )

    # === TASKS === #

    def _paylink_done_wallet_overdrawn(self, _task):
        withdrawn = self.transaction_ids.filtered("paylink_withdrawn_at")  # these have no history anymore
        cards = self.transaction_ids._paylink_wallet_history().card_id.union(*withdrawn._paylink_wallets().values())
        return all(card.currency_id.compare_amounts(card.points, 0) >= 0 for card in cards)

    def _paylink_done_wallet_archived(self, _task):
        """The wallet can be spent from again, or what has come was given back."""
        programs = self.transaction_ids._paylink_wallet_history().card_id.program_id
        given_back = self.currency_id.compare_amounts(self.amount_refunded, self.amount_paid) >= 0
        return given_back or all(programs.mapped("active"))
