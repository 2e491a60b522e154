"""Stage of ``sale.order``: the money of an order.

The words for it, here and wherever deposits are spoken of. All amounts are in the order's currency, taxes included.

==================  ===========================================  ======================================================
word                what it is                                   formula
==================  ===========================================  ======================================================
open credit         paid as a deposit, and no invoice has        received − given back − what invoices have taken of it
                    taken it yet
settled             what the customer has paid, whichever way    open credit + what is paid of the order's invoices
outstanding         what the customer has still to pay           total − settled, at least 0
balance to invoice  what a last invoice would still ask for,     total − invoiced − open credit; less than 0: overpaid
                    deposits deducted
ceiling             what deposits may still bring                the lesser of balance to invoice and outstanding, at
                                                                 least 0; 0 once the order is cancelled
on its way          what is being paid and not confirmed yet     see ``payment.transaction._paylink_coming_sql``
askable             what a new deposit may ask for               ceiling − what is due of open links − what is on its
                                                                 way otherwise, at least 0
==================  ===========================================  ======================================================
"""

from odoo import Command, api, models
from odoo.tools import SQL


class SaleOrderMoney(models.Model):
    """See the words above. All of it in sudo mode."""

    _inherit = "sale.order"

    # === COMPUTE METHODS === #

    @api.depends(
        "transaction_ids.state",
        "transaction_ids.amount",
        "transaction_ids.child_transaction_ids.state",
        "partner_invoice_id",
        "currency_id",
        "company_id",
    )
    def _compute_amount_paid(self):
        """Of payments by links counts what is still there, and what is reserved: Odoo confirms orders by it."""
        result = super()._compute_amount_paid()
        for order in self:
            linked = order.sudo().transaction_ids.filtered("paylink_id")
            if not linked:
                continue
            ours = order._paylink_transactions().filtered("paylink_id")
            net = sum(link._paid_amount() for link in order._paylink_own_links())
            net += ours._paylink_authorized()._paylink_authorized_amount()
            counted = linked.filtered(lambda tx: tx.state in ("authorized", "done"))
            order.amount_paid += net - sum(counted.mapped("amount"))
        return result

    # === WHAT WAS PAID === #

    def _paylink_transactions(self):
        """The order's transactions, with the refunds of them, which Odoo does not link to it.

        Those of before the order became another customer's or another currency's are not its own anymore: what they
        bring is a credit of who paid.
        """
        transactions = self.sudo().transaction_ids
        transactions |= transactions.child_transaction_ids.filtered(lambda tx: tx.operation == "refund")
        return transactions.filtered(lambda tx: not tx.paylink_id or tx.paylink_id._belongs_to_order())

    def _paylink_open_credit(self):
        """What no invoice has taken yet of what was received; less than zero if more was given back than was left."""
        self.ensure_one()
        moved = self._paylink_transactions()._paylink_moved()
        unbooked = moved.filtered(lambda tx: not tx.payment_id)
        lines = moved.payment_id._paylink_receivable_lines().filtered(lambda line: line.parent_state == "posted")
        return sum(unbooked.mapped("amount")) - sum(lines.mapped("amount_residual_currency"))

    def _paylink_settled(self):
        """What the customer has paid of the order, whichever way: its open credit, and what is paid of its invoices."""
        self.ensure_one()
        settled = self._paylink_open_credit()
        for invoice in self.invoice_ids.filtered(lambda move: move.state == "posted" and move.amount_total):
            paid = 1 - invoice.amount_residual / invoice.amount_total
            settled += invoice._get_sale_order_invoiced_amount(self) * paid
        return self.currency_id.round(settled)

    def _paylink_outstanding(self):
        """What the customer has still to pay of the order, whichever way."""
        self.ensure_one()
        return max(self.amount_total - self._paylink_settled(), 0.0)

    # === WHAT CAN BE ASKED === #

    def _paylink_balance_to_invoice(self):
        """What is neither invoiced nor received of the order; less than zero if it was overpaid."""
        self.ensure_one()
        return self.currency_id.round(self.amount_total - self.amount_invoiced - self._paylink_open_credit())

    def _paylink_ceilings(self):
        """What deposits may still bring, by id: what was invoiced is asked for by invoices.

        An invoice that was paid, then credited, is still paid until the customer has the money back.
        """
        orders = self.sudo()
        orders._paylink_read_ahead()
        return {
            order.id: max(min(order._paylink_balance_to_invoice(), order._paylink_outstanding()), 0.0)
            if order.state != "cancel"
            else 0.0
            for order in orders
        }

    def _paylink_read_ahead(self):
        """Read what the money of these orders depends on, in one go: each alone would read its own."""
        moved = self._paylink_transactions()._paylink_moved()
        moved.payment_id._paylink_receivable_lines().mapped("amount_residual_currency")
        lines = self.invoice_ids.line_ids
        lines.mapped("price_total")
        lines.sale_line_ids.mapped("order_id")

    def _paylink_coming_sql(self):
        """A query of ``(order_id, money_id, link_id, amount)``: what is on its way for these orders, of links and
        in Odoo's portal. What is confirmed counts as received already.
        """
        return SQL(
            "SELECT order_id, money_id, link_id, amount FROM (%s) coming WHERE NOT is_confirmed",
            self.env["payment.transaction"]._paylink_coming_sql(orders=self._origin),
        )

    def _paylink_coming(self):
        """The same as ``{order id: [(link id or None, amount), …]}``: a pair for each transaction."""
        found = {}
        for order_id, _money, link_id, amount in self.env.execute_query(self._paylink_coming_sql()):
            found.setdefault(order_id, []).append((link_id, amount))
        return found

    def _paylink_askable(self):
        """What no link asks for yet and no payment under way may bring. Call it with the orders locked.

        :return: amounts in the currency of each order, by id
        """
        askable, coming = self._paylink_ceilings(), self._paylink_coming()
        links = self.sudo().paylink_link_ids.filtered(lambda link: link._is_live())
        due, live = links._due_amounts(), set(links.ids)
        for order in self.sudo():
            asked = sum(due[link.id] for link in links & order.paylink_link_ids)
            foreign = sum(amount for link, amount in coming.get(order._origin.id, ()) if link not in live)
            askable[order.id] = order.currency_id.round(max(askable[order.id] - asked - foreign, 0.0))
        return askable

    # === INVOICES OF DEPOSITS === #

    def _prepare_invoice(self):
        """Odoo has an invoice take what its transactions have paid: not what a former customer has."""
        values = super()._prepare_invoice()
        if foreign := self.sudo().transaction_ids - self._paylink_transactions():
            commands = values.get("transaction_ids") or []
            values["transaction_ids"] = [*commands, *[Command.unlink(tx.id) for tx in foreign]]
        return values

    def _generate_downpayment_invoices(self):
        """Odoo invoices all that was ever paid each time: of deposits by links, what is not invoiced yet.

        The payment that is being booked is told by the context (see ``payment.transaction._invoice_sale_orders``).
        """
        amount = self.env.context.get("paylink_received")
        if amount is None:
            return super()._generate_downpayment_invoices()
        invoices = self.env["account.move"]
        for order in self:
            booked = order._paylink_transactions()._paylink_received().payment_id
            amount += sum(payment._paylink_open_credit() for payment in booked)
            wizard = order.env["sale.advance.payment.inv"].create(
                {"sale_order_ids": order, "advance_payment_method": "fixed", "fixed_amount": amount}
            )
            invoices |= wizard._create_invoices(order)
        return invoices
