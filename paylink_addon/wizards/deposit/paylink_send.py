from odoo import api, fields, models


class PaylinkSend(models.TransientModel):
    """Kind *deposit*: a link for each order, for an amount or a percentage of it."""

    _inherit = "paylink.send"

    kind = fields.Selection(selection_add=[("deposit", "Deposit")], ondelete={"deposit": "cascade"})
    # Of the only line.
    amount_type = fields.Selection(related="line_ids.amount_type", readonly=False)
    percent = fields.Float(related="line_ids.percent", readonly=False)
    order_total = fields.Monetary(related="line_ids.order_total")

    @api.onchange("amount_type", "percent")
    def _onchange_share(self):
        """As all that is changed of the only line: the amount follows there."""
        self._onchange_line()

    # === SOURCES === #

    @api.model
    def _source_models(self):
        return [*super()._source_models(), "sale.order"]

    def _kind_sale_order(self, _orders):
        return "deposit"

    def _orders(self):
        """The selected orders by the keys of their lines."""
        sources = self._sources()
        return {f"order-{source.id}": source for source in sources if source._name == "sale.order"}

    # === LINES === #

    def _is_free_deposit(self):
        return False

    def _groups_deposit(self):
        """The orders to ask for. Those of which nothing can be asked are left out."""
        orders = {key: order for key, order in self._orders().items() if order.company_id in self.env.companies}
        records = self.env["sale.order"].union(*orders.values())
        askable = records._paylink_askable()
        existing = self.env["paylink.send.line"]._open_deposits(records)
        return {
            key: order
            for key, order in orders.items()
            if existing.get(order) or not order._paylink_deposit_problem(askable[order.id], askable[order.id])
        }

    def _lines_deposit(self, groups):
        """A line for each order: what is proposed, or why nothing can be asked."""
        Line = self.env["paylink.send.line"]
        orders = self._orders()
        askable = self.env["sale.order"].union(*orders.values())._paylink_askable()
        existing = Line._existing_links_deposit(groups)
        return [
            Line._deposit_values(order, askable[order.id], existing.get(key)) | {"key": key}
            for key, order in orders.items()
        ]

    # === SENDING === #

    def _make_links_deposit(self, lines, groups):
        """Deposits are made with their orders locked."""
        common = self._common_values()
        return self.env["paylink.link"]._create_deposits(
            [common | line._link_values(groups[line.key]) for line in lines]
        )
