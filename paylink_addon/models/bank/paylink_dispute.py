from odoo import models


class PaylinkDispute(models.Model):
    _inherit = "paylink.dispute"

    def _has_fees_to_book(self):
        """Not where the account at the provider is kept: each fee is a line of its own there."""
        return super()._has_fees_to_book() and not self.provider_id._paylink_balance()
