from odoo import api, fields, models

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

    def _paylink_autopay_usable(self, currency=None):
        """Whether it can be charged without the customer, as far as we know: in ``currency``, default the company's."""
        token = self.sudo()
        problem = token and token._paylink_charge_problem(currency or token.company_id.currency_id)
        return bool(token) and not problem and not token.paylink_refused_at

    def _paylink_is_refused(self):
        return bool(self.paylink_refused_at) or super()._paylink_is_refused()

    @api.depends("paylink_refused_at")
    def _compute_paylink_profile_status(self):
        return super()._compute_paylink_profile_status()

    def _paylink_uses(self, env):
        """Automatic payment charges the default one of customers who have it."""
        uses = super()._paylink_uses(env)
        if self.paylink_is_default and self._paylink_customer().paylink_autopay:
            uses = [*uses, env._("Automatic payment is on: until there is another one, nothing is charged.")]
        return uses
