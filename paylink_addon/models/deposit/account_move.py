from odoo import models
from odoo.tools import SQL

from ...tools.locks import hold_and_touch


class AccountMove(models.Model):
    """Invoices of an order take what was paid as a deposit on it."""

    _inherit = "account.move"

    def _post(self, soft=True):
        """Odoo reconciles the payments that an invoice was made with, as long as they are *in process*.

        A deposit can also have been matched with the bank account already, have been used in part, or have been paid
        after the draft was made: it is assigned in the same way.
        """
        posted = super()._post(soft)
        invoices = posted.filtered(lambda move: move.is_sale_document(include_receipts=True))
        if orders := invoices._paylink_orders():
            # A deposit that is being booked either sees this invoice or is seen by it.
            hold_and_touch(orders)
            for invoice, credit in invoices._paylink_deposit_credits(orders):
                if not invoice.currency_id.is_zero(invoice.amount_residual) and not credit.reconciled:
                    invoice.js_assign_outstanding_line(credit.id)
            orders._paylink_end_links()
        return posted

    def _paylink_orders(self, linked=True):
        """The orders that these invoices were made of, in sudo mode.

        :param bool linked: only those that have links
        """
        if not self:
            return self.env["sale.order"].sudo()
        query = SQL(
            """
            SELECT DISTINCT line.order_id
              FROM account_move_line item
              JOIN sale_order_line_invoice_rel rel ON rel.invoice_line_id = item.id
              JOIN sale_order_line line ON line.id = rel.order_line_id
             WHERE item.move_id IN %s %s
            """,
            tuple(self.ids),
            SQL("AND EXISTS(SELECT FROM paylink_link link WHERE link.sale_order_id = line.order_id)" if linked else ""),
        )
        self.env.flush_all()
        return self.env["sale.order"].sudo().browse(row[0] for row in self.env.execute_query(query))

    def _paylink_are_of_orders(self):
        """Whether any of these documents was made of an order."""
        query = SQL(
            """
            SELECT FROM account_move_line item
              JOIN sale_order_line_invoice_rel rel ON rel.invoice_line_id = item.id
             WHERE item.move_id IN %s LIMIT 1
            """,
            tuple(self.ids) or (0,),
        )
        return bool(self.env.execute_query(query))

    def _paylink_deposit_credits(self, orders):
        """The open credits of paid deposits on the orders of each invoice, oldest first.

        :param orders: those of the invoices that have links
        :return: ``(account.move, account.move.line)`` pairs
        """
        for invoice in self.filtered(lambda move: move.move_type != "out_refund"):
            payments = (invoice.sudo().line_ids.sale_line_ids.order_id & orders)._paylink_deposit_payments()
            for credit in payments.sorted("id")._paylink_receivable_lines():
                if credit.parent_state == "posted" and credit.balance < 0:
                    yield invoice.sudo(), credit
