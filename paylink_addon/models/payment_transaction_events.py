import logging

from odoo import fields, models

_logger = logging.getLogger(__name__)


class PaymentTransactionEvents(models.Model):
    _inherit = "payment.transaction"

    paylink_stripe_ask_at = fields.Datetime(
        string="Next Look-up",
        copy=False,
        readonly=True,
        help="When Stripe is asked what became of it, unless it tells us before.",
    )

    def _paylink_try_to_look_up(self):
        """Look one transaction up; what does not fit it, or can't be booked, keeps nobody from the next one."""
        self.ensure_one()
        try:
            self._paylink_stripe_lookup()
        except Exception:
            self.env.cr.rollback()
            _logger.exception("%s could not be looked up", self.reference)

    def action_paylink_view_events(self):
        """Show administrators what the provider has told about this transaction."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_event_action")
        return action | {"domain": [("transaction_id", "=", self.id)], "context": {}}
