from odoo import api, models

# What says how much is to be paid of a line.
AMOUNT_FIELDS = {
    "discount",
    "display_type",
    "order_id",
    "price_unit",
    "product_id",
    "product_uom_id",
    "product_uom_qty",
    "tax_ids",
}


class SaleOrderLine(models.Model):
    """Orders are changed by their lines, too: by other add-ons, dialogs, the catalog, imports.

    Whoever changes whole orders says so (``paylink_whole_orders`` in the context), and looks once, after it.
    """

    _inherit = "sale.order.line"

    @api.model_create_multi
    def create(self, vals_list):
        """A line may be a discount."""
        lines = super().create(vals_list)
        lines._paylink_orders_changed(lines.order_id)
        return lines

    def write(self, vals):
        """Nobody pays on what was taken off, nor the order that the lines were moved from."""
        orders = self.order_id if "order_id" in vals else self.env["sale.order"]
        result = super().write(vals)
        if AMOUNT_FIELDS & set(vals):
            self._paylink_orders_changed(orders | self.order_id)
        return result

    def unlink(self):
        """What is gone is not to be paid."""
        orders = self.order_id
        result = super().unlink()
        self._paylink_orders_changed(orders)
        return result

    def _paylink_orders_changed(self, orders):
        if not self.env.context.get("paylink_whole_orders"):
            orders._paylink_amounts_changed()
