from odoo import models


class PaylinkEvent(models.Model):
    """What Stripe tells of payouts."""

    _inherit = "paylink.event"

    def _handle_payout(self):
        """Have the account read soon. Messages come in any order: what has become of a payout is asked for then."""
        Payout = self.env["paylink.payout"].sudo()
        for provider, events in self.grouped("provider_id").items():
            balance = provider._paylink_balance()
            if not balance:
                events._ignore()
                continue
            names = [event.object_id for event in events]
            Payout.search([("balance_id", "=", balance.id), ("name", "in", names)]).is_stale = True
            self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_balance")
        return self.env["payment.transaction"]
