from odoo import fields, models


class LoyaltyHistory(models.Model):
    _inherit = "loyalty.history"

    paylink_transaction_id = fields.Many2one(
        "payment.transaction", string="Payment Transaction", readonly=True, ondelete="restrict"
    )
    paylink_payment_id = fields.Many2one(
        "account.payment",
        string="Chargeback Payment",
        readonly=True,
        ondelete="restrict",
        help="What the customer's bank has taken back or given back, in the books.",
    )

    # However often a payment is processed, and by whom, the wallet is credited once.
    _paylink_transaction_unique = models.UniqueIndex(
        "(paylink_transaction_id) WHERE paylink_transaction_id IS NOT NULL"
    )
    _paylink_payment_unique = models.UniqueIndex("(paylink_payment_id) WHERE paylink_payment_id IS NOT NULL")
