"""Stage of ``paylink.receipt``: what transactions say."""

from odoo import models
from odoo.tools import SQL

from .paylink_receipt_sql import IN_BOOKS, NO_MOMENT, ROW_ID
from .payment_transaction_transfer import TRANSFER

# Who keeps nothing of what customers pay; what other providers have not told is not known.
WITHOUT_FEES = ("none", "custom", "demo", TRANSFER)

FAILED_TX = "tx.operation = 'refund' AND tx.state IN ('error', 'cancel')"
WITHDRAWN_TX = "tx.paylink_withdrawn_at IS NOT NULL"


class PaylinkReceiptTransactions(models.Model):
    """What providers have moved, refunds that came back, and transfers that were taken out of the books."""

    _inherit = "paylink.receipt"

    def _moved_sql(self):
        """What has moved by providers; of an amount that was captured in parts, the parts. What was taken out of the
        books counts as long as it waits to be booked again.
        """
        tail = SQL(
            """FROM payment_transaction tx
              WHERE tx.state = 'done' AND tx.paylink_moved_on IS NOT NULL AND tx.operation <> 'validation'
                AND tx.paylink_withdrawn_at IS NULL AND %s
                AND NOT (tx.is_post_processed AND EXISTS (
                        SELECT FROM account_payment void
                         WHERE void.id = tx.payment_id AND void.state IN ('canceled', 'rejected')))""",
            self._uncaptured_sql(),
        )
        return self._rows_sql(self._transaction_columns(), tail)

    def _moved_before_sql(self):
        """What no moment is known of: it was paid before the add-on was there. The books know the day."""
        tail = SQL(
            """FROM payment_transaction tx JOIN account_payment payment ON payment.id = tx.payment_id
              WHERE tx.state = 'done' AND tx.paylink_moved_on IS NULL AND tx.operation <> 'validation'
                AND payment.state IN %s AND %s""",
            IN_BOOKS,
            self._uncaptured_sql(),
        )
        return self._rows_sql(self._transaction_columns() | {"date": SQL("payment.date")}, tail)

    def _failed_refunds_sql(self):
        """Refunds that came back later: on their day, as the books have them."""
        moves = self._moves_sql(SQL("move.category = 'refund'"))
        return self._rows_sql(self._transaction_columns(moves), self._reversed_sql(SQL(FAILED_TX)))

    def _returned_refunds_sql(self):
        """The same money, on the day on which it came back."""
        moves = self._moves_sql(SQL("move.category = 'refund_failure'"))
        columns = self._transaction_columns(moves) | self._reversal_columns("returned")
        known = columns["is_fee_known"]
        # That of the refund itself stands in its own row.
        columns["fee"] = SQL("COALESCE((SELECT SUM(move.fee) %s), CASE WHEN %s THEN 0 END)", moves, known)
        columns["net"] = SQL(
            "COALESCE((SELECT SUM(move.net) %s), CASE WHEN %s AND %s = tx.currency_id THEN -tx.amount END)",
            moves,
            known,
            columns["settled_currency_id"],
        )
        return self._rows_sql(columns, self._reversed_sql(SQL(FAILED_TX)))

    def _undone_transfers_sql(self):
        """Transfers that had been booked as a payment, and were found to be something else: a month that was closed
        stays as it was. What the entry of the bank's line had booked itself is in no books anymore.
        """
        return self._rows_sql(self._transaction_columns(), self._reversed_sql(SQL(WITHDRAWN_TX)))

    def _taken_transfers_sql(self):
        """The same money, on the day on which it was taken out of the books."""
        columns = self._transaction_columns() | self._reversal_columns("undone")
        columns |= {"fee": SQL("0::numeric"), "net": SQL("-tx.amount")}
        return self._rows_sql(columns, self._reversed_sql(SQL(WITHDRAWN_TX)))

    @staticmethod
    def _reversal_columns(kind):
        """What the reversal of a payment says otherwise than the payment."""
        return {
            "id": SQL(ROW_ID.format("tx.", 1)),
            "date": SQL("reversal.date"),
            "moved_at": NO_MOMENT,
            "booked_on": SQL("reversal.date"),
            "kind": SQL("%s", kind),
            "amount": SQL("-tx.amount"),
            "amount_company": SQL("-payment.amount_company_currency_signed"),
        }

    @staticmethod
    def _uncaptured_sql():
        return SQL(
            """NOT EXISTS (SELECT FROM payment_transaction part
                            WHERE part.source_transaction_id = tx.id
                              AND part.operation != 'refund' AND part.state IN ('done', 'cancel'))"""
        )

    @staticmethod
    def _reversed_sql(condition):
        """Payments of transactions that were taken out of the books later, by an entry of its own."""
        return SQL(
            """FROM payment_transaction tx JOIN account_payment payment ON payment.id = tx.payment_id
               JOIN account_move reversal ON reversal.reversed_entry_id = payment.move_id AND reversal.state = 'posted'
              WHERE tx.paylink_moved_on IS NOT NULL AND %s""",
            condition,
        )

    def _transaction_columns(self, moves=None):
        """What transactions say.

        :param moves: which rows at Stripe are theirs, by default all but chargebacks, which are rows of their own
        """
        moves = moves or self._moves_sql(SQL("move.category NOT IN ('dispute', 'dispute_reversal')"))
        payment = SQL("FROM account_payment own WHERE own.id = tx.payment_id")
        match = SQL("FROM paylink_bank_match match WHERE match.id = tx.paylink_match_id")
        return {
            "id": SQL(ROW_ID.format("tx.", 0)),
            "date": SQL("tx.paylink_moved_on"),
            "moved_at": SQL("tx.paylink_moved_at"),
            "booked_on": SQL("COALESCE((SELECT own.date %s), (SELECT match.line_date %s))", payment, match),
            "name": SQL("tx.reference"),
            "kind": SQL("CASE WHEN tx.operation = 'refund' THEN 'refund' ELSE 'payment' END"),
            "method": self._method_sql(
                SQL(
                    """COALESCE((SELECT source.payment_method_id FROM payment_transaction source
                                  WHERE source.id = tx.source_transaction_id AND tx.operation = 'refund'),
                                tx.payment_method_id)"""
                )
            ),
            "partner_id": SQL("tx.partner_id"),
            "user_id": SQL(
                """COALESCE((SELECT link.user_id FROM paylink_link link WHERE link.id = tx.paylink_id),
                            (SELECT MAX(invoice.invoice_user_id) FROM account_move invoice
                               JOIN account_invoice_transaction_rel rel ON rel.invoice_id = invoice.id
                              WHERE rel.transaction_id = tx.id), %s)""",
                self._salesperson_sql(SQL("tx.partner_id")),
            ),
            "link_id": SQL("tx.paylink_id"),
            "link_name": SQL("(SELECT link.name FROM paylink_link link WHERE link.id = tx.paylink_id)"),
            "transaction_id": SQL("tx.id"),
            "payment_id": SQL("tx.payment_id"),
            "line_id": SQL("CASE WHEN tx.payment_id IS NULL THEN (SELECT match.line_id %s) END", match),
            "provider_id": SQL("tx.provider_id"),
            "provider_name": self._provider_sql(SQL("tx.provider_id")),
            "journal_id": SQL("COALESCE((SELECT own.journal_id %s), (SELECT match.journal_id %s))", payment, match),
            "company_id": SQL("tx.company_id"),
            "currency_id": SQL("tx.currency_id"),
            "company_currency_id": self._company_currency_sql(SQL("tx.company_id")),
            "amount": SQL("tx.amount"),
            "amount_company": SQL(
                "COALESCE((SELECT own.amount_company_currency_signed %s), %s, %s)",
                payment,
                self._matched_amount_sql(),
                self._converted_sql(),
            ),
            **self._transaction_costs(moves, match),
            "payout_id": SQL("(SELECT MAX(move.payout_id) %s)", moves),
            "is_matched": SQL("tx.paylink_is_matched"),
            "is_consolidated": SQL("tx.paylink_is_consolidated"),
        }

    def _transaction_costs(self, moves, match):
        """Fee and net: as Stripe's account says, where it is kept; else as the provider, or the bank's line, has said.
        What costs nothing is kept as a whole. Where a provider has not told its fee, or never does, neither is known:
        the currency is then that of the payment, as lists could not add up what has none.
        """
        known = SQL(
            """FROM payment_transaction one WHERE one.paylink_fee_currency_id IS NOT NULL AND one.id IN (
                   tx.id, CASE WHEN tx.operation <> 'refund' THEN tx.source_transaction_id END)"""
        )
        # Several links may share one line: its fees are the first one's.
        fee = SQL(
            """COALESCE((SELECT MAX(one.paylink_fee * %(share)s) %(known)s),
                        (SELECT CASE WHEN tx.id = (SELECT MIN(first.id) FROM payment_transaction first
                                                    WHERE first.paylink_match_id = match.id)
                                     THEN match.fees ELSE 0 END %(match)s))""",
            share=self._share_sql(SQL("one.id")),
            known=known,
            match=match,
        )
        # What is given back is settled as its payment was, which may have been an authorization that was captured.
        currency = SQL(
            """COALESCE((SELECT MAX(one.paylink_fee_currency_id) FROM payment_transaction one
                          WHERE one.paylink_fee_currency_id IS NOT NULL AND one.id IN (
                                tx.id, tx.source_transaction_id,
                                (SELECT source.source_transaction_id FROM payment_transaction source
                                  WHERE source.id = tx.source_transaction_id))),
                        CASE WHEN tx.paylink_match_id IS NOT NULL
                               OR EXISTS (SELECT FROM payment_provider provider
                                           WHERE provider.id = tx.provider_id AND provider.code IN %s)
                             THEN tx.currency_id END)""",
            WITHOUT_FEES,
        )
        share = self._share_sql(SQL("move.transaction_id"))
        settled = SQL("COALESCE((SELECT MIN(move.currency_id) %s), %s)", moves, currency)
        is_known = SQL("%s IS NOT NULL", settled)
        return {
            "fee": SQL(
                "COALESCE((SELECT SUM(move.fee * %s) %s), %s, CASE WHEN %s THEN 0 END)", share, moves, fee, is_known
            ),
            "net": SQL(
                """COALESCE((SELECT SUM(move.net * %(share)s) %(moves)s),
                            CASE WHEN %(currency)s = tx.currency_id THEN tx.amount - COALESCE(%(fee)s, 0) END)""",
                share=share,
                moves=moves,
                currency=currency,
                fee=fee,
            ),
            "is_fee_known": is_known,
            "settled_currency_id": SQL("COALESCE(%s, tx.currency_id)", settled),
        }

    @staticmethod
    def _share_sql(owner_id):
        """How much of what Stripe says of a transaction is this one's: all of its own; of an authorization that was
        captured in parts, each part has its share.
        """
        return SQL(
            """CASE WHEN %s = tx.id THEN 1 ELSE tx.amount / (
                   SELECT NULLIF(SUM(part.amount), 0) FROM payment_transaction part
                    WHERE part.source_transaction_id = tx.source_transaction_id
                      AND part.operation <> 'refund' AND part.state = 'done') END""",
            owner_id,
        )

    @staticmethod
    def _moves_sql(condition):
        """What has moved at Stripe for a transaction; of a capture, its authorization has it."""
        return SQL(
            """FROM paylink_balance_move move
              WHERE move.transaction_id IN (
                        tx.id, CASE WHEN tx.operation <> 'refund' THEN tx.source_transaction_id END) AND %s""",
            condition,
        )

    # === IN THE COMPANY'S CURRENCY === #

    @staticmethod
    def _matched_amount_sql():
        """What the entry of a bank's line says of a transfer that it has booked: its own rate."""
        return SQL(
            """(SELECT ROUND(tx.amount * SUM(item.balance) / NULLIF(SUM(item.amount_currency), 0),
                             MAX(currency.decimal_places))
                  FROM paylink_bank_match match
                  JOIN account_move_line item ON item.move_id = match.move_id
                  JOIN account_account account ON account.id = item.account_id
                   AND account.account_type = 'asset_receivable'
                  JOIN res_currency currency ON currency.id = item.company_currency_id
                 WHERE match.id = tx.paylink_match_id)"""
        )

    def _converted_sql(self):
        """The amount of a transaction where no entry says it: at the rate of its day, as ``res.currency`` converts."""
        return SQL(
            """(SELECT CASE WHEN tx.currency_id = company.currency_id THEN tx.amount ELSE ROUND(
                       tx.amount / COALESCE(%(foreign)s, 1) * COALESCE(%(own)s, 1), own.decimal_places) END
                  FROM res_company company JOIN res_currency own ON own.id = company.currency_id
                 WHERE company.id = tx.company_id)""",
            foreign=self._rate_sql(SQL("tx.currency_id")),
            own=self._rate_sql(SQL("company.currency_id")),
        )

    @staticmethod
    def _rate_sql(currency):
        """The rate of the day; before the first one, that (``res.currency._get_rates``)."""
        return SQL(
            """(SELECT rate.rate FROM res_currency_rate rate
                 WHERE rate.currency_id = %(currency)s
                   AND (rate.company_id IS NULL
                        OR rate.company_id = SPLIT_PART(company.parent_path, '/', 1)::integer)
              ORDER BY rate.name > tx.paylink_moved_on, rate.company_id NULLS LAST,
                       ABS(rate.name - tx.paylink_moved_on) LIMIT 1)""",
            currency=currency,
        )
