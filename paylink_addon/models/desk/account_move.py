from odoo import models


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "paylink.owed.mixin"]

    def _paylink_asks(self):
        """Customers' invoices do."""
        return super()._paylink_asks() and self.move_type in ("out_invoice", "out_receipt")
