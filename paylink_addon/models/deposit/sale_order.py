from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, LazyTranslate

from ...const import IN_FLIGHT_STATES, LIVE_STATES
from ...tools import days

_lt = LazyTranslate(__name__)

GROUP = "paylink_addon.group_paylink_user"
DEPOSIT_STATES = [
    ("asked", "Deposit asked"),
    ("received", "Deposit received"),
    ("refunded", "Deposit refunded"),
    ("ended", "Deposit not paid"),
]
ORANGE = 2  # in Odoo's palette
# What says who pays an order, and in which currency: changed, nobody may pay it by the links of before.
PAYER_FIELDS = {"partner_id", "partner_invoice_id", "pricelist_id", "company_id"}
# What says how much is to be paid of it.
AMOUNT_FIELDS = {"state", "order_line", *PAYER_FIELDS}


class SaleOrder(models.Model):
    """Orders show their deposits. Nothing of it is stored on them: see ``paylink.status.mixin``."""

    _name = "sale.order"
    _inherit = ["sale.order", "paylink.status.mixin", "paylink.ending.mixin"]

    paylink_link_ids = fields.One2many("paylink.link", "sale_order_id", string="Deposits", groups=GROUP, copy=False)
    paylink_deposit = fields.Selection(
        DEPOSIT_STATES, string="Deposit", compute="_compute_paylink_deposit", search="_search_paylink_deposit"
    )
    paylink_color = fields.Integer(string="Color of the Deposit", compute="_compute_paylink_deposit")
    paylink_amount_asked = fields.Monetary(
        string="Deposits asked",
        compute="_compute_paylink_amounts",
        help="Total of the links that are paid or can still be paid.",
    )
    paylink_amount_received = fields.Monetary(
        string="Deposits received", compute="_compute_paylink_amounts", help="Paid by links, and still there."
    )
    paylink_amount_refunded = fields.Monetary(string="Deposits refunded", compute="_compute_paylink_amounts")
    paylink_amount_remaining = fields.Monetary(
        string="Left to pay",
        compute="_compute_paylink_amounts",
        help="Of the order's total, no matter how the rest was paid.",
    )
    paylink_can_ask = fields.Boolean(compute="_compute_paylink_amounts")
    # Who sells need not have Invoicing: what is invoiced is asked for from the order.
    paylink_can_send = fields.Boolean(
        string="Invoices can be asked for", compute="_compute_paylink_invoices", groups=GROUP
    )
    paylink_invoice_link_count = fields.Integer(
        string="Links of its Invoices", compute="_compute_paylink_invoices", groups=GROUP
    )

    # === COMPUTE METHODS === #

    def _paylink_pairs_sql(self):
        """In sudo mode: everyone who sees an order may know whether a deposit was asked for."""
        self.env["paylink.link"].flush_model(["sale_order_id"])
        where = SQL("AND link.sale_order_id IN %s", tuple(self.ids)) if self else SQL()
        return SQL(
            """SELECT link.sale_order_id AS record_id, link.id AS link_id, link.id
                 FROM paylink_link link WHERE link.sale_order_id IS NOT NULL %s""",
            where,
        )

    def _paylink_deposit_sql(self):
        """A query of ``(record_id, deposit)``: how the deposits on each order stand.

        Those of a former customer or currency of the order are none: see :meth:`paylink.link._belongs_to_order`.
        """
        self.env["paylink.link"].flush_model(["amount_paid", "amount_refunded", "amount_taken_back", "state"])
        return SQL(
            """
            SELECT deposit.order_id AS record_id,
                   CASE WHEN bool_or(link.amount_paid > link.amount_refunded + link.amount_taken_back) THEN 'received'
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
        # Each alone would read what its sum depends on.
        self.sudo().paylink_link_ids.transaction_ids._paylink_kept_amount(self.env["account.move"])
        for order in self:
            links = order._paylink_own_links()
            asked = sum(link.amount if link.state in (*LIVE_STATES, "paid") else link.amount_paid for link in links)
            order.paylink_amount_asked = asked
            order.paylink_amount_received = sum(link._paid_amount() for link in links)
            order.paylink_amount_refunded = sum(links.mapped("amount_refunded"))
            order.paylink_amount_remaining = order.sudo()._paylink_outstanding()
            order.paylink_can_ask = (
                order.state != "cancel"
                and bool(order.id)
                and not order.sudo()._paylink_is_expired()
                and askable[order.id] > 0
            )

    @api.depends("invoice_ids.state", "invoice_ids.payment_state")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink_invoices(self):
        """Of the invoices that the user may read."""
        for order in self:
            invoices = order._paylink_invoices()
            order.paylink_can_send = any(invoices.mapped("paylink_can_send"))
            order.paylink_invoice_link_count = bool(invoices) and self.env["paylink.link"].search_count(
                [("line_ids.move_id", "in", invoices.ids)]
            )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Nobody can be about to pay what is being made: see ``sale.order.line``."""
        return super(SaleOrder, self.with_context(paylink_whole_orders=True)).create(vals_list).with_env(self.env)

    def write(self, vals):
        """An order that is cancelled, or becomes another customer's or another currency's, closes its links."""
        whole = self.with_context(paylink_whole_orders=True) if "order_line" in vals else self
        result = super(SaleOrder, whole).write(vals)
        if vals.get("state") == "cancel" or PAYER_FIELDS & set(vals):
            self._paylink_end_links()
            self._paylink_report_left_behind()
        if AMOUNT_FIELDS & set(vals):
            self._paylink_amounts_changed()
        return result

    def _recompute_prices(self):
        """*Update Prices* changes line by line: attempts are looked for once."""
        result = super(SaleOrder, self.with_context(paylink_whole_orders=True))._recompute_prices()
        self._paylink_amounts_changed()
        return result

    def _recompute_taxes(self):
        """So does *Update Taxes*."""
        result = super(SaleOrder, self.with_context(paylink_whole_orders=True))._recompute_taxes()
        self._paylink_amounts_changed()
        return result

    def _get_lang(self):
        """Not one that was given up: Odoo does nothing in it."""
        return self.env["res.lang"]._paylink_spoken(super()._get_lang())

    @api.ondelete(at_uninstall=False)
    def _paylink_unlink_unpaid(self):
        """A quotation whose deposit was paid is kept; other links end with it."""
        links = self.sudo().paylink_link_ids
        if paid := links.filtered(lambda link: link.amount_paid or link.amount_pending or link.amount_authorized):
            raise UserError(
                self.env._(
                    "A deposit on %(order)s was paid (%(link)s): keep the order.",
                    order=paid[0].sale_order_id.name,
                    link=paid[0].name,
                )
            )
        links.filtered(lambda link: link.state in LIVE_STATES)._cancel(_lt("The order was deleted."))

    # === ACTIONS === #

    def action_paylink_view_links(self):
        """Show the links of these orders that the user may see."""
        self.check_access("read")
        links = self.env["paylink.link"].search([("sale_order_id", "in", self.ids)])
        return links._get_records_action(name=self.env._("Collection Links"))

    def action_paylink_send_invoices(self):
        """Open the wizard that sends collection links, for what is invoiced of these orders and not paid."""
        self.check_access("read")
        self.env["paylink.send"].check_access("create")
        invoices = self._paylink_invoices().filtered("paylink_can_send")
        if not invoices:
            raise UserError(self.env._("No invoice of these orders that you may see is left to be paid."))
        return self.env["paylink.send"]._action_open(invoices)

    def action_paylink_view_invoice_links(self):
        """Show the links for the invoices of these orders that the user may see."""
        self.check_access("read")
        links = self.env["paylink.link"].search([("line_ids.move_id", "in", self._paylink_invoices().ids)])
        return links._get_records_action(name=self.env._("Collection Links"))

    # === BUSINESS METHODS === #

    def _paylink_invoices(self):
        """The invoices of these orders that the user may read."""
        return self.sudo().invoice_ids.sudo(False)._filtered_access("read")

    def _paylink_own_links(self):
        """The links of these orders, in sudo mode, but those of a former customer or currency of them."""
        return self.sudo().paylink_link_ids.filtered(lambda link: link._belongs_to_order())

    def _paylink_deposit_payments(self):
        """The payments that links have brought for these orders."""
        return self._paylink_own_links().transaction_ids._paylink_received().payment_id

    def _send_payment_succeeded_for_order_mail(self):
        """Who pays by a link gets its receipt, once."""
        told = self.env.context.get("paylink_told_order_ids", ())
        untold = self.filtered(lambda order: order.id not in told)
        # Of payments without orders Odoo would look for its template, each time.
        return super(SaleOrder, untold)._send_payment_succeeded_for_order_mail() if untold else None

    # === MAKING DEPOSITS === #

    def _paylink_deposit_problem(self, amount, askable):
        """Why a deposit of ``amount`` can't be asked for, or ``False``.

        :param float amount: in the order's currency
        :param float askable: see :meth:`_paylink_askable`
        """
        self.ensure_one()
        order = self.sudo()
        name = order.name
        if order.state == "cancel":
            return self.env._("%(order)s is canceled: you can't ask for money for it.", order=name)
        if order._paylink_is_expired():
            return self.env._("The quotation %(order)s has expired: extend its validity first.", order=name)
        if order.currency_id.compare_amounts(askable, 0) <= 0:
            return self.env._("%(order)s: everything is already paid, invoiced or asked for.", order=name)
        if order.currency_id.compare_amounts(amount, 0) <= 0:
            return self.env._("Enter the amount to ask for: it must be more than zero.")
        if order.currency_id.compare_amounts(amount, askable) > 0:
            return self.env._(
                "You can ask for at most %(amount)s for %(order)s: the rest is already paid, invoiced or asked for.",
                amount=order.currency_id.format(askable),
                order=name,
            )
        return False

    def _paylink_deposit_values(self, expires_at):
        """The values of a deposit link that follow from its order: no client chooses them."""
        self.ensure_one()
        order = self.sudo()
        return {
            "kind": "deposit",
            "sale_order_id": order.id,
            "company_id": order.company_id.id,
            "currency_id": order.currency_id.id,
            "partner_id": order.partner_invoice_id.id,
            "expires_at": order._paylink_expires_at(expires_at),
        }

    def _paylink_expires_at(self, expires_at):
        """The link of a quotation lasts no longer than the quotation: until the end of that day, where we are."""
        self.ensure_one()
        if self.state not in ("draft", "sent") or not self.validity_date:
            return expires_at
        end = days.beginning(self.validity_date + timedelta(days=1), self.company_id.paylink_tz)
        return min(expires_at, end) if expires_at else end

    def _paylink_is_expired(self):
        """Whether it is a quotation that is over where we are: Odoo's own mark goes by the day in Greenwich."""
        end = self._paylink_expires_at(False)
        return bool(end) and end <= fields.Datetime.now()

    def _paylink_default_deposit(self, askable):
        """What to propose: what Odoo's prepayment rule still wants, else all that can be asked.

        :param float askable: see :meth:`_paylink_askable`
        """
        self.ensure_one()
        order = self.sudo()
        asked = order._paylink_ceilings()[order.id] - askable  # by other links
        missing = order._get_prepayment_required_amount() - order.amount_paid - asked
        wanted = missing if order.state in ("draft", "sent") and missing > 0 else askable
        return order.currency_id.round(min(wanted, askable))

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"state", "invoice_status", *PAYER_FIELDS}

    def _paylink_task_subjects(self):
        """The deposits on these."""
        return [*super()._paylink_task_subjects(), self.paylink_link_ids]

    # === ENDING DEPOSITS === #

    def _paylink_end_links(self):
        """Close the live links of orders that are cancelled, or of which nothing is left to be asked as a deposit."""
        links = self.sudo().paylink_link_ids.filtered(lambda link: link.state in LIVE_STATES)
        if not links:
            return
        cancelled = links.filtered(lambda link: link.sale_order_id.state == "cancel")
        changed = (links - cancelled).filtered(lambda link: not link._fits_order())
        cancelled._end_deposits(_lt("The order was canceled."))
        changed._end_deposits(_lt("The customer or the currency of the order was changed."))
        links -= cancelled | changed
        due = links._due_amounts()
        over = links.filtered(lambda link: not due[link.id])
        # Those of which a part was paid are paid now; see _compute_state.
        self.env.add_to_compute(over._fields["state"], over)
        over._recompute_recordset(["state"])
        waiting = over.filtered(lambda link: link.state in LIVE_STATES and not link.amount_pending)
        waiting._end_deposits(_lt("The order is paid or invoiced: no deposit is left to pay."))

    def _paylink_amounts_changed(self):
        """Nobody goes on paying more of these orders than is left to pay. Nearly always nobody is about to pay one:
        one query says so.
        """
        if self.ids and self.env["payment.transaction"].sudo()._paylink_any_about(orders=self):
            self._paylink_rivals()._paylink_reconsider()

    def _paylink_rivals(self):
        """The transactions, in sudo mode, that may still pay these orders: unfinished, or on their way."""
        Transaction = self.env["payment.transaction"].sudo()
        if not self.ids:
            return Transaction
        by_link = fields.Domain("paylink_id.sale_order_id", "in", self.ids)
        portal = fields.Domain("sale_order_ids", "in", self.ids)
        closable = fields.Domain("state", "=", "draft") & (by_link | portal & Transaction._paylink_portal_domain())
        return Transaction.search(closable) | Transaction.search(
            fields.Domain("state", "in", IN_FLIGHT_STATES) & (by_link | portal)
        )

    def _paylink_report_left_behind(self):
        """What was paid stays a credit of who paid it; somebody has to know that no order takes it."""
        links = self.sudo().paylink_link_ids.filtered(lambda link: not link._fits_order())
        for link in links.filtered(lambda link: link._paid_amount()):
            link._report_left_behind()
