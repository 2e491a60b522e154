"""Stage of ``payment.provider``: the one that stands for transfers."""

from odoo import fields, models

from .payment_transaction_transfer import TRANSFER


class PaymentProvider(models.Model):
    """Transfers are no provider's. Odoo's transactions have one all the same: one that nobody is offered."""

    _inherit = "payment.provider"

    code = fields.Selection(selection_add=[(TRANSFER, "Bank Transfer")], ondelete={TRANSFER: "set default"})

    _paylink_transfer_unique = models.UniqueIndex(f"(company_id) WHERE code = '{TRANSFER}'")
