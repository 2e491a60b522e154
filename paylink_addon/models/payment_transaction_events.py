from odoo import fields, models


class PaymentTransactionEvents(models.Model):
    _inherit = "payment.transaction"

    paylink_stripe_ask_at = fields.Datetime(
        string="Next Look-up",
        copy=False,
        readonly=True,
        help="When Stripe is asked what became of it, unless it tells us before.",
    )

    def action_paylink_view_events(self):
        """Show administrators what the provider has told about this transaction."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_event_action")
        return action | {"domain": [("transaction_id", "=", self.id)], "context": {}}
