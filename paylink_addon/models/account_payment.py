from odoo import fields, models
from odoo.exceptions import UserError

from ..const import STRIPE_CODE


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

    def _paylink_is_waiting(self):
        """Whether the payment is not in the books yet; Odoo's registration makes its entry, in draft, at once."""
        return bool(self) and (self.state == "draft" or self.move_id.state == "draft")

    def _paylink_undo(self):
        """Take a payment out of the books, whose money never moved: cancelled, or reversed in a closed period."""
        for payment in self:
            try:
                with self.env.cr.savepoint():
                    payment.action_draft()
                    payment.action_cancel()
            except UserError:
                today = fields.Date.context_today(self)
                payment.move_id._reverse_moves([{"date": today, "ref": payment.name}], cancel=True)
                payment.action_reject()

    def action_post(self):
        """Payments by a method stored at Stripe stay drafts until it has answered, which is after the commit.

        Odoo's own way charges within the database transaction, which a conflict runs again, and cancels what takes
        days (SEPA). Here the confirmed transaction posts the payment: see ``payment.transaction._post_process``.
        """
        charged = self.filtered(
            lambda payment: (
                payment.payment_token_id.sudo().provider_code == STRIPE_CODE and not payment.payment_transaction_id
            )
        )
        result = super(AccountPayment, self - charged).action_post()
        for transaction in charged.sudo()._create_payment_transaction():
            transaction._charge_with_token()
        return result
