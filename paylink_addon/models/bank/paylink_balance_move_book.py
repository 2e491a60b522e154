"""Stage of ``paylink.balance.move``: how rows become bank lines."""

from odoo import Command, api, models
from odoo.fields import Domain

from ...tools.texts import reason
from ..link.paylink_link_books import QUIET
from .paylink_balance_move import DISPUTES, FEES, OPENING, PAYMENTS, TRANSFERS

# Where it is noted that a line could not be booked on the day of its row.
LATER = {"line_id": "booked_later_on", "fee_line_id": "fee_booked_later_on"}
# As many rows are booked in one transaction.
BATCH = 200


class PaylinkBalanceMoveBook(models.Model):
    """Each row becomes one bank line, and one more for its fee, once: in the transaction in which it notes them."""

    _inherit = "paylink.balance.move"

    # === JOB === #

    @api.model
    def _book_waiting(self, balance, again=True):
        """Book what is not in the journals yet, oldest first; what can't be booked says why, and keeps back nothing.

        :param bool again: also what could not be booked before
        :return: whether all were done; else the time is up
        """
        domain = self._waiting_domain(balance) & (Domain.TRUE if again else Domain("error", "=", False))
        waiting = self.search(domain, order="created_at, id")
        return self.env["paylink.job.mixin"]._each(
            waiting, lambda moves: moves._book(), size=BATCH, tell=lambda move, error: move._note_error(error)
        )

    def _note_error(self, error):
        self.error = reason(error)

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
        for (move, name, values), line in zip(new, made, strict=True):
            move[name] = line.id
            move[LATER[name]] = values["date"] if values["date"] > move.date else False
        books._reconcile(items)
        books._note_transfers()
        books.env.flush_all()
        books.env.invalidate_all()  # memory does not grow with the day

    # === LINES === #

    def _line_values(self, item):
        """The bank line of the row itself.

        :param item: the payment's item that it is reconciled with, or none
        """
        partner = self.transaction_id.partner_id.commercial_partner_id
        values = self._common_values(self.amount, self.name, self._label(), has_tax=self._is_taxed(), partner=partner)
        currency, amount = self._foreign(item)
        if currency != self.currency_id:
            values |= {"foreign_currency_id": currency.id, "amount_currency": amount}
        balance = self._in_books(self.amount, currency, amount, values["date"])
        if self.category in FEES:
            return self._with_items(values, balance, self._expense_values(-self.amount, -balance, self._named_tax()))
        account = item.account_id if item else self._counterpart()
        return self._with_items(values, balance, [self._item_values(account, currency, -amount, -balance)])

    def _foreign(self, item):
        """In which currency, and how much, the customer has paid: so the payment is booked, or will be."""
        source = self.source_currency_id
        if source.active and (not item or item.currency_id == source):
            return source, self.source_amount
        return self.currency_id, self.amount

    def _fee_values(self, item):
        """The bank line of the fee, with its taxes, if any; or of one that is booked already.

        :param item: the item on which it is booked, or none
        """
        label = self.env._("Fee: %(what)s", what=self._label())
        values = self._common_values(-self.fee, f"{self.name}-fee", label, has_tax=self._has_taxes())
        balance = self._in_books(-self.fee, self.currency_id, -self.fee, values["date"])
        if item:
            others = [self._item_values(item.account_id, self.currency_id, self.fee, -balance)]
        else:
            others = self._expense_values(self.fee, -balance, self._named_tax())
        return self._with_items(values, balance, others)

    def _common_values(self, amount, name, label, has_tax, partner=None):
        balance = self.balance_id
        return {
            "journal_id": balance._journal(self.currency_id).id,
            "date": self.company_id._paylink_open_day(self.date, has_tax=has_tax),
            "amount": amount,
            "payment_ref": label,
            "partner_id": partner.id if partner else False,  # a fee is Stripe's, not the customer's
            "unique_import_id": f"{balance.account}-{name}" if balance.is_live else f"{balance.account}-test-{name}",
        }

    def _has_taxes(self):
        """Whether its fees are booked with taxes."""
        return bool(self.balance_id.fee_tax_ids)

    def _is_taxed(self):
        """Whether the row itself is a fee that is."""
        return self.category in FEES and self._has_taxes()

    def _named_tax(self):
        """How much of its fee Stripe itself calls tax; ``None`` where Stripe names none of this account's taxes."""
        if self.category == "tax":
            return -self.amount
        return self.fee_tax if self.balance_id.is_tax_named else None

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

    def _expense_values(self, fee, balance, named=None):
        """The items of a fee on its account, and of the taxes in it: they come to what Stripe has kept.

        :param float fee: in the currency of the row; negative: given back
        :param float balance: the same in the company's currency
        :param float named: how much of it is tax, to the cent; ``None``: what the taxes that were set make of it
        """
        kept = self.balance_id
        plain = self._item_values(kept.fee_account_id, self.currency_id, fee, balance)
        expense, taxes = self._taxed_values(fee, balance) if kept.fee_tax_ids and named != 0 else (plain, [])
        if named is None or not taxes:
            return [expense, *taxes]
        if self.currency_id.is_zero(sum(tax["amount_currency"] for tax in taxes)):
            return [plain]  # what one tax takes, the other gives back: Stripe can have named none of these
        booked = self._round(named * balance / fee)
        rest = {"amount_currency": self.currency_id.round(fee - named), "balance": self._round(balance - booked)}
        return [*([expense | rest] if any(rest.values()) else []), *self._parts(taxes, named, booked)]

    def _taxed_values(self, fee, balance):
        """The item of the expense, and those of the taxes that were set, which are included in the fee.

        A bank line is paid: taxes that are due on payment are due with it.
        """
        kept = self.balance_id
        company, sign = kept.company_id, 1 if fee > 0 else -1
        Tax = self.env["account.tax"]
        base = Tax._prepare_base_line_for_taxes_computation(
            None,
            price_unit=abs(fee),
            quantity=1.0,
            currency_id=self.currency_id,
            tax_ids=kept.fee_tax_ids,
            account_id=kept.fee_account_id,
            rate=abs(fee / balance) if balance else 1.0,
            special_mode="total_included",
            sign=sign,
            is_refund=sign < 0,
        )
        Tax._add_tax_details_in_base_lines([base], company)
        Tax._round_base_lines_tax_details([base], company)
        Tax._add_accounting_data_in_base_lines_tax_details([base], company, include_caba_tags=True)
        found = Tax._prepare_tax_lines([base], company)
        ((_base, amounts),) = found["base_lines_to_update"]
        expense = self._item_values(kept.fee_account_id, self.currency_id, 0, 0)
        return expense | amounts | {"tax_ids": [Command.set(kept.fee_tax_ids.ids)]}, found["tax_lines_to_add"]

    def _parts(self, taxes, amount, balance):
        """The items of taxes, brought to what Stripe says they come to; the last one takes what rounding leaves."""
        parts = []
        factor, left = amount / sum(tax["amount_currency"] for tax in taxes), (amount, balance)
        for index, tax in enumerate(taxes, start=1):
            is_last = index == len(taxes)
            part = left[0] if is_last else self.currency_id.round(tax["amount_currency"] * factor)
            own = left[1] if is_last else self._round(tax["balance"] * factor)
            left = self.currency_id.round(left[0] - part), self._round(left[1] - own)
            base = self._round(tax["tax_base_amount"] * factor)
            parts.append(tax | {"amount_currency": part, "balance": own, "tax_base_amount": base})
        return parts

    def _round(self, amount):
        return self.company_id.currency_id.round(amount)

    def _in_books(self, amount, currency, foreign_amount, day):
        """An amount of the row in the company's currency: what the customer has paid, if that is in this one."""
        company = self.company_id
        if currency == company.currency_id:
            return foreign_amount
        return self.currency_id._convert(amount, company.currency_id, company, day)

    def _expected_on(self):
        """The account on which its entry will be booked: that of payments on their way; of a chargeback, that of its
        payment.
        """
        payment = self.transaction_id.sudo().payment_id if self.category in DISPUTES else None
        return (payment and payment.outstanding_account_id) or self.balance_id.outstanding_account_id

    def _counterpart(self):
        """The account of what no entry is found for yet."""
        balance = self.balance_id
        if self.category in TRANSFERS:
            return balance.company_id.transfer_account_id
        if self.category == OPENING:
            return balance.former_account_id
        if self.category in PAYMENTS + DISPUTES and self.transaction_id:
            return self._expected_on()
        return balance._journal(self.currency_id).suspense_account_id
