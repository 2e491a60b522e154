from odoo import fields, models


class PaylinkLink(models.Model):
    _inherit = "paylink.link"

    by_autopay = fields.Boolean(
        string="By automatic payment", readonly=True, copy=False, help="Made to charge a stored method."
    )

    # === CHARGING A STORED METHOD === #

    def _charge_values(self, token):
        """The values of the transaction that charges ``token`` for all that may be paid by this link now.

        The rows are held (see :meth:`_wait_and_hold`). ``None``: nothing is left to charge, or it is on its way.
        """
        self.ensure_one()
        amount = self._payable_amount()
        if amount <= 0 or self.cancel_requested_at or not self._is_live():
            return None
        self._open_drafts()._paylink_close(self.env._("It is charged to the stored method."))
        Transaction = self.env["payment.transaction"]
        return {
            "provider_id": token.provider_id.id,
            "payment_method_id": token.payment_method_id.id,
            "token_id": token.id,
            "operation": "offline",
            "amount": amount,
            "currency_id": self.currency_id.id,
            "partner_id": self.partner_id.id,
            "reference": Transaction._compute_reference(token.provider_code, prefix=self.name),
            "paylink_id": self.id,
            "paylink_day": self._today(),
            **self._of_kind("attempt_documents"),
        }
