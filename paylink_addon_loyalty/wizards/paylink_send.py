from odoo import fields, models


class PaylinkSend(models.TransientModel):
    """Kind *wallet*: a free amount that tops up the customer's wallet."""

    _inherit = "paylink.send"

    kind = fields.Selection(selection_add=[("wallet", "Wallet top-up")], ondelete={"wallet": "cascade"})

    def _free_reference_wallet(self, lang):
        return self.with_context(lang=lang).env._("Wallet top-up")
