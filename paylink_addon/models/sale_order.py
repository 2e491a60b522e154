from odoo import api, fields, models
from odoo.tools import SQL

from ..const import LIVE_STATES

GROUP = "paylink_addon.group_paylink_user"
DEPOSIT_STATES = [
    ("asked", "Deposit asked"),
    ("received", "Deposit received"),
    ("refunded", "Deposit refunded"),
    ("ended", "Deposit not paid"),
]
ORANGE = 2  # in Odoo's palette


class SaleOrder(models.Model):
    """Orders show their deposits. Nothing of it is stored on them: see ``paylink.status.mixin``."""

    _name = "sale.order"
    _inherit = ["sale.order", "paylink.status.mixin"]

    paylink_link_ids = fields.One2many("paylink.link", "sale_order_id", string="Deposits", groups=GROUP, copy=False)
    paylink_deposit = fields.Selection(
        DEPOSIT_STATES, string="Deposit", compute="_compute_paylink_deposit", search="_search_paylink_deposit"
    )
    paylink_color = fields.Integer(string="Colour of the Deposit", compute="_compute_paylink_deposit")
    paylink_amount_asked = fields.Monetary(
        string="Deposits asked", compute="_compute_paylink_amounts", help="By links that are paid or can be paid."
    )
    paylink_amount_received = fields.Monetary(
        string="Deposits received", compute="_compute_paylink_amounts", help="By links, without what was refunded."
    )
    paylink_amount_refunded = fields.Monetary(string="Deposits refunded", compute="_compute_paylink_amounts")
    paylink_amount_remaining = fields.Monetary(
        string="Left to pay",
        compute="_compute_paylink_amounts",
        help="Of the order's total, whichever way the rest was paid.",
    )
    paylink_can_ask = fields.Boolean(compute="_compute_paylink_amounts")

    # === COMPUTE METHODS === #

    def _paylink_pairs_sql(self):
        """In sudo mode: everyone who sees an order may know whether a deposit was asked for."""
        self.env["paylink.link"].flush_model(["sale_order_id"])
        where = SQL("AND link.sale_order_id IN %s", tuple(self.ids)) if self else SQL()
        return SQL(
            """SELECT link.sale_order_id AS record_id, link.id AS link_id
                 FROM paylink_link link WHERE link.sale_order_id IS NOT NULL %s""",
            where,
        )

    def _paylink_deposit_sql(self):
        """A query of ``(record_id, deposit)``: how the deposits on each order stand.

        Those of a former customer or currency of the order are none: see :meth:`paylink.link._belongs_to_order`.
        """
        self.env["paylink.link"].flush_model(["amount_paid", "amount_refunded", "state"])
        return SQL(
            """
            SELECT deposit.order_id AS record_id,
                   CASE WHEN bool_or(link.amount_paid > link.amount_refunded) THEN 'received'
                        WHEN bool_or(link.state IN %s) THEN 'asked'
                        WHEN bool_or(link.amount_refunded > 0) THEN 'refunded'
                        WHEN bool_or(link.state IN ('expired', 'cancelled')) THEN 'ended' END AS deposit
              FROM (%s) deposit
              JOIN paylink_link link ON link.id = deposit.link_id
          GROUP BY deposit.order_id
            """,
            LIVE_STATES,
            self.env["paylink.link"]._belonging_sql(),
        )

    def _compute_paylink_deposit(self):
        """One query for all orders."""
        found = {}
        if ids := self._origin.ids:
            query = SQL(
                "SELECT record_id, deposit FROM (%s) found WHERE record_id IN %s",
                self._paylink_deposit_sql(),
                tuple(ids),
            )
            found = dict(self.env.execute_query(query))
        for order in self:
            order.paylink_deposit = found.get(order._origin.id, False)
            order.paylink_color = ORANGE if order.paylink_deposit == "received" else 0

    def _search_paylink_deposit(self, operator, value):
        if operator != "in":
            return NotImplemented
        states = tuple(state for state in value if state)
        found = self._paylink_deposit_sql()
        domain = fields.Domain.FALSE
        if states:
            domain = fields.Domain(
                "id", "in", SQL("(SELECT found.record_id FROM (%s) found WHERE found.deposit IN %s)", found, states)
            )
        if False in value:
            domain |= fields.Domain(
                "id", "not in", SQL("(SELECT found.record_id FROM (%s) found WHERE found.deposit IS NOT NULL)", found)
            )
        return domain

    @api.depends(
        "amount_total",
        "state",
        "order_line.invoice_lines.move_id.amount_residual",
        "partner_invoice_id",
        "currency_id",
    )
    def _compute_paylink_amounts(self):
        askable = self._paylink_askable()
        for order in self:
            links = order._paylink_own_links()
            paid, refunded = sum(links.mapped("amount_paid")), sum(links.mapped("amount_refunded"))
            asked = sum(link.amount if link.state in (*LIVE_STATES, "paid") else link.amount_paid for link in links)
            order.paylink_amount_asked = asked
            order.paylink_amount_received = paid - refunded
            order.paylink_amount_refunded = refunded
            order.paylink_amount_remaining = max(order.amount_total - order.sudo()._paylink_settled(), 0.0)
            order.paylink_can_ask = (
                order.state != "cancel"
                and bool(order.id)
                and not order.sudo()._paylink_is_expired()
                and askable[order.id] > 0
            )

    # === ACTIONS === #

    def action_paylink_view_links(self):
        """Show the links of these orders that the user may see."""
        links = self.env["paylink.link"].search([("sale_order_id", "in", self.ids)])
        return links._get_records_action(name=self.env._("Collection Links"))

    # === BUSINESS METHODS === #

    def _paylink_own_links(self):
        """The links of these orders, in sudo mode, but those of a former customer or currency of them."""
        return self.sudo().paylink_link_ids.filtered(lambda link: link._belongs_to_order())

    def _paylink_deposit_payments(self):
        """The payments that links have brought for these orders."""
        return self._paylink_own_links().transaction_ids._paylink_received().payment_id

    def _send_payment_succeeded_for_order_mail(self):
        """Who pays by a link gets its receipt, once."""
        told = self.env.context.get("paylink_told_order_ids", ())
        return super(
            SaleOrder, self.filtered(lambda order: order.id not in told)
        )._send_payment_succeeded_for_order_mail()
