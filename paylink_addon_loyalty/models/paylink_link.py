from odoo import api, fields, models
from odoo.exceptions import ValidationError


class PaylinkLink(models.Model):
    """The kind ``wallet``: what is paid is put into the customer's eWallet, and owed to the customer in the books."""

    _inherit = "paylink.link"

    # Without this add-on the money is what a free amount is: the customer's credit.
    kind = fields.Selection(selection_add=[("wallet", "Wallet top-up")], ondelete={"wallet": "set default"})

    @api.constrains("kind", "amount", "currency_id", "company_id")
    def _check_wallet(self):
        for link in self.filtered(lambda link: link.kind == "wallet"):
            problem = link.company_id._paylink_wallet_problem(link.amount, link.currency_id)
            if problem:
                raise ValidationError(problem)

    def _due_wallet(self):
        """What has not been received of the amount asked for."""
        return self._due_free()

    def _settle_wallet(self, _transaction):
        """The payment's counterpart is the liability; nothing is open on the customer's account."""
        program = self.company_id._paylink_wallet_program()
        return {"destination_account_id": program.paylink_account_id.id}, self.env["account.move.line"]

    @api.model
    def _book(self, transactions):
        """The wallet is credited with the booking, or neither happens."""
        result = super()._book(transactions)
        transactions._paylink_move_wallets()
        return result

    def _excess(self, transaction):
        """Money that came twice is in the wallet, where nobody would look for it."""
        if self.kind != "wallet":
            return super()._excess(transaction)
        return max(self.currency_id.round(self.amount_paid - self.amount), 0.0)

    def _excess_text(self, env, transaction, amount):
        if self.kind != "wallet":
            return super()._excess_text(env, transaction, amount)
        return env._(
            "%(partner)s paid %(amount)s more than was asked for. The rest is in the wallet: refund it, or leave it "
            "there.",
            partner=self.partner_id.display_name,
            amount=amount,
        )
