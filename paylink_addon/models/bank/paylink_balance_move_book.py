"""Stage of ``paylink.balance.move``: how rows become bank lines, and how these find their payments."""

from functools import partial

from odoo import Command, api, models
from odoo.fields import Domain

from ...tools.texts import reason
from ..link.paylink_link_books import QUIET
from .paylink_balance_move import DISPUTES, FEES, OPENING, PAYMENTS, TRANSFERS

# As many rows are booked in one transaction.
BATCH = 200
# Of what waits for its payment, so many are looked at in a run: the oldest ones may wait for ever.
MATCHED_AT_ONCE = 2000


class PaylinkBalanceMoveBook(models.Model):
    """Each row becomes one bank line, and one more for its fee, once: in the transaction in which it notes them."""

    _inherit = "paylink.balance.move"

    # === JOB === #

    @api.model
    def _book_waiting(self, balance):
        """Book what is not in the journals yet, oldest first; what can't be booked says why, and keeps back nothing.

        :return: whether all were done; else the time is up
        """
        waiting = self.search(self._waiting_domain(balance), order="created_at, id")
        return self.env["paylink.job.mixin"]._each(
            waiting, lambda moves: moves._book(), size=BATCH, tell=lambda move, error: move._note_error(error)
        )

    def _note_error(self, error):
        self.error = reason(error)

    @api.model
    def _match_waiting(self, balance):
        """Reconcile lines that came before their payments.

        :return: whether all were done; else the time is up
        """
        domain = self._kept_domain(balance) & Domain("is_open", "=", True)
        domain &= Domain("category", "in", PAYMENTS + DISPUTES)
        waiting = self.search(domain, order="created_at desc, id", limit=MATCHED_AT_ONCE)
        return self.env["paylink.job.mixin"]._each(waiting, lambda moves: moves._match(), size=BATCH)

    # === BOOKING === #

    def _book(self):
        """Make the bank lines of these rows, and reconcile them with their payments, as one set."""
        balance = self.balance_id
        books = balance.company_id._paylink_in_books(self.sudo()).with_context(**QUIET)
        books.filtered("error").error = False
        items = books._find_items()
        new = []
        for move in books:
            if move.amount and not move.line_id:
                new.append((move, "line_id", move._line_values(items.get(move))))
            if move.fee and not move.fee_line_id:
                new.append((move, "fee_line_id", move._fee_values(items.get((move, "fee")))))
        lines = books.env["account.bank.statement.line"].with_context(paylink_knows_reconciled=True)
        made = lines.create([values for _move, _name, values in new])
        for (move, name, _values), line in zip(new, made, strict=True):
            move[name] = line.id
        books._reconcile(items)
        books._note_transfers()
        books.env.flush_all()
        books.env.invalidate_all()  # memory does not grow with the day

    def _match(self):
        """Put lines that wait on the suspense account on that of their payment, and reconcile them."""
        books = self.balance_id.company_id._paylink_in_books(self.sudo()).with_context(**QUIET)
        items = {move: item for move, item in books._find_items().items() if move in books}
        for account, moves in books.filtered(items.get).grouped(lambda move: items[move].account_id).items():
            moves._suspense().with_context(skip_readonly_check=True).write({"account_id": account.id})
        books._reconcile(items)
        books.filtered(lambda move: move not in items)._cancel_out()
        books.env.flush_all()

    def _suspense(self):
        """The items of these rows' lines on the suspense account."""
        return self.line_id.move_id.line_ids.filtered(
            lambda item: item.account_id == item.journal_id.suspense_account_id
        )

    def _cancel_out(self):
        """What came and went back before it was a payment in the books: both lines settle each other."""
        plan = []
        for (balance, _source), moves in self.filtered("source").grouped(lambda m: (m.balance_id, m.source)).items():
            currency = moves.currency_id
            if len(moves) > 1 and len(currency) == 1 and currency.is_zero(sum(moves.mapped("amount"))):
                items = moves._suspense()
                items.with_context(skip_readonly_check=True).write({"account_id": balance.outstanding_account_id.id})
                plan.append(items)
        if plan:
            self.env["account.move.line"]._reconcile_plan(plan)

    # === LINES === #

    def _line_values(self, item):
        """The bank line of the row itself.

        :param item: the payment's item that it is reconciled with, or none
        """
        account = item.account_id if item else self._counterpart()
        values = self._common_values(self.amount, self.name, self._label())
        currency, amount = self._foreign(item)
        if currency != self.currency_id:
            values |= {"foreign_currency_id": currency.id, "amount_currency": amount}
        balance = self._in_books(self.amount, currency, amount)
        other = self._item_values(account, currency, -amount, -balance)
        return self._with_items(values, balance, [other])

    def _foreign(self, item):
        """In which currency, and how much, the customer has paid: what is booked of the payment."""
        source = self.source_currency_id
        if item and source and item.currency_id == source != self.currency_id:
            return source, self.source_amount
        return self.currency_id, self.amount

    def _fee_values(self, item):
        """The bank line of the fee, with its taxes, if any; or of one that is booked already.

        :param item: the item on which it is booked, or none
        """
        values = self._common_values(-self.fee, f"{self.name}-fee", self.env._("Fee: %(what)s", what=self._label()))
        balance = self._in_books(-self.fee, self.currency_id, -self.fee)
        if item:
            others = [self._item_values(item.account_id, self.currency_id, self.fee, -balance)]
        else:
            others = self._expense_values(self.fee, -balance)
        return self._with_items(values, balance, others)

    def _common_values(self, amount, name, label):
        balance = self.balance_id
        return {
            "journal_id": balance._journal(self.currency_id).id,
            "date": self._booked_on(),
            "amount": amount,
            "payment_ref": label,
            "partner_id": self.transaction_id.partner_id.commercial_partner_id.id,
            "unique_import_id": f"{balance.account}-{name}" if balance.is_live else f"{balance.account}-test-{name}",
        }

    def _label(self):
        words = [self.category_display, self.transaction_id.reference or self.description, self.source or self.name]
        return " ".join(filter(None, words))

    def _with_items(self, values, balance, others):
        journal = self.env["account.journal"].browse(values["journal_id"])
        liquidity = self._item_values(journal.default_account_id, self.currency_id, values["amount"], balance)
        items = [item | {"name": item.get("name") or values["payment_ref"]} for item in (liquidity, *others)]
        return values | {"line_ids": [Command.create(item | {"partner_id": values["partner_id"]}) for item in items]}

    @staticmethod
    def _item_values(account, currency, amount, balance):
        return {
            "account_id": account.id,
            "currency_id": currency.id,
            "amount_currency": amount,
            "balance": balance,
            "tax_ids": [Command.clear()],  # no tax on it, whatever the account's default is
        }

    def _expense_values(self, fee, balance):
        """The items of a fee on its account, and of the taxes in it: they come to what Stripe has kept.

        :param float fee: in the currency of the row; negative: given back
        :param float balance: the same in the company's currency
        """
        kept = self.balance_id
        taxes = kept.fee_tax_ids
        if not taxes:
            return [self._item_values(kept.fee_account_id, self.currency_id, fee, balance)]
        company, sign = kept.company_id, 1 if fee > 0 else -1
        Tax = self.env["account.tax"]
        base = Tax._prepare_base_line_for_taxes_computation(
            None,
            price_unit=abs(fee),
            quantity=1.0,
            currency_id=self.currency_id,
            tax_ids=taxes,
            account_id=kept.fee_account_id,
            rate=abs(fee / balance) if balance else 1.0,
            special_mode="total_included",
            sign=sign,
            is_refund=sign < 0,
        )
        Tax._add_tax_details_in_base_lines([base], company)
        Tax._round_base_lines_tax_details([base], company)
        Tax._add_accounting_data_in_base_lines_tax_details([base], company)
        found = Tax._prepare_tax_lines([base], company)
        ((_base, amounts),) = found["base_lines_to_update"]
        expense = self._item_values(kept.fee_account_id, self.currency_id, 0, 0)
        return [expense | amounts | {"tax_ids": [Command.set(taxes.ids)]}, *found["tax_lines_to_add"]]

    def _in_books(self, amount, currency, foreign_amount):
        """An amount of the row in the company's currency: what the customer has paid, if that is in this one."""
        company = self.company_id
        if currency == company.currency_id:
            return foreign_amount
        return self.currency_id._convert(amount, company.currency_id, company, self._booked_on())

    def _booked_on(self):
        """The day on which it moved; of a locked one, the first that is open."""
        return self.company_id._paylink_open_day(self.date, has_tax=bool(self.fee and self.balance_id.fee_tax_ids))

    def _counterpart(self):
        """The account of what no payment is found for."""
        balance = self.balance_id
        if self.category in TRANSFERS:
            return balance.company_id.transfer_account_id
        if self.category in FEES:
            return balance.fee_account_id
        if self.category == OPENING:
            return balance.former_account_id
        return balance._journal(self.currency_id).suspense_account_id

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


def _outstanding(entry):
    """The account on which a payment is on its way; of a reversal that of the payment."""
    payment = entry.origin_payment_id or entry.reversed_entry_id.origin_payment_id
    return payment.outstanding_account_id
