from odoo import models


class SaleOrder(models.Model):
    """Whoever offers something to a customer sees what the customer owes."""

    _name = "sale.order"
    _inherit = ["sale.order", "paylink.owed.mixin"]
