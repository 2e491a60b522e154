from odoo import Command, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount

from .paylink_link_booking import QUIET


class PaylinkDisputeBooking(models.Model):
    """What the bank takes back and gives back, in the books; each once."""

    _inherit = "paylink.dispute"

    # === MONEY TAKEN BACK === #

    def _book_withdrawal(self):
        """Book the disputed amount as paid back: exactly what it had settled is open again.

        :raise UserError: the payment is not in the books
        """
        self.ensure_one()
        if self.withdrawal_id:
            return
        source = self._source()
        shares = self._shares(source)
        payment = self._create_payment("outbound", shares, source)
        self.withdrawal_id = payment
        reopened = self._release(self._settled_partials(source), shares)
        payment._paylink_reconcile([self._lines(source).filtered(lambda line: not line.reconciled)])
        if source._paylink_open_credit():
            source._paylink_reconcile([reopened])  # a part of the amount was disputed: the rest settles what it did
        self.item_ids = reopened.filtered(lambda item: not item.reconciled)

    def _source(self):
        """The payment that is disputed: of an amount captured later, the capture's."""
        transaction = self.transaction_id
        payment = (transaction | transaction._paylink_captures()).payment_id[:1]
        if payment.move_id.state != "posted":
            raise UserError(
                self.env._(
                    "Payment %(reference)s is disputed but not in the books: book it first.",
                    reference=transaction.reference,
                )
            )
        return payment

    def _lines(self, payment):
        """The receivable lines of a payment, the main account's first."""
        lines = payment.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        return lines.sorted(lambda line: (line.account_id != payment.destination_account_id, line.id))

    def _settled_partials(self, source):
        """How the payment is reconciled with what it paid, the last due first; refunds and disputes are not that."""
        partials = self._lines(source).matched_debit_ids
        theirs = partials.filtered(lambda partial: partial.debit_move_id.payment_id.payment_type != "outbound")
        return theirs.sorted(
            lambda partial: (
                partial.debit_move_id.date_maturity or partial.debit_move_id.date,
                partial.debit_move_id.id,
            ),
            reverse=True,
        )

    def _shares(self, source):
        """How the disputed amount goes to the receivable accounts of the payment: ``{account: amount}``."""
        left, shares = self.amount, {}
        for line in self._lines(source).filtered(lambda line: line.amount_currency < 0):
            share = min(-line.amount_currency, left)
            shares[line.account_id] = shares.get(line.account_id, 0.0) + share
            left = self.currency_id.round(left - share)
        main = source.destination_account_id
        shares[main] = self.currency_id.round(shares.get(main, 0.0) + left)
        return {account: share for account, share in shares.items() if share}

    def _release(self, partials, shares):
        """Undo as much of a reconciliation as the disputed amount needs.

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
        """Book what the bank gives back: it settles what was open again, as far as that still is."""
        self.ensure_one()
        if self.reinstatement_id:
            return
        taken = self.withdrawal_id
        shares = {line.account_id: line.amount_currency for line in self._lines(taken)}
        shares = shares or {taken.destination_account_id: taken.amount}  # what was paid was no receivable
        payment = self._create_payment("inbound", shares, taken)
        self.reinstatement_id = payment
        items = self.item_ids.filtered(lambda item: item._paylink_is_collectable())
        payment._paylink_reconcile([items | taken._paylink_receivable_lines()])
        if self.item_ids and payment._paylink_open_credit():
            self._tell(self._excess_texts)

    def _excess_texts(self, env):
        payment = self.reinstatement_id
        amount = format_amount(env, payment._paylink_open_credit(), payment.currency_id)
        return env._("%(amount)s came back and is not needed any more", amount=amount), env._(
            "Dispute %(dispute)s of payment %(reference)s (%(partner)s) was won, but what it had paid has been settled "
            "another way. %(open)s is an open credit of the customer: refund it, or use it for another document.",
            **self._facts(env),
            open=amount,
        )

    # === PAYMENTS === #

    def _create_payment(self, payment_type, shares, model):
        """Post a payment of the dispute; it is no transaction's: that has the one that is disputed.

        :param dict shares: amounts by receivable account
        :param model: the payment whose main account it has
        """
        transaction = self.transaction_id
        main = model.destination_account_id if model.destination_account_id in shares else next(iter(shares))
        sign = 1 if payment_type == "outbound" else -1
        link = transaction.paylink_id.with_company(self.company_id)
        values = link._prepare_payment(transaction) | {
            "amount": self.currency_id.round(sum(shares.values())),
            "payment_type": payment_type,
            "payment_transaction_id": False,
            "payment_token_id": False,
            "invoice_ids": [],
            "memo": f"{self.name} - {transaction.reference}",
            "destination_account_id": main.id,
            "write_off_line_vals": [
                self._share_values(account, sign * share) for account, share in shares.items() if account != main
            ],
        }
        return link._create_payments([values])

    def _share_values(self, account, amount):
        company = self.company_id
        return {
            "name": self.name,
            "account_id": account.id,
            "partner_id": self.partner_id.commercial_partner_id.id,
            "currency_id": self.currency_id.id,
            "amount_currency": amount,
            "balance": self.currency_id._convert(amount, company.currency_id, company),
        }

    # === FEES === #

    def _book_fees(self):
        """Book the fee as an expense, and back when it is given back. Without an account for it: a task."""
        self.ensure_one()
        account = self.company_id._paylink_fee_account()
        due = bool(self.fee and not self.fee_move_id) or bool(self.fee_returned and not self.fee_returned_move_id)
        if due and not account:
            self._tell(self._no_account_texts)
        if not due or not account:
            return
        if self.fee and not self.fee_move_id:
            self.fee_move_id = self._create_fee_move(account, self.fee)
        if self.fee_returned and not self.fee_returned_move_id:
            self.fee_returned_move_id = self._create_fee_move(account, -self.fee_returned)

    def _create_fee_move(self, account, fee):
        """The entry of a fee (negative: given back), between the account of the payments and the expenses."""
        liquidity = self.withdrawal_id._seek_for_lines()[0].account_id[:1]
        move = (
            self.env["account.move"]
            .with_context(**QUIET)
            .create(
                {
                    "move_type": "entry",
                    "journal_id": self.withdrawal_id.journal_id.id,
                    "date": fields.Date.context_today(self),
                    "ref": self.env._("Fee of dispute %(name)s", name=self.name),
                    "line_ids": [self._fee_line(account, fee), self._fee_line(liquidity, -fee)],
                }
            )
        )
        move.action_post()
        return move

    def _fee_line(self, account, amount):
        company, currency = self.company_id, self.fee_currency_id
        return Command.create(
            {
                "name": self.name,
                "account_id": account.id,
                "currency_id": currency.id,
                "amount_currency": amount,
                "balance": currency._convert(amount, company.currency_id, company),
                "tax_ids": [Command.clear()],  # no tax on it, whatever the account's default is
            }
        )

    def _no_account_texts(self, env):
        fee = format_amount(env, self.fee, self.fee_currency_id)
        return env._("The dispute fee of %(fee)s is not booked", fee=fee), env._(
            "There is no account for providers' fees: choose one under Collection Links, Configuration, Settings, then "
            "press “Book the fee” on dispute %(dispute)s.",
            **self._facts(env),
        )
