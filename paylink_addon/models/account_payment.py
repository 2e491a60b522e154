from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def _paylink_receivable_lines(self):
        """The open lines of the payment on receivable accounts."""
        return self.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable" and not line.reconciled
        )

    def _paylink_reconcile(self, items):
        """Reconcile each payment with its ``items``, account by account, all in one plan.

        :param list items: an ``account.move.line`` record set for each payment
        """
        plan = [
            group
            for payment, own in zip(self, items, strict=True)
            for group in (payment._paylink_receivable_lines() + own).grouped("account_id").values()
            if len({line.balance > 0 for line in group}) == 2
        ]
        if plan:
            self.env["account.move.line"]._reconcile_plan(plan)

    def _paylink_open_credit(self):
        """What of the payment has not been reconciled with anything, in its currency."""
        open_amount = -sum(self._paylink_receivable_lines().mapped("amount_residual_currency"))
        return self.currency_id.round(max(open_amount, 0.0))
