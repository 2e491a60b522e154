from odoo import api, fields, models
from odoo.tools import float_compare


class PaylinkSend(models.TransientModel):
    """The wizard on orders: a deposit for each, as an amount or a percentage."""

    _inherit = "paylink.send"

    amount_type = fields.Selection(
        [("fixed", "Amount"), ("percentage", "Percentage of the order")],
        string="Deposit as",
        compute="_compute_amount_type",
        store=True,
        readonly=False,
    )
    percent = fields.Float(string="Percentage", compute="_compute_percent", store=True, readonly=False, digits=(5, 2))
    order_total = fields.Monetary(compute="_compute_order_total", help="Taxes included.")

    # === COMPUTE METHODS === #

    def _only_order(self):
        """The order of a wizard that makes one deposit, in sudo mode once its readability is checked."""
        orders = self._sources() if self.source_model == "sale.order" else self.env["sale.order"]
        return orders.sudo() if len(orders) == 1 else orders.browse()

    @api.depends("source_model", "source_ids")
    def _compute_order_total(self):
        for wizard in self:
            wizard.order_total = wizard._only_order().amount_total

    @api.depends("line_ids")
    def _compute_amount_type(self):
        """A percentage, where the order's own prepayment rule is one and all of it is still to be asked."""
        for wizard in self:
            order = wizard._only_order()
            required = order._get_prepayment_required_amount() if order else 0.0
            is_rule = required and required < order.amount_total and wizard._only_line().amount == required
            wizard.amount_type = "percentage" if is_rule else "fixed"

    @api.depends("line_ids", "amount_type")
    def _compute_percent(self):
        for wizard in self:
            wizard.percent = wizard._proposed_percent()

    def _proposed_percent(self):
        """What share of the order the proposed amount is."""
        total = self._only_order().amount_total
        return 100 * self._only_line().amount / total if total else 0.0

    def _compute_amount(self):
        """No dependency on the percentage: giving an amount must not lose it; see the onchange."""
        by_share = self.filtered(lambda wizard: wizard.kind == "deposit" and wizard.amount_type == "percentage")
        result = super(PaylinkSend, self - by_share)._compute_amount()
        for wizard in by_share:
            wizard.amount = wizard._amount_of_share()
        return result

    def _amount_of_share(self):
        """The percentage as an amount; as long as it is the proposed one, exactly what Odoo's rule wants."""
        line = self._only_line()
        if not float_compare(self.percent, self._proposed_percent(), precision_digits=2):
            return line.amount
        amount = self._only_order().amount_total * self.percent / 100
        return line.currency_id.round(amount) if line.currency_id else amount

    @api.onchange("amount_type", "percent")
    def _onchange_percent(self):
        if self.kind == "deposit" and self.amount_type == "percentage":
            self._compute_amount()

    def _amount_problem(self):
        """The order says what can be asked of it."""
        if self.kind != "deposit":
            return super()._amount_problem()
        if self.amount_type == "percentage" and not 0 < self.percent <= 100:
            return self.env._("The percentage must be more than 0 and at most 100.")
        line = self._only_line()
        if line and line._reuses_other():
            return False
        order = self._only_order()
        return bool(order) and order._paylink_deposit_problem(self.amount, order._paylink_askable()[order.id])

    # === RUN === #

    def _make_links(self, lines, groups):
        """Deposits are made with their orders locked."""
        if self.kind != "deposit":
            return super()._make_links(lines, groups)
        common = self._common_values()
        return self.env["paylink.link"]._create_deposits([common | line._deposit_link_values() for line in lines])

    def _preview_link(self):
        """The deposit as it would be, or the open one if that is sent again."""
        line = self._only_line()
        if self.kind != "deposit" or not line or line.blocked:
            return super()._preview_link()
        order = self._only_order()
        if not order:
            return self.env["paylink.link"]
        if again := line._reused_link(line._existing_links({line.key: order})[line.key]):
            return again
        values = self._common_values() | self._single_values() | order._paylink_deposit_values(self.expires_at)
        return self.env["paylink.link"].new(values | {"amount": self.amount})
