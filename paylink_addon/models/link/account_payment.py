from datetime import date

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...const import VOID_STATES


class AccountPayment(models.Model):
    _inherit = "account.payment"

    paylink_user_id = fields.Many2one(related="payment_transaction_id.paylink_user_id", string="Refunded by")
    paylink_reason = fields.Char(related="payment_transaction_id.paylink_reason", string="Reason of the Refund")

    # Of what is registered and has no entry (see ``account.move.line._paylink_registrations_sql``).
    _paylink_registered_index = models.Index("(id) WHERE move_id IS NULL AND state IN ('in_process', 'paid')")

    # === COMPUTE METHODS === #

    def _compute_amount_available_for_refund(self):
        """Odoo counts all refunds of a payment; the money of those that were undone has come back."""
        result = super()._compute_amount_available_for_refund()
        undone = self._read_group(
            [("source_payment_id", "in", self.ids), ("state", "in", VOID_STATES)],
            ["source_payment_id"],
            ["amount:sum"],
        )
        for payment, amount in undone:
            if payment.payment_transaction_id._paylink_refund_support() != "none":  # else Odoo says 0
                payment.amount_available_for_refund += amount
        return result

    def _search_reconciled_invoice_ids(self, operator, value):
        """Nothing, where the caller knows what is reconciled with what (context ``paylink_knows_reconciled``).

        On each step that makes, posts and reconciles a payment Odoo looks, with a dozen queries, for the payments and
        invoices whose state may depend on that. While an entry is being made, there are none; when ours are
        reconciled, :meth:`_paylink_reconcile` sees to them. Without this a payment takes 217 queries instead of 170, in
        bursts 33 instead of 21 (bench/booking.py).
        """
        if self.env.context.get("paylink_knows_reconciled"):
            return Domain.FALSE
        return super()._search_reconciled_invoice_ids(operator, value)

    # === ACTIONS === #

    def action_refund_wizard(self):
        """Of what came by a link: the dialog that asks why, and offers the credit note."""
        transaction = self.sudo().payment_transaction_id
        if not transaction.paylink_id:
            return super().action_refund_wizard()
        return transaction.sudo(False)._paylink_refund_action()

    def action_cancel(self):
        """A payment that was rejected is out of the books already: its entry and the reversal of it stay there.

        Odoo cancels the payment of every transaction that was cancelled, whatever has become of it before.
        """
        return super(AccountPayment, self.filtered(lambda payment: payment.state != "rejected")).action_cancel()

    def action_post(self):
        """What has no entry reconciles nothing, and settles all the same: see ``account.move.line._reconcile_plan``."""
        result = super().action_post()
        if unbooked := self.filtered(lambda payment: payment.invoice_ids and not payment.move_id):
            unbooked.invoice_ids.line_ids._paylink_settled()
        return result

    # === BUSINESS METHODS === #

    def _paylink_receipts(self):
        """What the receipts of these payments by links say, for who may read the payments."""
        self.check_access("read")
        if other := self.filtered(lambda payment: not payment.sudo().payment_transaction_id)[:1]:
            raise UserError(
                self.env._("There is no receipt of %(names)s: it has paid no collection link.", names=other.name or "/")
            )
        return self.sudo().payment_transaction_id._paylink_receipt_values()

    def _get_outstanding_account(self, payment_type):
        """Of money by a provider: its own, where it has one that is in use. Of money by links: one that is in use,
        where somebody has archived Odoo's.

        Odoo asks for it where it makes the entry of a payment at once, and then gives all the shared one.
        """
        own = self.payment_method_line_id.filtered("payment_provider_id").payment_account_id
        if own.active:
            return own
        account = super()._get_outstanding_account(payment_type)
        if account.active or not self.env.context.get("paylink_knows_reconciled"):
            return account
        others = self.payment_method_line_id.payment_account_id | self.company_id.transfer_account_id
        return others.filtered("active")[:1] or account

    def _paylink_receivable_lines(self):
        """The open lines of the payment on receivable accounts."""
        return self.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable" and not line.reconciled
        )

    def _paylink_reconcile(self, items):
        """Reconcile each payment with its ``items``, account by account, all in one plan.

        What follows from it is of the day that the context says (``paylink_booked_on``), else of that of the entries.

        :param list items: an ``account.move.line`` record set for each payment
        """
        booked_on = self.env.context.get("paylink_booked_on") or date.min
        knowing = self.with_context(paylink_knows_reconciled=True, paylink_booked_on=booked_on)
        plan = [
            group.with_env(knowing.env)
            for payment, own in zip(self, items, strict=True)
            for group in (payment._paylink_receivable_lines() + own).grouped("account_id").values()
            if len({line.balance > 0 for line in group}) == 2
        ]
        if plan:
            lines = knowing.env["account.move.line"]
            # Odoo compares them before and after, and would read those of each entry by themselves.
            lines.concat(*plan).move_id.line_ids.fetch(["tax_ids"])
            lines._reconcile_plan(plan)
            # Not only ours: when an invoice is paid, so are the payments that have paid a part of it before.
            payments = knowing | lines.concat(*plan).move_id.reconciled_payment_ids
            self.env.add_to_compute(self._fields["state"], payments)
            payments._recompute_recordset(["state"])

    def _paylink_open_credit(self):
        """What of the payment has not been reconciled with anything, in its currency; of none, nothing."""
        if not self:
            return 0.0
        open_amount = -sum(self._paylink_receivable_lines().mapped("amount_residual_currency"))
        return self.currency_id.round(max(open_amount, 0.0))

    # === THE RIGHT DAY === #

    def _paylink_say_locked(self, moved_on=None):
        """Say on payments that they, or the taxes that follow them, are booked later than the money moved, and why.

        :param moved_on: the day; by default that of their transactions
        """
        texts = {payment.id: payment._paylink_locked_text(moved_on) for payment in self}
        bodies = {payment_id: text for payment_id, text in texts.items() if text}
        self.browse(bodies)._message_log_batch(bodies)

    def _paylink_locked_text(self, moved_on):
        """Nothing, as mostly, where no day is locked."""
        self.ensure_one()
        moved_on = moved_on or self.payment_transaction_id._paylink_moved_on()
        if self.date > moved_on:
            env = self.company_id._paylink_env()
            return env._(
                "The money moved on %(moved)s. That day is locked: it is booked on %(booked)s.",
                moved=format_date(env, moved_on),
                booked=format_date(env, self.date),
            )
        return self.move_id._paylink_taxes_locked_text(moved_on)

    # === MONEY GIVEN BACK === #

    def _paylink_paid_documents(self):
        """The documents that these payments were for: what their links and transactions name, and what they settle."""
        transactions = self.payment_transaction_id
        transactions |= transactions.source_transaction_id
        settled = self.move_id.line_ids.matched_debit_ids.debit_move_id.move_id
        return transactions.paylink_id.line_ids.move_id | transactions.invoice_ids | settled

    def _paylink_letter_refunds(self):
        """Reconcile money given back with what its payment has left open, and the credit notes of what that had paid.

        Without either it waits, as an open debit of the customer, until the credit note is posted: that takes it (see
        ``account.move._reconcile_reversed_moves``). Meanwhile nobody is asked for it.
        """
        for payment in self:
            payment._paylink_reconcile([payment.source_payment_id._paylink_refund_credits()])

    def _paylink_refund_credits(self):
        """The open credits that take what is given back of this payment."""
        lines = (self.move_id | self._paylink_paid_documents().reversal_move_ids).line_ids
        return lines.filtered(lambda line: line.balance < 0 and line._paylink_is_collectable())

    # === PAYMENTS THAT CAME TO NOTHING === #

    def _paylink_is_waiting(self):
        """Whether the payment is not in the books yet; Odoo's registration makes its entry, in draft, at once."""
        return bool(self) and (self.state == "draft" or self.move_id.state == "draft")

    def _paylink_undo(self, moment=None):
        """Take payments out of the books whose money never moved, or has come back.

        What was posted once keeps its number and its entry: it is reversed, or cancelled if somebody has reset it to
        draft. Odoo's own way would delete it, and the next payment would take its number.

        :param moment: when it came back (UTC); by default now
        """
        for payment in self.filtered(lambda payment: payment.state not in VOID_STATES):
            if payment.move_id.state == "posted":
                payment._paylink_reverse(moment)
            elif payment.move_id.posted_before:
                payment.move_id.button_cancel()
            else:
                payment.action_cancel()

    def _paylink_reverse(self, moment=None):
        """Reverse the entry. What the payment had settled is open again; what the bank has shown stays matched."""
        self.ensure_one()
        company = self.company_id
        day = max(self.date, company._paylink_open_day(company._paylink_day(moment or fields.Datetime.now())))
        _liquidity, counterpart, others = self._seek_for_lines()
        (counterpart | others).with_context(paylink_booked_on=day).remove_move_reconcile()
        values = {"date": day, "ref": self.name}
        reversal = self.company_id._paylink_in_books(self.move_id)._reverse_moves([values])
        reversal.with_context(move_reverse_cancel=True)._post(soft=False)
        self.action_reject()
