from odoo import api, models
from odoo.tools import SQL, format_amount, format_date


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _paylink_due(self, date=None):
        """What is open of posted receivable items, in the currency of each, by id. Credits are negative.

        :param date: the day the customer pays, by default today, where the customer of each item is; an early payment
            discount that holds on it is deducted (see ``account.move._is_eligible_for_early_payment_discount``)
        """
        discounted = self._paylink_discounted(date)
        return {
            item.id: (
                0.0
                if item.parent_state != "posted" or item.reconciled
                else item.discount_amount_currency
                if item in discounted
                else item.amount_residual_currency
            )
            for item in self.sudo()
        }

    def _paylink_discounted(self, date=None):
        """The items on which an early payment discount is granted to who pays on ``date``, by default today."""
        return self.sudo().filtered(
            lambda item: (
                item.display_type == "payment_term"
                and item.discount_date
                and item.move_id._is_eligible_for_early_payment_discount(
                    item.currency_id, date or item._paylink_today()
                )
            )
        )

    def _paylink_today(self):
        """The day it is for who is asked to pay the item: who was invoiced, if that is the customer."""
        invoiced, customer = self.move_id.partner_id, self.partner_id
        is_customer = invoiced.commercial_partner_id == customer.commercial_partner_id
        return (invoiced if is_customer else customer)._paylink_today(self.company_id)

    def _paylink_days_late(self):
        """How many days ago the item was due, for the company: 0 on the day itself, less before it."""
        return (self.company_id._paylink_today() - (self.date_maturity or self.date)).days

    def _paylink_discount_text(self, env):
        """What is granted to who pays an item with an early payment discount soon, in the language of ``env``."""
        self.ensure_one()
        return env._(
            "Early payment discount until %(date)s: %(amount)s",
            date=format_date(env, self.discount_date),
            amount=format_amount(env, self.discount_amount_currency - self.amount_residual_currency, self.currency_id),
        )

    def _paylink_customer_name(self, label, env):
        """What the customer calls the item: a payment of theirs has a number and a memo that tell them nothing.

        :param str label: its label, see :meth:`_paylink_labels`
        """
        is_payment = self.balance < 0 and (self.payment_id or self.statement_line_id)
        return env._("Payment received") if is_payment else label

    def _paylink_line_values(self, due=None):
        """The values of the ``paylink.link.line`` of each item."""
        due = self._paylink_due() if due is None else due
        labels = self.sudo()._paylink_labels()
        return [
            {
                "move_line_id": item.id,
                "name": labels[item.id],
                "is_invoice": item.move_id.is_sale_document(include_receipts=True),
                "date": item.date,
                "date_due": item.date_maturity or item.date,
                "amount": due[item.id],
            }
            for item in self.sudo()
        ]

    def _paylink_labels(self):
        """What the customer knows each item by, by id: the document's number, with the installment where there are
        several.
        """
        invoices = self.move_id.filtered(lambda move: move.is_invoice(include_receipts=True))
        terms = {
            move: list(dict(sorted(zip(ids, dates, strict=True), key=lambda term: (term[1], term[0]))))
            for move, ids, dates in self._read_group(
                [("move_id", "in", invoices.ids), ("display_type", "=", "payment_term")],
                ["move_id"],
                ["id:array_agg", "date_maturity:array_agg"],
                having=[("__count", ">", 1)],
            )
        }
        return {item.id: item._paylink_label(terms.get(item.move_id, ())) for item in self}

    def _paylink_label(self, terms):
        """:param terms: ids of the installments of the item's document, the first due first, if there are several"""
        self.ensure_one()
        move = self.move_id
        if not move.is_invoice(include_receipts=True):
            return self.ref or self.name or move.name
        return f"{move.name}-{terms.index(self.id) + 1}" if self.id in terms else move.name

    def _paylink_debtor(self):
        """What a link can ask for as a whole: a document, and whose share of it (an entry may have several debtors)."""
        self.ensure_one()
        return self.move_id, self.partner_id.commercial_partner_id

    def _paylink_in_flight(self):
        """Those of the items that may not be asked for or charged now: see :meth:`_paylink_in_flight_sql`."""
        if not self:
            return self
        return self.browse(row[0] for row in self.env.execute_query(self._paylink_in_flight_sql(self)))

    @api.model
    def _paylink_in_flight_sql(self, items=None):
        """A query of the ids of items that money on its way may settle: by any link, or Odoo's own portal.

        Of what is kept for a document (see ``payment.transaction._paylink_coming_sql``) only if it leaves nothing to
        be asked for: else a link asks for what it leaves.

        :param items: of these only; by default of all
        """
        self.env["account.move"].flush_model(["amount_residual"])
        return SQL(
            """
            SELECT coming.item_id
              FROM (%s) coming
              JOIN account_move move ON move.id = coming.move_id
             WHERE coming.item_id IS NOT NULL
          GROUP BY coming.item_id, move.amount_residual
            HAVING bool_or(coming.is_direct) OR sum(coming.amount) >= move.amount_residual
            """,
            self.env["payment.transaction"]._paylink_coming_sql(items=items),
        )

    @api.model
    def _paylink_kept_sql(self):
        """Hook: a query of the ids of credits that are kept for one document, and settle no other. Here: none."""
        return SQL("SELECT NULL::integer WHERE FALSE")

    def _paylink_is_collectable(self):
        """Whether a link may ask for the item: posted, receivable, open."""
        self.ensure_one()
        return (
            self.parent_state == "posted" and self.account_id.account_type == "asset_receivable" and not self.reconciled
        )
