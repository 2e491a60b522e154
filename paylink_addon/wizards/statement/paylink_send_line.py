from odoo import api, models


class PaylinkSendLine(models.TransientModel):
    """Asking for items that were ticked in a customer's account."""

    _inherit = "paylink.send.line"

    @api.model
    def _blocked_values(self, sources, items):
        """One line for the customer if nothing of what was ticked can be asked for any more."""
        if sources._name != "paylink.account.item":
            return super()._blocked_values(sources, items)
        return super()._blocked_values(sources.partner_id, items)
