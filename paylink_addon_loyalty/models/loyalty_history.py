from odoo import fields, models


class LoyaltyHistory(models.Model):
    _inherit = "loyalty.history"

    paylink_transaction_id = fields.Many2one(
        "payment.transaction", string="Payment Transaction", readonly=True, ondelete="restrict"
    )

    # However often a payment is processed, and by whom, the wallet is credited once.
    _paylink_transaction_unique = models.UniqueIndex(
        "(paylink_transaction_id) WHERE paylink_transaction_id IS NOT NULL"
    )
