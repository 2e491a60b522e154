from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_amount


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

    @api.model
    def _report_excess(self, transactions):
        """Money that came twice is in the wallet, where nobody would look for it: it is somebody's task."""
        result = super()._report_excess(transactions)
        for link in transactions.paylink_id.filtered(lambda link: link.kind == "wallet"):
            excess = link.amount_paid - link.amount
            if link.currency_id.compare_amounts(excess, 0) > 0:
                env = link._owner_env()
                amount = format_amount(env, excess, link.currency_id)
                link._schedule(
                    env._("%(amount)s too much was paid", amount=amount),
                    env._(
                        "%(partner)s paid %(amount)s more than was asked for. It is in the wallet: refund it, or leave "
                        "it.",
                        partner=link.partner_id.display_name,
                        amount=amount,
                    ),
                )
        return result
