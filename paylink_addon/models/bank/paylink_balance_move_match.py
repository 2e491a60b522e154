"""Stage of ``paylink.balance.move``: how bank lines of rows find their payments, whichever came first."""

from functools import partial

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..link.paylink_link_books import QUIET
from .paylink_balance_move import CHARGES, DISPUTES, PAYMENTS, TOP_UPS
from .paylink_balance_move_book import BATCH
from .paylink_payout import STRIPE, is_awaited, is_named


class PaylinkBalanceMoveMatch(models.Model):
    """A line settles the item of its payment. What is known to be one's waits on the account of payments on their way,
    the rest on the suspense account.
    """

    _inherit = "paylink.balance.move"

    # === JOB === #

    @api.model
    def _match_waiting(self, balance):
        """Reconcile lines that came before their payments, and those that settle each other. Rows of nobody's, however
        many, are looked at once a payment with their PaymentIntent appears.

        :return: whether all were done; else the time is up
        """
        job = self.env["paylink.job.mixin"]
        is_open = self._kept_domain(balance) & Domain("is_open", "=", True)
        is_known = self._ready_domain() | Domain("id", "in", self._newly_known(balance))
        payments = is_open & Domain("category", "in", PAYMENTS + DISPUTES)
        waiting = self.search(payments & is_known, order="created_at, id")
        # Named functions of their own: what one could not do is not what the other has done.
        match, cancel_out = type(self)._match, type(self)._cancel_out
        if not job._each(waiting, match, size=BATCH, scope=balance):
            return False
        return job._each(self._pairs(payments), cancel_out, size=BATCH, scope=balance)

    @api.model
    def _ready_domain(self):
        """Rows of known payments that may find an open item. Debits on their way, and what is reconciled with something
        else, may be many, and wait long.
        """
        is_over = Domain("transaction_id.state", "not in", ("draft", "pending"))
        is_matched = Domain("transaction_id", "any", [("payment_id.is_matched", "=", True)])
        awaited = Domain("category", "in", ("charge", "refund")) & ~is_matched
        awaited |= Domain("category", "=", "refund_failure")  # settles the reversal of its payment
        known = Domain("transaction_id", "!=", False)
        return known & (Domain("category", "in", DISPUTES) | (awaited & is_over))

    @api.model
    def _pairs(self, domain):
        """One row of each group that comes to nothing: of the same object; of a debit and its failure, which may be two
        objects, the same PaymentIntent.
        """
        found = set()
        for name, more in (("source", Domain.TRUE), ("intent", Domain("category", "in", CHARGES))):
            groups = self._read_group(
                domain & more & Domain(name, "!=", False),
                [name, "currency_id"],
                ["id:min", "amount:sum"],
                having=[("__count", ">", 1)],
            )
            found |= {first for _name, currency, first, amount in groups if currency.is_zero(amount)}
        return self.browse(sorted(found))

    @api.model
    def _newly_known(self, balance):
        """The ids of rows that did not know their payment, and may do so now."""
        providers = balance._providers()
        self.env.flush_all()
        query = SQL(
            """
            SELECT move.id
              FROM paylink_balance_move move
              JOIN payment_transaction tx ON tx.paylink_stripe_intent = move.intent AND tx.provider_id = ANY(%s)
             WHERE move.balance_id = %s AND move.is_kept AND move.transaction_id IS NULL
            """,
            providers.ids,
            balance.id,
        )
        return [row_id for (row_id,) in self.env.execute_query(query)]

    # === MATCHING === #

    def _match(self):
        """Put lines on the account of their payments, and reconcile them. What can't be changed anymore is left: why
        it is open says so.
        """
        books = self.balance_id.company_id._paylink_in_books(self.sudo()).with_context(**QUIET)
        items = {move: item for move, item in books._find_items().items() if not isinstance(move, tuple)}
        own = books._own_items()
        ready = books.filtered(lambda move: move in items and own[move])
        strange = ready.filtered(lambda move: own[move].currency_id != items[move].currency_id)
        for account, moves in (ready - strange).grouped(lambda move: items[move].account_id).items():
            _put_on(account, [own[move] for move in moves])
        books._reconcile({move: items[move] for move in ready - strange})
        strange._book_anew()
        books.env.flush_all()

    def _own_items(self):
        """What the line of each row waits with: its one open counterpart; none where somebody has split it."""
        found = {}
        for move in self:
            items = move.line_id.move_id.line_ids
            others = items.filtered(lambda item: item.account_id != item.journal_id.default_account_id)
            found[move] = others.filtered(lambda item: not item.reconciled) if len(others) == 1 else others.browse()
        return found

    def _book_anew(self):
        """The payment is in another currency than the customer's that Stripe has told: their lines are made again."""
        changeable = self.filtered(lambda move: move.line_id.move_id._paylink_can_change())
        changeable.line_id.unlink()
        if changeable:
            changeable._book()

    def _cancel_out(self):
        """What came and went back, and is no payment in the books: both lines settle each other."""
        same = Domain("source", "in", list(filter(None, self.mapped("source"))))
        same |= Domain("category", "in", CHARGES) & Domain("intent", "in", list(filter(None, self.mapped("intent"))))
        same &= Domain("balance_id", "in", self.balance_id.ids) & Domain("category", "in", PAYMENTS + DISPUTES)
        books = self.balance_id.company_id._paylink_in_books(self.sudo()).with_context(**QUIET)
        moves = books.search(same & Domain("is_open", "=", True))
        ours, plan = moves._intents_of_ours(), []
        for (balance, currency, _what), rows in moves.grouped(PaylinkBalanceMoveMatch._same).items():
            items = list(rows._own_items().values())
            is_even = currency.is_zero(sum(rows.mapped("amount")))
            is_over = is_even and all(items) and all(row._is_done_with(ours) for row in rows)
            if is_over and _put_on(balance.outstanding_account_id, items):
                plan.append(items[0].union(*items))
        if plan:
            moves.env["account.move.line"]._reconcile_plan(plan)

    def _same(self):
        """What rows have in common that may settle each other."""
        what = (self.category in CHARGES and self.intent) or self.source
        return self.balance_id, self.currency_id, what

    def _intents_of_ours(self):
        """The PaymentIntents of these rows that are payments in Odoo."""
        domain = [("provider_id", "in", self.balance_id._providers().ids)]
        domain.append(("paylink_stripe_intent", "in", list(filter(None, self.mapped("intent")))))
        return set(self.env["payment.transaction"].sudo().search(domain).mapped("paylink_stripe_intent"))

    def _is_done_with(self, ours):
        """Whether no entry will come for it: it is nobody's, or a debit that has failed. What the books of a chargeback
        or refund say is told by events, which may be late.

        :param set ours: see :meth:`_intents_of_ours`
        """
        return (self.category in CHARGES and self.transaction_id.sudo().state != "done") or self.intent not in ours

    # === RECONCILING === #

    def _reconcile(self, items):
        """Reconcile the lines of rows with the items of their payments, all in one plan.

        :param dict items: see :meth:`_find_items`
        """
        plan = []
        for key, item in items.items():
            move, line = (key[0], key[0].fee_line_id) if isinstance(key, tuple) else (key, key.line_id)
            own = line.move_id.line_ids.filtered(lambda one, of=item: one.account_id == of.account_id)
            if move in self and len(own) == 1 and not own.reconciled:
                plan.append(item + own)
        if not plan:
            return
        knowing = self.env["account.move.line"].with_context(paylink_knows_reconciled=True)
        knowing._reconcile_plan([group.with_env(knowing.env) for group in plan])
        payments = knowing.concat(*plan).payment_id
        self.env.add_to_compute(payments._fields["state"], payments)
        payments._recompute_recordset(["state"])

    def _note_transfers(self):
        """Have payouts know their items: those that came back settle what was on its way, else wait for the bank."""
        transfers = self.filtered(lambda move: move.category in ("payout", "payout_reversal") and move.line_id)
        if not transfers:
            return
        domain = [("balance_id", "in", self.balance_id.ids), ("name", "in", transfers.mapped("source"))]
        payouts = {payout.name: payout for payout in self.env["paylink.payout"].search(domain)}
        for move in transfers.sorted(lambda move: (move.created_at, move.id)):
            payout = payouts.get(move.source)
            account = move.company_id.transfer_account_id
            item = move.line_id.move_id.line_ids.filtered(lambda one, of=account: one.account_id == of)
            if payout and len(item) == 1:
                payout._note_item(item, is_return=move.category == "payout_reversal")

    # === FINDING PAYMENTS === #

    def _find_items(self):
        """The open item of its payment for each row that has one, in a constant number of queries.

        The payment is the row's own, and the amount the same: anything else is for a person.

        :return: ``account.move.line`` by row; that of a fee which is booked already, by row and ``"fee"``
        """
        self._find_transactions()
        payments = self._find_payments()
        found = {}
        for move, entry in payments.items():
            item = entry.line_ids.filtered(partial(move._is_fitting, account=_outstanding(entry)))[:1]
            if item and item not in found.values():
                found[move] = item
        return found | self._find_fee_items()

    def _find_transactions(self):
        """Note which payments and refunds the rows are of."""
        unknown = self.filtered(lambda move: not move.transaction_id and move.intent)
        for provider in self.balance_id._providers() if unknown else ():
            objects = [move._as_object() for move in unknown]
            transactions = self.env["payment.transaction"].sudo()._paylink_stripe_find(provider, objects)
            for move, transaction in zip(unknown, transactions, strict=True):
                if transaction and (not move._is_refund() or transaction.operation == "refund"):
                    move.transaction_id = transaction
            unknown = unknown.filtered(lambda move: not move.transaction_id)

    def _as_object(self):
        """As much of its source as says which payment it is of."""
        kind = "refund" if self._is_refund() else "charge"
        return {"object": kind, "id": self.source, "payment_intent": self.intent}

    def _is_refund(self):
        return self.category in ("refund", "refund_failure")

    def _find_payments(self):
        """The entry that has the item of each row: of the payment, of the refund, of what a bank has taken or given."""
        found = {move: move._dispute_entry(dispute) for move, dispute in self._disputes().items()}
        for move in self.filtered(lambda move: move.transaction_id and move.category in PAYMENTS):
            found[move] = move._payment_entry()
        return {move: entry for move, entry in found.items() if entry}

    def _disputes(self):
        """The chargeback of each row that is one's."""
        rows = self.filtered(lambda move: move.category in DISPUTES and move.source)
        if not rows:
            return {}
        domain = [("name", "in", rows.mapped("source")), ("company_id", "in", rows.company_id.ids)]
        disputes = {found.name: found for found in self.env["paylink.dispute"].sudo().search(domain)}
        return {move: disputes[move.source] for move in rows if move.source in disputes}

    def _dispute_entry(self, dispute):
        return (dispute.withdrawal_id if self.amount < 0 else dispute.reinstatement_id).move_id

    def _payment_entry(self):
        transaction = self.transaction_id.sudo()
        if self.category == "charge":
            return (transaction | transaction._paylink_settled_parts()).payment_id[:1].move_id
        entry = transaction.payment_id.move_id if self._is_refund() else transaction.payment_id.move_id.browse()
        return entry.reversal_move_ids[:1] if self.category == "refund_failure" else entry

    def _find_fee_items(self):
        """The items of fees of chargebacks that were booked before this account was kept here."""
        found = {}
        for move, dispute in self._disputes().items():
            entry = dispute.fee_move_id if move.fee > 0 else dispute.fee_returned_move_id
            item = entry.line_ids.filtered(lambda one: one.account_id.reconcile and not one.reconciled)[:1]
            is_same = item.currency_id == move.currency_id
            if move.fee and is_same and not move.currency_id.compare_amounts(item.amount_residual_currency, -move.fee):
                found[move, "fee"] = item
        return found

    def _is_fitting(self, item, account):
        """Whether an item is what this row settles: open, of the account of payments on their way, the same amount."""
        if item.account_id != account or item.reconciled or item.parent_state != "posted":
            return False
        amounts = {self.currency_id: self.amount}
        if self.source_currency_id:
            amounts[self.source_currency_id] = self.source_amount
        amount, currency = amounts.get(item.currency_id), item.currency_id
        return amount is not None and not currency.compare_amounts(amount, item.amount_residual_currency)

    # === TOP-UPS === #

    @api.model
    def _unmatched_top_ups(self, company):
        """What the bank has sent to Stripe, or got back, by the items that wait for its lines."""
        domain = [("company_id", "=", company.id), ("category", "in", TOP_UPS), ("is_open", "=", True)]
        own = self.search(domain, order="id desc", limit=BATCH)._own_items()
        return {item: move for move, item in own.items() if item.account_id == company.transfer_account_id}

    def _is_named_by(self, line):
        """See ``paylink.payout``."""
        return is_named(line, self.source)

    def _is_awaited_by(self, line):
        """See ``paylink.payout``."""
        return is_awaited(line, self.date, STRIPE)


def _outstanding(entry):
    """The account on which a payment is on its way; of a reversal that of the payment."""
    payment = entry.origin_payment_id or entry.reversed_entry_id.origin_payment_id
    return payment.outstanding_account_id


def _put_on(account, items):
    """Put open items on the account on which they are settled, where their entries may still be changed.

    :param list items: one of each line
    :return: whether all of them are there
    """
    elsewhere = items[0].union(*items).filtered(lambda item: item.account_id != account)
    changeable = elsewhere.filtered(lambda item: item.move_id._paylink_can_change())
    changeable.with_context(skip_readonly_check=True).write({"account_id": account.id})
    return changeable == elsewhere
