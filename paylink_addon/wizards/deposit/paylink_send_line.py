from odoo import api, fields, models
from odoo.tools import float_compare

from ..link.paylink_send_line import Existing


class PaylinkSendLine(models.TransientModel):
    """The deposit on one order."""

    _inherit = "paylink.send.line"

    order_id = fields.Many2one("sale.order", compute="_compute_order")
    order_askable = fields.Float(compute="_compute_order")
    order_total = fields.Monetary(readonly=True, help="Taxes included.")
    amount_type = fields.Selection(
        [("fixed", "Amount"), ("percentage", "Percentage of the order")], string="Deposit as", default="fixed"
    )
    percent = fields.Float(string="Percentage", digits=(5, 2))
    amount = fields.Monetary(compute="_compute_amount", store=True, readonly=False)

    # === COMPUTE METHODS === #

    @api.depends("key", "wizard_id.source_ids")
    def _compute_order(self):
        """The order, read again from what was selected, and what can still be asked of it."""
        for wizard, lines in self.grouped("wizard_id").items():
            orders = wizard._orders()
            askable = self.env["sale.order"].union(*orders.values())._paylink_askable()
            for line in lines:
                line.order_id = orders.get(line.key)
                line.order_askable = askable.get(line.order_id.id, 0.0)

    @api.depends("amount_type", "percent")
    def _compute_amount(self):
        """The percentage as an amount; as long as it is the proposed one, exactly what Odoo's rule wants."""
        for line in self:
            if line.amount_type != "percentage":
                line.amount = line.amount
            elif float_compare(line.percent, line._share(line.amount_due, line.order_total), precision_digits=2):
                amount = line.order_total * line.percent / 100
                line.amount = line.currency_id.round(amount) if line.currency_id else amount
            else:
                line.amount = line.amount_due

    @api.model
    def _share(self, amount, total):
        """``amount`` as a percentage of ``total``."""
        return 100 * amount / total if total else 0.0

    # === WHAT IS ASKED FOR === #

    @api.model
    def _deposit_values(self, order, askable, existing):
        """The values of the line of one order.

        :param float askable: what can still be asked of it
        :param existing: its open deposit, see :meth:`_existing_links_deposit`, or ``None``
        """
        again = existing and existing.cover == "same"
        amount = existing.link._due_amounts()[existing.link.id] if again else order._paylink_default_deposit(askable)
        total, required = order.sudo().amount_total, order.sudo()._get_prepayment_required_amount()
        # As the order's own prepayment rule has it, where all of that is still to be asked.
        is_rule = required and required < total and amount == required
        return (
            self.env["paylink.send"]._partner_values(order.partner_invoice_id)
            | {
                "company_id": order.company_id.id,
                "currency_id": order.currency_id.id,
                "documents": order.name,
                "reference": order.name,
                "document_count": 1,
                "order_total": total,
                "amount_due": amount,
                "amount": amount,
                "amount_type": "percentage" if is_rule else "fixed",
                "percent": self._share(amount, total),
                "blocked": False if again else self._why_no_deposit(order, askable),
            }
            | (existing.line_values() if existing else {})
        )

    @api.model
    def _why_no_deposit(self, order, askable):
        if order.company_id not in self.env.companies:
            return self.env._("It belongs to another company: switch to it.")
        return order._paylink_deposit_problem(askable, askable)

    def _amount_problem_deposit(self):
        """The order says what can be asked of it; a deposit that is sent again as it is has been asked for."""
        if self.amount_type == "percentage" and not 0 < self.percent <= 100:
            return self.env._("The percentage must be more than 0 and at most 100.")
        if (self.existing_link_id and self.reuse) or not self.order_id:
            return False
        return self.order_id._paylink_deposit_problem(self.amount, self.order_askable)

    def _asked_values_deposit(self, order):
        return {"sale_order_id": order.id, "amount": self.amount}

    def _preview_values_deposit(self, order):
        return order._paylink_deposit_values(self.wizard_id.expires_at)

    def _expires_at_deposit(self, link):
        return link.sudo().sale_order_id._paylink_expires_at(self.wizard_id.expires_at)

    # === OPEN DEPOSITS === #

    @api.model
    def _open_deposits(self, orders):
        """The newest live deposit of each order that the user may read."""
        links = self.env["paylink.link"].search([("sale_order_id", "in", orders.ids)], order="id")
        due = links._due_amounts()
        waiting = links.filtered(lambda link: link._is_live() and link.state != "pending" and due[link.id])
        return {link.sale_order_id: link for link in waiting}

    @api.model
    def _existing_links_deposit(self, groups):
        """An open deposit is sent again by default only where nothing more can be asked of its order."""
        orders = self.env["sale.order"].union(*groups.values())
        askable, links = orders._paylink_askable(), self._open_deposits(orders)
        all_links = self.sudo()._open_deposits(orders)
        covers = {True: "same", False: "part"}
        none = self.env["paylink.link"]
        return {
            key: Existing(
                links.get(order, none),
                covers[not askable[order.id]] if order in links else None,
                (all_links.get(order.sudo(), none) - links.get(order, none)).sudo()._colleagues_text(),
            )
            for key, order in groups.items()
        }
