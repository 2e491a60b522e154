from odoo import fields, models

# What is told of a method that was replaced by the customer's bank: it may work again.
RENEWING = {"payment_details", "paylink_expires_on", "provider_ref"}


class PaymentToken(models.Model):
    _inherit = "payment.token"

    paylink_refused_at = fields.Datetime(
        string="Refused on",
        readonly=True,
        copy=False,
        help="The customer's bank has refused it for good: it is not charged automatically anymore.",
    )

    def write(self, vals):
        """A card that its bank has replaced may be charged again."""
        if not RENEWING.isdisjoint(vals) and "paylink_refused_at" not in vals:
            refused = self.sudo().filtered("paylink_refused_at")
            refused.paylink_refused_at = False
        return super().write(vals)

    def _paylink_autopay_usable(self):
        """Whether it can be charged without the customer, as far as we know."""
        token = self.sudo()
        return bool(
            token
            and token.active
            and not token.paylink_is_expired
            and not token.paylink_refused_at
            and token.provider_id.state != "disabled"
            and token._paylink_is_reachable()
        )
