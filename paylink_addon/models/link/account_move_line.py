import datetime as dt
from typing import NamedTuple

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date, groupby

from ...const import VOID_STATES

# What customers are told of their items, and what it is made of.
ITEM_FIELDS = (
    *("move_id", "partner_id", "company_id", "currency_id", "account_id", "payment_id", "statement_line_id"),
    *("name", "ref", "date", "date_maturity", "parent_state", "reconciled", "display_type", "balance"),
    *("amount_currency", "amount_residual_currency", "discount_date", "discount_amount_currency"),
)
MOVE_FIELDS = (
    *("name", "move_type", "state", "payment_state", "partner_id", "company_id", "currency_id"),
    *("invoice_payment_term_id", "invoice_date", "date"),
)

# What Odoo says of invoices of which a payment is registered, by edition.
IN_PAYMENT_STATES = ("in_payment", "paid")


class Registered(NamedTuple):
    """What is registered of an item, in its currency, negative for credits; whether it is all of it."""

    amount: float
    is_whole: bool


class Registration(NamedTuple):
    """An item for which a payment without an entry is registered: see ``_paylink_registrations_sql``."""

    payment_id: int
    company_id: int
    date: dt.date
    paid: float
    paid_currency_id: int
    sign: int
    item_id: int
    currency_id: int
    residual: float
    discounted: float | None


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _paylink_due(self, date=None):
        """What is open of posted receivable items, in the currency of each, by id. Credits are negative.

        Less what is registered, without an entry, for a part of an item; what is for all of it is on its way.

        :param date: the day the customer pays, by default today, where the customer of each item is; an early payment
            discount that holds on it is deducted (see ``account.move._is_eligible_for_early_payment_discount``)
        """
        discounted, registered = set(self._paylink_discounted(date).ids), self._paylink_registered()
        due = {}
        for item in self.sudo():
            is_open = item.parent_state == "posted" and not item.reconciled
            own = item.discount_amount_currency if item.id in discounted else item.amount_residual_currency
            part = registered.get(item.id)
            due[item.id] = (own - part.amount if part and not part.is_whole else own) if is_open else 0.0
        return due

    def _paylink_due_now(self, due, gone=0.0, day=None):
        """What is asked for at first of these open items of one customer, in one currency.

        As Odoo's portal has it (``account.move._get_invoice_next_payment_values``): of an invoice in installments those
        that are overdue, else the next one; all of whatever else. Credits, and money on its way, pay what is due first.

        :param dict due: what is open of each, by id: see :meth:`_paylink_due`
        :param float gone: what money on its way will settle of them
        :param day: by default today, where the customer of each item is
        :return: the items, credits among them, and what is to be paid of them
        """
        if not self:
            return self, 0.0
        gone -= sum(due[item.id] for item in self if due[item.id] < 0)
        left = {}
        for item in self.filtered(lambda item: due[item.id] > 0).sorted(lambda item: item._paylink_due_key()):
            paid = min(gone, due[item.id])
            gone = item.currency_id.round(gone - paid)
            if not item.currency_id.is_zero(due[item.id] - paid):
                left[item] = due[item.id] - paid
        later = self.browse().union(*left)._paylink_later(day)
        ids = set(later.ids)
        return self - later, self[:1].currency_id.round(sum(left[item] for item in left if item.id not in ids))

    def _paylink_later(self, day=None):
        """Those of these open debts that are installments not asked for yet, as others of their invoices come first."""
        later = []
        for terms in self.filtered(lambda item: item.display_type == "payment_term").grouped("move_id").values():
            if len(terms) > 1:
                overdue = terms.filtered(lambda item: item._paylink_due_key()[0] < (day or item._paylink_today()))
                later.append(terms - (overdue or terms.sorted(lambda item: item._paylink_due_key())[:1]))
        return self.browse().union(*later)

    def _paylink_fetch(self):
        """Read what pages and links need of open items at once: thousands would be read some by some, in whole rows."""
        self.fetch(ITEM_FIELDS)
        self.move_id.fetch(MOVE_FIELDS)

    def _paylink_due_key(self):
        """What sorts items by the day they are due."""
        return self.date_maturity or self.date, self.id

    def _paylink_discounted(self, date=None):
        """The items on which an early payment discount is granted to who pays on ``date``, by default today."""
        return self.sudo().filtered(
            lambda item: (
                item.display_type == "payment_term"
                and item.discount_date
                and item.move_id.payment_state not in IN_PAYMENT_STATES
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
            amount=self._paylink_amount_text(env, self.discount_amount_currency - self.amount_residual_currency),
        )

    def _paylink_amount_text(self, env, amount):
        """``amount``, in the currency of the item, as its customer reads it in the language of ``env``."""
        self.ensure_one()
        return self.currency_id._paylink_text(env, amount, self.company_id, self.partner_id)

    def _paylink_customer_name(self, label, env):
        """What the customer calls the item: a payment of theirs has a number and a memo that tell them nothing.

        :param str label: its label, see :meth:`_paylink_labels`
        """
        if not self.payment_id and not self.statement_line_id:
            return label
        return env._("Payment received") if self.balance < 0 else env._("Payment returned")

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
        terms = self._paylink_terms()
        return {item.id: item._paylink_label(terms.get(item.move_id, ())) for item in self}

    def _paylink_terms(self):
        """The ids of the installments, the first due first, of those invoices of these items that have several."""
        invoices = self.move_id.filtered(lambda move: move.is_invoice(include_receipts=True))
        return {
            move: list(dict(sorted(zip(ids, dates, strict=True), key=lambda term: (term[1], term[0]))))
            for move, ids, dates in self._read_group(
                [("move_id", "in", invoices.ids), ("display_type", "=", "payment_term")],
                ["move_id"],
                ["id:array_agg", "date_maturity:array_agg"],
                having=[("__count", ">", 1)],
            )
        }

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
        be asked for: else a link asks for what it leaves. What was confirmed and is booked has left what may be asked
        for; a debit that somebody has registered, and even booked, may still fail.

        :param items: of these only; by default of all
        """
        self.env["account.move"].flush_model(["amount_residual"])
        return SQL(
            """
            SELECT coming.item_id
              FROM (%s) coming
              JOIN account_move move ON move.id = coming.move_id
             WHERE coming.item_id IS NOT NULL AND NOT (coming.is_booked AND coming.is_confirmed)
          GROUP BY coming.item_id, move.amount_residual
            HAVING bool_or(coming.is_direct) OR sum(coming.amount) >= move.amount_residual
            """,
            self.env["payment.transaction"]._paylink_coming_sql(items=items),
        )

    # === MONEY REGISTERED WITHOUT AN ENTRY === #
    # Where the payment method of a journal has no outstanding account, as Odoo Enterprise sets journals up, a payment
    # that is registered has no entry until the bank shows the money: what it pays is open, and Odoo says *in payment*.

    def _paylink_registered(self):
        """What is registered for these items in payments without an entry: :class:`Registered` by id."""
        items = self._paylink_maybe_registered()
        if not items:
            return {}
        shares = self._paylink_registered_shares(items)
        return {item.id: shares[item.id] for item in items if item.id in shares}

    def _paylink_unsettled(self):
        """Those of which it is still to be settled what they say: not paid, nor of documents that were canceled."""
        return self.filtered(lambda item: not item.reconciled and item.parent_state != "cancel")

    def _paylink_left(self):
        """Those of which something is left to ask for: no payment without an entry is registered for all of them."""
        registered = self._paylink_registered()
        return self.filtered(lambda item: item.id not in registered or not registered[item.id].is_whole)

    def _paylink_maybe_registered(self):
        """Those of the items for which there may be such payments; few, by what is known of their documents."""
        items = self.sudo().filtered(lambda item: not item.reconciled)
        items.move_id.fetch(["payment_state", "move_type"])
        return items.filtered(
            lambda item: (
                item.move_id.payment_state in IN_PAYMENT_STATES
                or (item.move_id.move_type == "entry" and not item.payment_id)
            )
        )

    def _paylink_registered_texts(self, registered):
        """What pages tell of it, in the language of the context: whether all is on its way, or how much (a text).

        :param registered: a :class:`Registered`, or ``None``
        """
        if not registered:
            return {"busy": False, "coming": False}
        amount = self._paylink_amount_text(self.env, abs(registered.amount))
        text = self.env._("%(amount)s is on its way", amount=amount)
        return {"busy": registered.is_whole, "coming": not registered.is_whole and text}

    @api.model
    def _paylink_registered_shares(self, items=None):
        """:class:`Registered` by id, of all items for which something is registered, in one query.

        The payments pay one after the other, by date: each takes what those before have left.

        What only reads, such as a page, may bring a memory for it (``paylink_registered`` in the context, a list).

        :param items: those that matter; those that are paid together with them may be among the found
        """
        memory, moves = self.env.context.get("paylink_registered"), items is not None and items.move_id
        if memory is None or not moves:
            return self._paylink_share_registered(items)
        if not (known := [shares for seen, shares in memory if moves <= seen]):
            known = [self._paylink_share_registered(items)]
            memory.append((moves, *known))
        return known[0]

    @api.model
    def _paylink_share_registered(self, items):
        found = [Registration(*row) for row in self.env.execute_query(self._paylink_registrations_sql(items))]
        residuals = {row.item_id: row.residual for row in found}
        left = dict(residuals)
        for _payment, rows in groupby(found, key=lambda row: row.payment_id):
            paid = None
            for row in rows:
                paid = self._paylink_take(row, row.paid if paid is None else paid, left)
        return {
            item_id: Registered(residual - left[item_id], not left[item_id])
            for item_id, residual in residuals.items()
            if residual != left[item_id]
        }

    @api.model
    def _paylink_take(self, row, paid, left):
        """Let an item take its share of a payment; what a discount of the day of the payment leaves is paid with it.

        :param row: a :class:`Registration`
        :param float paid: what its payment still has, in the currency of the payment
        :param dict left: what payments have left of items, by id: it is changed
        :return: what the payment has after it
        """
        Currency = self.env["res.currency"]
        currency, paid_currency = Currency.browse(row.currency_id), Currency.browse(row.paid_currency_id)
        company = self.env["res.company"].browse(row.company_id)
        rate = Currency._get_conversion_rate(paid_currency, currency, company, row.date)
        is_touched = row.discounted is None or left[row.item_id] != row.residual
        wanted = row.sign * (left[row.item_id] if is_touched else row.discounted) / rate
        # What is all of it in the currency of the payment, is: what rounding leaves is nobody's.
        if paid_currency.round(wanted - paid) <= 0:
            left[row.item_id] = 0.0
            return max(paid - wanted, 0.0)
        left[row.item_id] = currency.round(left[row.item_id] - row.sign * paid * rate)
        return 0.0

    @api.model
    def _paylink_registrations_sql(self, items=None):
        """A query of payments without an entry and what they are for, as :class:`Registration` has it, in the order in
        which they pay. It flushes what it reads.

        A payment for several items pays them as Odoo will: credits first, then what was due first. One that somebody
        has marked as paid, the bank has not shown yet as long as nothing is reconciled.

        :param items: those that matter; with those that are paid together with them, as what one gets the other lacks
        """
        self.env["account.payment"].flush_model()
        self.env["account.move"].flush_model(["matched_payment_ids"])
        self.flush_model()
        without_entry = SQL(
            "payment.move_id IS NULL AND payment.partner_type = 'customer' AND payment.state IN ('in_process', 'paid')"
        )
        documents = SQL("SELECT id FROM account_move WHERE FALSE")
        if items is not None:
            documents = SQL("SELECT id FROM account_move WHERE id IN %s", tuple(items.move_id.ids) or (0,))
        return SQL(
            """
              WITH RECURSIVE document AS (
                   %(documents)s
                   UNION
                   SELECT other.invoice_id
                     FROM document
                     JOIN account_move__account_payment own ON own.invoice_id = document.id
                     JOIN account_payment payment ON payment.id = own.payment_id AND %(without_entry)s
                     JOIN account_move__account_payment other ON other.payment_id = own.payment_id)
            SELECT payment.id, payment.company_id, payment.date, payment.amount, payment.currency_id, side.sign,
                   item.id, item.currency_id, item.amount_residual_currency,
                   CASE WHEN item.discount_date >= payment.date
                         AND item.amount_residual_currency = item.amount_currency
                        THEN item.discount_amount_currency END
              FROM account_payment payment
              JOIN account_move__account_payment rel ON rel.payment_id = payment.id
              JOIN account_move_line item
                ON item.move_id = rel.invoice_id AND item.parent_state = 'posted' AND item.reconciled IS NOT TRUE
               AND (item.display_type = 'payment_term'
                    OR (item.account_id = payment.destination_account_id AND item.partner_id = payment.partner_id))
        CROSS JOIN LATERAL (SELECT CASE payment.payment_type WHEN 'inbound' THEN 1 ELSE -1 END AS sign) side
             WHERE %(without_entry)s
               AND (payment.state = 'in_process' OR item.amount_residual_currency = item.amount_currency)
               AND %(which)s
          ORDER BY payment.date, payment.id, side.sign * item.amount_residual_currency > 0,
                   COALESCE(item.date_maturity, item.date), item.id
            """,
            documents=documents,
            without_entry=without_entry,
            which=SQL("TRUE") if items is None else SQL("rel.invoice_id IN (SELECT id FROM document)"),
        )

    # === WHAT NOBODY IS ASKED FOR === #
    # One definition for accounts, statements, dialogs and reminders: together they ask for what the receivable account
    # says, less what is kept and what waits.

    @api.model
    def _paylink_kept_sql(self):
        """Hook: a query of the ids of credits that are kept for one document, and settle no other. Here: none."""
        return SQL("SELECT NULL::integer WHERE FALSE")

    @api.model
    def _paylink_given_back_domain(self):
        """Hook: the domain of open debits by which money was given back to customers; it waits for its credit note."""
        return (
            Domain("payment_id.payment_type", "=", "outbound")
            & Domain("payment_id.state", "not in", VOID_STATES)
            & Domain("account_type", "=", "asset_receivable")
            & Domain("parent_state", "=", "posted")
            & Domain("reconciled", "=", False)
            & Domain("balance", ">", 0)
        )

    @api.model
    def _paylink_waiting(self, customers=None):
        """Money given back that waits for its credit note, and the open credits that may be it, in sudo mode.

        It is not asked for again; so what may be its credit note is not deducted from anything else either. Once these
        credits are more than it, or have been used otherwise, nothing waits anymore: both count as they are.

        :param customers: ``res.partner``: of these and the contacts below them only, by default of all
        """
        items = self.sudo()
        domain = self._paylink_given_back_domain()
        if customers is not None:
            domain &= Domain("partner_id", "child_of", customers.ids)
        given = items.search(domain)
        waiting = items.browse()
        found = given._paylink_open_credits() if given else {}
        for key, own in given.grouped(lambda item: item._paylink_account_key()).items():
            together = own | found.get(key, items.browse())._paylink_may_be_for(own.payment_id)
            left = own.currency_id.round(sum(together.mapped("amount_residual_currency")))
            # Where its credit note has come, and was used for something else, it is owed.
            if left == 0 or own.currency_id.compare_amounts(left, own._paylink_used_credit_notes()) > 0:
                waiting |= together
        return waiting

    def _paylink_used_credit_notes(self):
        """How much of the credit notes of what this money had been paid for was used for anything else."""
        documents = self.payment_id.source_payment_id._paylink_paid_documents()
        used = documents.reversal_move_ids.line_ids.matched_debit_ids.filtered(
            lambda partial: (
                partial.debit_move_id.account_id.account_type == "asset_receivable"
                and partial.debit_move_id.move_id not in documents
                and not partial.debit_move_id._paylink_is_returned()
            )
        )
        return sum(used.mapped("credit_amount_currency"))

    def _paylink_account_key(self):
        """Whose account the item stands on, and in which currency."""
        return self.company_id, self.partner_id.commercial_partner_id, self.currency_id

    def _paylink_open_credits(self):
        """What is open in favor of these items' customers, but for what is kept, by :meth:`_paylink_account_key`."""
        found = self.search(
            [
                ("partner_id", "child_of", self.partner_id.commercial_partner_id.ids),
                ("company_id", "in", self.company_id.ids),
                ("parent_state", "=", "posted"),
                ("account_type", "=", "asset_receivable"),
                ("reconciled", "=", False),
                ("balance", "<", 0),
                ("id", "not in", SQL("(%s)", self._paylink_kept_sql())),
            ]
        )
        return found.grouped(lambda item: item._paylink_account_key())

    def _paylink_may_be_for(self, refunds):
        """Those of these credits that may belong to money given back: what its payment has left open, and credit notes.

        Not other money of the customer, nor credit notes of other documents. What was given back by hand says nothing
        of what it was for: it may belong to any credit.

        :param refunds: ``account.payment`` by which the money was given back
        """
        sources = refunds.source_payment_id
        if refunds.filtered(lambda payment: not payment.source_payment_id):
            return self
        documents = sources._paylink_paid_documents()
        return self.filtered(
            lambda credit: (
                credit.payment_id in sources
                if credit.payment_id or credit.statement_line_id
                else not credit.move_id.reversed_entry_id or credit.move_id.reversed_entry_id in documents
            )
        )

    def _paylink_owed(self):
        """The debts of these open items: neither credits nor money given back, which is deducted from credits only."""
        return self.filtered(lambda item: item.amount_residual_currency > 0 and not item._paylink_is_returned())

    def _paylink_is_returned(self):
        """Whether the item is money that went back to the customer, and did not fail to."""
        return self.payment_id.payment_type == "outbound" and self.payment_id.state not in VOID_STATES

    # === THE LANGUAGE OF ENTRIES === #

    def _compute_name(self):
        """Installments are numbered in that of the books; products are called as the customer calls them."""
        terms = self.filtered(lambda item: item.display_type == "payment_term")
        result = super(AccountMoveLine, self - terms)._compute_name()
        for own in terms._paylink_in_books_language():
            super(AccountMoveLine, own)._compute_name()
        return result

    def _compute_epd_needed(self):
        result = None
        for own in self._paylink_in_books_language():
            result = super(AccountMoveLine, own)._compute_epd_needed()
        return result

    def _compute_discount_allocation_needed(self):
        result = None
        for own in self._paylink_in_books_language():
            result = super(AccountMoveLine, own)._compute_discount_allocation_needed()
        return result

    def _paylink_in_books_language(self):
        """These items by company, each with the language of its books."""
        return [company._paylink_in_its_language(own) for company, own in self.grouped("company_id").items()]

    def _prepare_exchange_difference_move_vals(self, amounts_list, company=None, **kwargs):
        """That of the books, not of who reconciles, or whose page does; of those in which Odoo makes the entry."""
        moves = self.move_id.filtered(lambda move: move.is_invoice(include_receipts=True)) or self.move_id
        books = (moves.company_id or company or self.env.company)[:1]._paylink_in_its_language(self)
        return super(AccountMoveLine, books)._prepare_exchange_difference_move_vals(
            amounts_list, company=company, **kwargs
        )

    # === SETTLED ANOTHER WAY === #

    @api.model
    def _reconcile_plan(self, reconciliation_plan):
        """Whatever settles items passes here: nobody goes on paying what is not due anymore."""
        result = super()._reconcile_plan(reconciliation_plan)
        self._paylink_of_plan(reconciliation_plan)._paylink_settled()
        return result

    @api.model
    def _paylink_of_plan(self, plan):
        """All items of a plan, which may be made of plans: see :meth:`_reconcile_plan`."""
        return self.union(
            *(part if isinstance(part, models.BaseModel) else self._paylink_of_plan(part) for part in plan)
        )

    def _paylink_settled(self):
        """Close the attempts to pay these items that have been overtaken, and tell of money on its way.

        Nearly always there are none, and one query says so. Our own bookings see to the other attempts themselves: see
        ``paylink.link._close_rivals``.
        """
        context = self.env.context
        if context.get("paylink_knows_reconciled") or context.get("paylink_closes_rivals"):
            return
        items = self.sudo().filtered(lambda item: item.account_type == "asset_receivable" and item.balance > 0)
        if items and items._paylink_may_have_rivals():
            items._paylink_rivals()._paylink_reconsider()

    def _paylink_may_have_rivals(self):
        """Whether any attempt may be about these items: more than :meth:`_paylink_rivals` finds, in one query."""
        return self.env["payment.transaction"].sudo()._paylink_any_about(items=self)

    def _paylink_rivals(self):
        """Hook: the transactions, in sudo mode, that may still settle these items: unfinished, or on their way.

        Also those confirmed that nobody has booked yet.
        """
        items = self.sudo()
        query = SQL(
            "SELECT DISTINCT transaction_id FROM (%s) coming WHERE NOT is_booked AND transaction_id IS NOT NULL",
            self.env["payment.transaction"].sudo()._paylink_coming_sql(items=items),
        )
        coming = self.env["payment.transaction"].sudo().browse(row[0] for row in self.env.execute_query(query))
        return coming | self.env["paylink.link"].sudo()._open_drafts_for(items)

    def _paylink_is_collectable(self):
        """Whether a link may ask for the item: posted, receivable, open."""
        self.ensure_one()
        return (
            self.parent_state == "posted" and self.account_id.account_type == "asset_receivable" and not self.reconciled
        )
