from odoo import models
from odoo.exceptions import UserError

from ...models.stripe.const import STRIPE_CODE
from ...tools.locks import hold_and_touch


class AccountPaymentRegister(models.TransientModel):
    _inherit = "account.payment.register"

    def _compute_suitable_payment_token_ids(self):
        """Offer what can be charged with the provider's key."""
        result = super()._compute_suitable_payment_token_ids()
        for wizard in self:
            wizard.suitable_payment_token_ids = wizard.suitable_payment_token_ids._paylink_chargeable()
        return result

    def _post_payments(self, to_process, edit_mode=False):
        """Charge no stored method for what another payment may settle still: both would take the money."""
        for vals in to_process:
            if vals["payment"].payment_token_id.sudo().provider_code == STRIPE_CODE:
                self._paylink_claim(vals["to_reconcile"])
        return super()._post_payments(to_process, edit_mode=edit_mode)

    def _paylink_claim(self, items):
        """Make sure, under lock, that nothing else brings the money of these items.

        :raises UserError: a payment is in progress already
        """
        Link = self.env["paylink.link"].sudo()
        hold_and_touch(items.sudo())
        if busy := items.sudo()._paylink_in_flight():
            raise UserError(
                self.env._(
                    "A payment of %(documents)s is in progress: wait for its outcome before you charge another one.",
                    documents=", ".join(busy.move_id.mapped("name")),
                )
            )
        Link._open_drafts_on(items.move_id)._paylink_close(
            self.env._("A stored payment method is being charged instead.")
        )
