from odoo import api, fields, models
from odoo.tools import float_compare

from .paylink_send_reuse import Existing


class PaylinkSendDeposit(models.TransientModel):
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
        result = super(PaylinkSendDeposit, self - by_share)._compute_amount()
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


class PaylinkSendLineDeposit(models.TransientModel):
    _inherit = "paylink.send.line"

    @api.model
    def _groups(self, wizard):
        """The orders to ask for, by key. Those of which nothing can be asked are left out."""
        if wizard.source_model != "sale.order":
            return super()._groups(wizard)
        orders = wizard._sources().filtered(lambda order: order.company_id in wizard.env.companies)
        askable = orders._paylink_askable()
        existing = self._open_deposits(orders)
        return {
            f"order-{order.id}": order
            for order in orders
            if existing.get(order) or not order._paylink_deposit_problem(askable[order.id], askable[order.id])
        }

    @api.model
    def _prepare_lines(self, wizard):
        """A line for each order: what is proposed, or why nothing can be asked."""
        if wizard.source_model != "sale.order":
            return super()._prepare_lines(wizard)
        orders = wizard._sources()
        groups = self._groups(wizard)
        askable = orders._paylink_askable()
        existing = self._existing_links(groups)
        return [self._deposit_values(order, askable[order.id], existing) for order in orders]

    @api.model
    def _deposit_values(self, order, askable, existing):
        """The values of the line of one order.

        :param float askable: what can still be asked of it
        :param dict existing: see :meth:`_existing_links`
        """
        key = f"order-{order.id}"
        found = existing.get(key)
        again = found and found.cover == "same"
        amount = found.link._due_amounts()[found.link.id] if again else order._paylink_default_deposit(askable)
        return (
            self._partner_values(order.sudo().partner_invoice_id)
            | {
                "key": key,
                "company_id": order.company_id.id,
                "currency_id": order.currency_id.id,
                "documents": order.name,
                "document_count": 1,
                "amount": amount,
                "blocked": False if again else self._why_no_deposit(order, askable),
            }
            | (found.line_values() if found else {})
        )

    @api.model
    def _why_no_deposit(self, order, askable):
        if order.company_id not in self.env.companies:
            return self.env._("It belongs to another company: switch to it.")
        return order._paylink_deposit_problem(askable, askable)

    # === OPEN DEPOSITS === #

    @api.model
    def _open_deposits(self, orders):
        """The newest live deposit of each order that the user may read."""
        links = self.env["paylink.link"].search([("sale_order_id", "in", orders.ids)], order="id")
        due = links._due_amounts()
        waiting = links.filtered(lambda link: link._is_live() and link.state != "pending" and due[link.id])
        return {link.sale_order_id: link for link in waiting}

    @api.model
    def _existing_links(self, groups):
        """An open deposit is sent again by default only where nothing more can be asked of its order."""
        orders = next(iter(groups.values()), self.env["account.move.line"])
        if orders._name != "sale.order":
            return super()._existing_links(groups)
        orders = orders.union(*groups.values())
        askable, links = orders._paylink_askable(), self._open_deposits(orders)
        covers = {True: "same", False: "part"}
        return {
            key: Existing(links[order], covers[not askable[order.id]])
            if order in links
            else Existing(self.env["paylink.link"])
            for key, order in groups.items()
        }

    def _reuses_other(self):
        """Whether an open deposit is sent again as it is, instead of a new one."""
        return bool(self.existing_link_id and self._wants_again())

    def _deposit_link_values(self):
        """What is particular to the deposit of this line."""
        order_id = int(self.key.partition("-")[2])
        amount = self.wizard_id.amount if self.wizard_id._only_line() == self else self.amount
        orders = self.wizard_id._sources()
        return self._link_values() | {
            "sale_order_id": orders.filtered(lambda order: order.id == order_id).id,
            "reference": self.documents,
            "amount": amount,
        }
