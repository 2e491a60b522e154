from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools import SQL

from ..const import IN_FLIGHT_STATES


class PaylinkLinkDeposit(models.Model):
    """Kind *deposit*: part or all of one sales order, never more than what nobody has paid or been invoiced of it."""

    _inherit = "paylink.link"

    sale_order_id = fields.Many2one(
        "sale.order", string="Order", readonly=True, index="btree_not_null", ondelete="set null", check_company=True
    )

    # === WHAT IS DUE === #

    def _due_deposit(self):
        """What has not been received of the deposit, and at most what is left of the order."""
        rooms = self.sale_order_id._paylink_rooms()
        return {
            link.id: min(link.amount - link._received_amount(), rooms[link.sale_order_id.id])
            if link._fits_order()
            else 0.0
            for link in self
        }

    def _fits_order(self):
        """Whether the order can still be paid by this link."""
        return self._belongs_to_order() and self.sudo().sale_order_id.state != "cancel"

    def _belongs_to_order(self):
        """Whether the order is still what the customer was asked to pay: it may have been changed or given away."""
        self.ensure_one()
        order = self.sudo().sale_order_id
        return (
            bool(order)
            and order.currency_id == self.currency_id
            and order.company_id == self.company_id
            and order.partner_invoice_id.commercial_partner_id == self.partner_id.commercial_partner_id
        )

    @api.model
    def _belonging_sql(self):
        """A query of ``(link_id, order_id)``: the deposits that :meth:`_belongs_to_order` is true of."""
        self.flush_model(["sale_order_id", "partner_id", "currency_id", "company_id"])
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        self.env["sale.order"].flush_model(["partner_invoice_id", "currency_id", "company_id"])
        return SQL(
            """
            SELECT link.id AS link_id, so.id AS order_id
              FROM paylink_link link
              JOIN sale_order so ON so.id = link.sale_order_id
                                AND so.currency_id = link.currency_id
                                AND so.company_id = link.company_id
              JOIN res_partner payer ON payer.id = link.partner_id
              JOIN res_partner customer ON customer.id = so.partner_invoice_id
                                       AND customer.commercial_partner_id = payer.commercial_partner_id
            """
        )

    @api.model
    def _invoiced_sql(self):
        """A query of ``(move_id, link_id)``: the invoices of orders, with the deposits that settle them when booked."""
        return SQL(
            """
            SELECT item.move_id, deposit.link_id
              FROM (%s) deposit
              JOIN sale_order_line line ON line.order_id = deposit.order_id
              JOIN sale_order_line_invoice_rel rel ON rel.order_line_id = line.id
              JOIN account_move_line item ON item.id = rel.invoice_line_id
              JOIN account_move move ON move.id = item.move_id AND move.move_type != 'out_refund'
            """,
            self._belonging_sql(),
        )

    def _payable_of(self, due, rivals):
        """Payments under way of other deposits are no rivals as long as the order has room for both."""
        payable = super()._payable_of(due, rivals)
        if self.kind != "deposit":
            return payable
        own = sum(self.transaction_ids._paylink_attempts()._paylink_in_flight().mapped("amount"))
        room = sum(self.sale_order_id._paylink_rooms().values())
        left = min(due - own, room - own - sum(rivals.mapped("amount")))
        return self.currency_id.round(max(left, 0.0))

    def _rivals_query(self):
        """Payments under way of the same order, also from the customer portal; those confirmed count as received."""
        if self.kind != "deposit":
            return super()._rivals_query()
        return SQL(
            """
            SELECT tx.id
              FROM payment_transaction tx
              JOIN payment_provider provider ON provider.id = tx.provider_id
              JOIN sale_order_transaction_rel rel ON rel.transaction_id = tx.id
             WHERE rel.sale_order_id = %(order)s
               AND tx.state IN %(states)s
               AND provider.code != 'custom'
               AND tx.operation NOT IN ('refund', 'validation')
               AND tx.paylink_id IS DISTINCT FROM %(link)s
               AND (tx.paylink_id IS NULL OR tx.paylink_id IN %(links)s)
            """,
            order=self.sale_order_id.id or None,
            links=tuple(self.sudo().sale_order_id._paylink_own_links().ids) or (None,),
            states=IN_FLIGHT_STATES,
            link=self.id,
        )

    def _open_drafts(self):
        """Attempts on other deposits of the order are given up only if the order has no room left for them."""
        deposits = self.filtered(lambda link: link.kind == "deposit")
        drafts = super(PaylinkLinkDeposit, self - deposits)._open_drafts()
        for link in deposits:
            open_drafts = (link.transaction_ids | link.sale_order_id.transaction_ids)._paylink_closable()
            left = link.sale_order_id._paylink_left_to_pay() - link._payable_amount()
            drafts |= open_drafts.filtered(lambda tx, link=link, left=left: tx.paylink_id == link or tx.amount > left)
        return drafts

    def _documents_stand(self):
        """A deposit stands as long as its order does."""
        if self.kind != "deposit":
            return super()._documents_stand()
        return self._fits_order()

    def _rows_to_lock(self):
        """Payers of deposits fight for their order."""
        return [*super()._rows_to_lock(), ("sale_order", self.sudo().sale_order_id.ids)]

    def _attempt_documents(self):
        """Odoo confirms and invoices the order of a transaction that names it."""
        documents = super()._attempt_documents()
        if self.kind == "deposit":
            documents["sale_order_ids"] = [fields.Command.set(self.sale_order_id.ids)]
        return documents

    # === THE BOOKS === #

    def _settle_deposit(self, transaction):
        """Settle the invoice that Odoo has made of the payment, else what was invoiced of the order meanwhile.

        What is left is the customer's open credit; the next invoice of the order takes it: see ``account.move._post``.
        """
        invoices = transaction.invoice_ids or self.sale_order_id.invoice_ids
        items = invoices.filtered(lambda move: move.state == "posted")._paylink_open_items()
        return self._settle_items(items.filtered(lambda item: item.balance > 0 and self._fits(item)), transaction)

    def _excess(self, transaction):
        """An open credit is what a deposit is to be, as far as the order has room for it."""
        if self.kind != "deposit":
            return super()._excess(transaction)
        credit = transaction.payment_id._paylink_open_credit()
        return min(credit, self.sale_order_id._paylink_overpaid()) if self._fits_order() else credit

    @api.model
    def _log_on_documents(self, transactions):
        """Tell on the order, too, what has come or gone back."""
        result = super()._log_on_documents(transactions)
        deposits = transactions._paylink_deposits()
        texts = {
            order.id: Markup("<br/>").join(tx._paylink_order_note() for tx in own)
            for order, own in deposits.grouped(lambda tx: tx.paylink_id.sale_order_id).items()
            if order
        }
        orders = self.env["sale.order"].browse(texts)
        orders._message_log_batch(texts, author_id=transactions._paylink_bot())
        return result

    # === WHAT PEOPLE READ === #

    def _documents_text(self, language, lines):
        """Say which order the deposit is for, as part of a sentence."""
        if self.kind != "deposit" or not self.sale_order_id:
            return super()._documents_text(language, lines)
        return language._("the deposit on order %(name)s", name=self.sudo().sale_order_id.name)
