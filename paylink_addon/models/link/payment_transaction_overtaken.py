"""Stage of ``payment.transaction``: attempts that were overtaken, as what they pay has been settled another way."""

import logging

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL, LazyTranslate, format_amount
from psycopg2 import OperationalError

from ...const import Task
from ...tools.locks import take_free
from .account_move_line import IN_PAYMENT_STATES

_lt = LazyTranslate(__name__)

_logger = logging.getLogger(__name__)


class PaymentTransactionOvertaken(models.Model):
    """A payment registered by hand, a bank line, a credit note, a canceled order…: less is due than customers are
    about to pay.

    Who does that waits for no provider, and fails for no customer: the attempts are closed in the same database
    transaction, as far as nobody else works on them, and their pages at the provider after it, by a wish that is stored
    with it (see :mod:`.payment_transaction_requests`). What could not be closed then is closed by the job of expiry,
    which looks at all attempts. What the provider has already can't be stopped: people are told.
    """

    _inherit = "payment.transaction"

    # === WHAT MAY BE PAID === #

    def _paylink_due_now(self):
        """Hook: what is due of what the attempt is for, in its currency; ``None`` where we can't say."""
        self.ensure_one()
        if link := self.paylink_id:
            return link._due_amounts()[link.id]
        invoices = self.invoice_ids
        drafts = invoices.filtered(lambda move: move.state == "draft")
        if invoices.currency_id != self.currency_id or any(not move.posted_before for move in drafts):
            return None
        # What is being changed is not due.
        registered = invoices._paylink_open_items()._paylink_registered().values()
        return sum((invoices - drafts).mapped("amount_residual")) - sum(found.amount for found in registered)

    def _paylink_needed(self):
        """The same, but nothing where payments without an entry are registered for all of it."""
        items = self.paylink_id.line_ids.move_line_id or self.invoice_ids._paylink_open_items()
        return 0.0 if items and not items._paylink_left() else self._paylink_due_now()

    def _paylink_payable(self):
        """Hook: what may be paid of it now: what is due, less what other payments of it may still bring.

        :return: in the currency of the attempt; ``None`` where we can't say
        """
        self.ensure_one()
        if link := self.paylink_id:
            return link._payable_amount() if link._is_live() else 0.0
        due = self._paylink_due_now()
        if due is None:
            return None
        query = SQL(
            """
            SELECT COALESCE(sum(amount), 0)
              FROM (SELECT DISTINCT money_id, amount FROM (%s) coming
                     WHERE NOT is_booked AND transaction_id IS NOT NULL) coming
            """,
            self._paylink_coming_sql(items=self.invoice_ids._paylink_open_items()),
        )
        return due - self.env.execute_query(query)[0][0]

    def _paylink_is_overtaken(self):
        """Whether the attempt is to bring more than may be paid."""
        return self._paylink_exceeds(self._paylink_payable())

    def _paylink_exceeds(self, left):
        return left is not None and (left <= 0 or self.currency_id.compare_amounts(self.amount, left) > 0)

    # === CLOSING === #

    def _paylink_reconsider(self):
        """Close those of these unfinished attempts that were overtaken; tell of those that can't be stopped."""
        self._paylink_apart(lambda tx: tx._paylink_reconsider_one())

    def _paylink_reconsider_one(self):
        self.ensure_one()
        if self._paylink_unfinished():
            if self._paylink_is_overtaken():
                self._paylink_close_free(_lt("What was to be paid has changed or been settled another way."))
        elif (
            self._paylink_in_flight() and self._paylink_is_incoming() and self._paylink_exceeds(self._paylink_needed())
        ):
            self._paylink_tell_overtaken()

    def _paylink_close_if_free(self, reason):
        """Close attempts, but those that somebody else works on right now: they are left to the job.

        :param reason: what the timeline says: see :func:`~..tools.texts.said`
        """
        self._paylink_apart(lambda tx: tx._paylink_close_free(reason))

    def _paylink_close_free(self, reason):
        take_free(self)._paylink_unfinished()._paylink_close(reason)
        if self.exists()._paylink_unfinished():
            self._paylink_leave_to_job()

    def _paylink_apart(self, work):
        """Do something with each attempt by itself: what fails is undone, told, and left to the job.

        Whoever settles a document fails for no fault of ours, of a provider's part or of another add-on's.

        :param work: a function of one transaction
        """
        if self:
            self.env.cr.flush()  # what somebody else has left to be written is no fault of ours
        for tx in self:
            try:
                with self.env.cr.savepoint():
                    work(tx)
            except OperationalError as error:
                _logger.info("%s: closing is left to the job: %s", tx.reference, error)
                self._paylink_leave_to_job()
            except Exception:
                _logger.exception("%s could not be closed or told of: it is left to the job", tx.reference)
                self._paylink_leave_to_job()

    @api.model
    def _paylink_leave_to_job(self):
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_expire")

    @api.model
    def _paylink_suspects(self):
        """Unfinished attempts that may have been overtaken, for the job, which looks at each."""
        self.flush_model()
        self.env["account.move"].flush_model()
        self.env["account.move.line"].flush_model()
        suspects = {row[0] for row in self.env.execute_query(self._paylink_suspects_sql())}
        return self.browse(sorted(suspects))._paylink_unfinished()

    @api.model
    def _paylink_suspects_sql(self):
        """Hook: a query of the ids of unfinished attempts that may have been overtaken.

        Of items and invoices: those that are to bring more than is open of these, of which a payment is registered, or
        whose documents are being changed.
        """
        return SQL(
            """
            SELECT tx.id
              FROM payment_transaction tx
              JOIN paylink_link link ON link.id = tx.paylink_id
         LEFT JOIN paylink_link_line line ON line.link_id = link.id
         LEFT JOIN account_move_line item ON item.id = line.move_line_id
         LEFT JOIN account_move move ON move.id = item.move_id
             WHERE tx.state = 'draft'
          GROUP BY tx.id, link.id
            HAVING link.state = 'paid' OR tx.amount > sum(item.amount_residual_currency)
                OR bool_or(move.payment_state IN %(in_payment)s OR move.state != 'posted')
             UNION ALL
            SELECT tx.id
              FROM payment_transaction tx
              JOIN account_invoice_transaction_rel rel ON rel.transaction_id = tx.id
              JOIN account_move move ON move.id = rel.invoice_id
             WHERE tx.id IN %(portal)s
          GROUP BY tx.id
            HAVING tx.amount > sum(move.amount_residual)
                OR bool_or(move.payment_state IN %(in_payment)s OR move.state != 'posted')
            """,
            in_payment=IN_PAYMENT_STATES,
            portal=self._paylink_portal_drafts_sql(),
        )

    @api.model
    def _paylink_portal_drafts_sql(self):
        """A query of the unfinished attempts in Odoo's portal that we can close."""
        return self._search(self._paylink_portal_domain() & Domain("state", "=", "draft")).subselect()

    # === TELLING === #

    def _paylink_tell_overtaken(self):
        """Give whoever looks after it a task about money that is on its way, and not needed anymore; once, ever."""
        record, users = self._paylink_looked_after()
        users = users.filtered(lambda user: user.active and not user.share) or self.company_id._paylink_managers()
        texts = self._paylink_overtaken_texts
        self.env["paylink.task.mixin"]._give(record, Task.OVERTAKEN, texts, users, about=self, ever=True)

    def _paylink_looked_after(self):
        """Hook: the record on which people are told of the attempt, or ``None``, and whose business it is."""
        self.ensure_one()
        if link := self.paylink_id:
            return link, link._task_users()
        invoice = self.invoice_ids[:1]
        return invoice or None, invoice.invoice_user_id

    def _paylink_overtaken_texts(self, env):
        facts = {
            "amount": format_amount(env, self.amount, self.currency_id),
            "partner": self.partner_id.display_name,
            "reference": self.reference,
        }
        if self.state == "authorized":
            return env._("%(amount)s is authorized and not needed anymore", **facts), env._(
                "%(partner)s authorized %(amount)s (payment %(reference)s), but what it was for has been settled "
                "another way, or changed. Release it, or capture it and use it for another document.",
                **facts,
            )
        return env._("%(amount)s is still on its way", **facts), env._(
            "%(partner)s is paying %(amount)s (payment %(reference)s), but what it is for has been settled another "
            "way, or changed. The payment can't be stopped: if it arrives, it is an open credit of the customer. "
            "Refund it then, or use it for another document.",
            **facts,
        )
