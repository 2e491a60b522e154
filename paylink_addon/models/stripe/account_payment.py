from odoo import models
from odoo.exceptions import UserError

from .const import STRIPE_CODE


class AccountPayment(models.Model):
    """Payments by methods stored at Stripe, registered in Accounting."""

    _inherit = "account.payment"

    # === COMPUTE METHODS === #

    def _compute_suitable_payment_token_ids(self):
        """Offer what can be charged with the provider's key."""
        result = super()._compute_suitable_payment_token_ids()
        for payment in self:
            payment.suitable_payment_token_ids = payment.suitable_payment_token_ids._paylink_chargeable()
        return result

    # === ACTIONS === #

    def action_post(self):
        """Payments by a method stored at Stripe stay drafts until it has answered, which is after the commit.

        Odoo's own way charges within the database transaction, which a conflict runs again, and cancels what takes
        days (SEPA). Here the confirmed transaction posts the payment: see ``payment.transaction._post_process``.

        :raises UserError: for a payment whose charge is not confirmed: its money may never come
        """
        stored = self.filtered(lambda payment: payment.payment_token_id.sudo().provider_code == STRIPE_CODE)
        charged = stored.filtered(lambda payment: not payment.payment_transaction_id)
        (stored - charged)._paylink_check_charged()
        result = super(AccountPayment, self - charged).action_post()
        for transaction in charged.sudo()._create_payment_transaction():
            transaction._charge_with_token()
        return result

    # === BUSINESS METHODS === #

    def _paylink_check_charged(self):
        for payment in self:
            state = payment.payment_transaction_id.sudo().state
            if state in ("error", "cancel"):
                raise UserError(
                    self.env._("%(name)s was not charged: register a new payment.", name=payment.display_name)
                )
            if state != "done":
                raise UserError(
                    self.env._(
                        "%(name)s is being charged. Please wait: it is confirmed automatically once the money has "
                        "arrived.",
                        name=payment.display_name,
                    )
                )
