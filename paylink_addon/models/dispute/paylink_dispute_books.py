"""Stage of ``paylink.dispute``: what banks take back and give back, and fees, in the books."""

from odoo import Command, fields, models
from odoo.exceptions import UserError

from ...const import Task
from ..link.paylink_link_books import QUIET, affects_taxes


class PaylinkDisputeBooks(models.Model):
    """Each is booked once, on the day on which the money has moved, or the first open one."""

    _inherit = "paylink.dispute"

    # === MONEY TAKEN BACK === #

    def _book_withdrawal(self):
        """Book the charged-back amount as paid back: exactly what it had settled is open again. With all that has
        come, the early payment discount is taken back, which nobody has earned.

        :raise UserError: the payment is not in the books
        """
        self.ensure_one()
        if self.withdrawal_id:
            return
        source = self._source()
        discounts = self._opposite_discounts(source) if self._takes_all(source) else []
        shares = self._shares(source, self.amount - _total(discounts))
        payment = self._create_payment("outbound", shares, source, "withdrawn_at", discounts)
        self.withdrawal_id = payment
        source = source.with_context(paylink_booked_on=payment.date)
        reopened = self._release(self._settled_partials(source), shares)
        payment._paylink_reconcile([self._lines(source).filtered(lambda line: not line.reconciled)])
        if source._paylink_open_credit():
            source._paylink_reconcile([reopened])  # a part of the amount was charged back: the rest settles what it did
        # What was taken although it had been given back already is owed, too.
        self.item_ids = reopened.filtered(lambda item: not item.reconciled) | payment._paylink_receivable_lines()

    def _source(self):
        """The payment that is charged back: of an amount captured later, the capture's."""
        transaction = self.transaction_id
        payment = (transaction | transaction._paylink_settled_parts()).payment_id.sorted("id")[:1]
        if payment.move_id.state != "posted":
            raise UserError(
                self.env._(
                    "The bank takes payment %(reference)s back, but it is not in the books: book it first.",
                    reference=transaction.reference,
                )
            )
        return payment

    def _settled_partials(self, source):
        """How the payment is reconciled with what it paid, the last due first; refunds and chargebacks are not that."""
        partials = self._lines(source).matched_debit_ids
        theirs = partials.filtered(lambda partial: partial.debit_move_id.payment_id.payment_type != "outbound")
        return theirs.sorted(
            lambda partial: (
                partial.debit_move_id.date_maturity or partial.debit_move_id.date,
                partial.debit_move_id.id,
            ),
            reverse=True,
        )

    def _takes_all(self, source):
        """Whether nothing is left of the payment: what other chargebacks have taken, or was refunded, counts."""
        transaction = self.transaction_id
        refunded = -sum(transaction.child_transaction_ids._paylink_refunds().mapped("amount"))
        taken = sum(transaction._paylink_taken_back().values()) + refunded
        return self.currency_id.compare_amounts(self.amount, source.amount - taken) >= 0

    def _opposite_discounts(self, payment):
        """What takes back the early payment discount in the entry of a payment, with its taxes: values of lines."""
        _liquidity, _counterparts, others = payment._seek_for_lines()
        names = ("name", "account_id", "partner_id", "currency_id", "analytic_distribution")
        names += ("tax_ids", "tax_tag_ids", "tax_repartition_line_id")
        return [
            line._convert_to_write({name: line[name] for name in names})
            | {"amount_currency": -line.amount_currency, "balance": -line.balance}
            for line in others - self._lines(payment)
            if line.account_id != payment.destination_account_id
        ]

    def _shares(self, source, amount):
        """How an amount goes to the receivable accounts of the payment: ``{account: amount}``."""
        left, shares = amount, {}
        for line in self._lines(source).filtered(lambda line: line.amount_currency < 0):
            share = min(-line.amount_currency, left)
            shares[line.account_id] = shares.get(line.account_id, 0.0) + share
            left = self.currency_id.round(left - share)
        main = source.destination_account_id
        shares[main] = self.currency_id.round(shares.get(main, 0.0) + left)
        return {account: share for account, share in shares.items() if share}

    def _release(self, partials, shares):
        """Undo as much of a reconciliation as the charged-back amount needs.

        :return: the items that were settled by it
        """
        items = partials.debit_move_id.browse()
        for account, own in partials.grouped(lambda partial: partial.credit_move_id.account_id).items():
            missing = shares.get(account, 0.0) + sum(own.credit_move_id.mapped("amount_residual_currency"))
            for partial in own:
                if self.currency_id.compare_amounts(missing, 0) <= 0:
                    break
                missing -= partial.credit_amount_currency
                items |= partial.debit_move_id
                partial.unlink()
        return items

    # === MONEY GIVEN BACK === #

    def _book_reinstatement(self):
        """Book what the bank gives back: it settles what was open again, as far as that still is. Where all of it is,
        the early payment discount is granted again, too.
        """
        self.ensure_one()
        if self.reinstatement_id:
            return
        taken = self.withdrawal_id
        items = self.item_ids.filtered(lambda item: item._paylink_is_collectable())
        shares = {line.account_id: line.amount_currency for line in self._lines(taken)}
        shares = shares or {taken.destination_account_id: taken.amount}  # what was paid was no receivable
        discounts = self._opposite_discounts(taken)
        due = sum(items.mapped("amount_residual_currency"))
        if discounts and self.currency_id.compare_amounts(due, sum(shares.values())) < 0:
            shares[taken.destination_account_id] -= _total(discounts)
            discounts = []
        payment = self._create_payment("inbound", shares, taken, "reinstated_at", discounts)
        self.reinstatement_id = payment
        payment._paylink_reconcile([items | taken._paylink_receivable_lines()])
        if self.item_ids and payment._paylink_open_credit():
            self._give_task(Task.CHARGEBACK_EXCESS, self._excess_texts)

    # === FEES === #

    def _book_fees(self):
        """Book the fee as an expense, and back when it is given back. Without an account for it: a task."""
        self.ensure_one()
        account = self.company_id._paylink_fee_account()
        due = self._has_fees_to_book()
        if due and not account:
            self._give_task(Task.CHARGEBACK_FEE, self._no_account_texts)
        if not due or not account:
            return
        if self.fee and not self.fee_move_id:
            self.fee_move_id = self._create_fee_move(account, self.fee, "withdrawn_at")
        if self.fee_returned and not self.fee_returned_move_id:
            self.fee_returned_move_id = self._create_fee_move(account, -self.fee_returned, "reinstated_at")

    def _has_fees_to_book(self):
        charged, returned = self.fee and not self.fee_move_id, self.fee_returned and not self.fee_returned_move_id
        return bool(charged or returned)

    def _create_fee_move(self, account, fee, moved_at):
        """The entry of a fee (negative: given back), between the account of the payments and the expenses.

        :param str moved_at: the field that says when it was taken or given back
        """
        day = self._booked_on(moved_at)
        liquidity = self.withdrawal_id._seek_for_lines()[0].account_id[:1]
        Move = self.company_id._paylink_in_books(self.env["account.move"]).with_context(**QUIET)
        move = Move.create(
            {
                "move_type": "entry",
                "journal_id": self.withdrawal_id.journal_id.id,
                "date": day,
                "ref": Move.env._("Fee of chargeback %(name)s", name=self.name),
                "line_ids": [self._fee_line(account, fee, day), self._fee_line(liquidity, -fee, day)],
            }
        )
        move.action_post()
        return move

    def _fee_line(self, account, amount, day):
        company, currency = self.company_id, self.fee_currency_id
        return Command.create(
            {
                "name": self.name,
                "account_id": account.id,
                "currency_id": currency.id,
                "amount_currency": amount,
                "balance": currency._convert(amount, company.currency_id, company, day),
                "tax_ids": [Command.clear()],  # no tax on it, whatever the account's default is
            }
        )

    # === PAYMENTS === #

    def _booked_on(self, moved_at, has_tax=False):
        """The day in the books of what was taken or given back: of the moment that is noted, by default now.

        :param str moved_at: the field that has it
        :param bool has_tax: whether it counts for a tax report
        """
        if not self[moved_at]:
            self[moved_at] = fields.Datetime.now()
        return self.company_id._paylink_open_day(self.company_id._paylink_day(self[moved_at]), has_tax=has_tax)

    def _create_payment(self, payment_type, shares, model, moved_at, discounts):
        """Post a payment of the chargeback; it is no transaction's: that has the one that is charged back.

        :param dict shares: amounts by receivable account
        :param model: the payment whose main account it has
        :param str moved_at: the field that says when the money moved
        :param list discounts: values of the lines of an early payment discount, which are no money
        """
        day = self._booked_on(moved_at, has_tax=any(map(affects_taxes, discounts)))
        transaction = self.transaction_id
        main = model.destination_account_id if model.destination_account_id in shares else next(iter(shares))
        sign = 1 if payment_type == "outbound" else -1
        link = transaction.paylink_id.with_company(self.company_id)
        values = link._prepare_payment(transaction) | {
            "amount": self.currency_id.round(sum(shares.values()) + sign * _total(discounts)),
            "date": day,
            "payment_type": payment_type,
            "payment_transaction_id": False,
            "payment_token_id": False,
            "invoice_ids": [],
            "memo": f"{self.name} - {transaction.reference}",
            "destination_account_id": main.id,
            "write_off_line_vals": [
                *(
                    self._share_values(account, sign * share, day)
                    for account, share in shares.items()
                    if account != main
                ),
                *discounts,
            ],
        }
        payment = link._create_payments([values])
        payment._paylink_say_locked(self.company_id._paylink_day(self[moved_at]))
        return payment

    def _share_values(self, account, amount, day):
        company = self.company_id
        return {
            "name": self.name,
            "account_id": account.id,
            "partner_id": self.partner_id.commercial_partner_id.id,
            "currency_id": self.currency_id.id,
            "amount_currency": amount,
            "balance": self.currency_id._convert(amount, company.currency_id, company, day),
        }

    def _lines(self, payment):
        """The receivable lines of a payment, the main account's first."""
        lines = payment.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        return lines.sorted(lambda line: (line.account_id != payment.destination_account_id, line.id))


def _total(values):
    """What lines add up to.

    :param values: of ``account.move.line``
    """
    return sum(line["amount_currency"] for line in values)
