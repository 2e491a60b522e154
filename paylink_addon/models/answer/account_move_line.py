from odoo import models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _paylink_discounted(self, date=None):
        """Who pays in parts earns no discount for paying early, by whatever link."""
        found = super()._paylink_discounted(date)
        return found and found - self.env["paylink.plan"]._running_of(found).link_id.line_ids.move_line_id
