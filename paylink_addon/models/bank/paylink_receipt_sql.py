"""Stage of ``paylink.receipt``: how the rows are read."""

from odoo import models
from odoo.tools import SQL
from odoo.tools.sql import create_index

# What each row says, in this order.
COLUMNS = (
    *("id", "date", "moved_at", "booked_on", "name", "kind", "method", "partner_id", "user_id", "link_id", "link_name"),
    *("transaction_id", "payment_id", "line_id", "provider_id", "provider_name", "journal_id", "company_id"),
    *("currency_id", "company_currency_id", "amount", "amount_company", "fee", "net", "settled_currency_id"),
    *("is_fee_known", "payout_id", "is_matched", "is_consolidated"),
)
# Only of what the query reads, in its words.
MOVED = "state = 'done' AND paylink_moved_on IS NOT NULL AND operation <> 'validation'"
BEFORE = "state = 'done' AND paylink_moved_on IS NULL AND operation <> 'validation'"
FAILED = "operation = 'refund' AND state IN ('error', 'cancel') AND paylink_moved_on IS NOT NULL"
WITHDRAWN = "paylink_withdrawn_at IS NOT NULL"
BY_HAND = "partner_type = 'customer' AND payment_transaction_id IS NULL"
VOID = "state IN ('canceled', 'rejected')"
OF_LINES = "statement_line_id IS NOT NULL"
# What each kind of row makes its ids of: the indexes are found only where it is written just like this.
ROW_ID = "({}id * 4 + {})"
TX, BACK, PAYMENT, ITEM = (ROW_ID.format("", number) for number in range(4))
INDEXES = [
    ("paylink_receipt_tx_id", "payment_transaction", [TX], MOVED),
    ("paylink_receipt_tx_day", "payment_transaction", ["paylink_moved_on DESC", f"{TX} DESC"], MOVED),
    ("paylink_receipt_tx_before", "payment_transaction", [TX], BEFORE),
    ("paylink_receipt_tx_failed", "payment_transaction", [TX], FAILED),
    ("paylink_receipt_tx_withdrawn", "payment_transaction", [TX], WITHDRAWN),
    ("paylink_receipt_payment_id", "account_payment", [PAYMENT], BY_HAND),
    ("paylink_receipt_payment_day", "account_payment", ["date DESC", f"{PAYMENT} DESC"], BY_HAND),
    ("paylink_receipt_payment_void", "account_payment", ["id"], VOID),
    ("paylink_receipt_item_id", "account_move_line", [ITEM], OF_LINES),
    ("paylink_receipt_item_day", "account_move_line", ["date DESC", f"{ITEM} DESC"], OF_LINES),
    # What is looked for among all that there is: few rows, as a rule.
    (
        "paylink_receipt_tx_open",
        "payment_transaction",
        ["paylink_moved_on DESC", f"{TX} DESC"],
        f"{MOVED} AND paylink_is_matched IS NOT TRUE",
    ),
    (
        "paylink_receipt_tx_way",
        "payment_transaction",
        ["paylink_moved_on DESC", f"{TX} DESC"],
        f"{MOVED} AND paylink_is_consolidated IS NOT TRUE",
    ),
    (
        "paylink_receipt_payment_open",
        "account_payment",
        ["date DESC", f"{PAYMENT} DESC"],
        f"{BY_HAND} AND is_matched IS NOT TRUE",
    ),
]
# The database looks into the sources, and reads them in the order of days as far as a page goes, only while their
# columns have the same types, and each is in this order itself.
TEXTS = frozenset({"name", "kind", "method", "link_name", "provider_name"})
NO_ID, NO_MOMENT = SQL("NULL::integer"), SQL("NULL::timestamp")
IN_BOOKS = SQL("('in_process', 'paid')")


class PaylinkReceiptSql(models.Model):
    """Each source is a query of its own. What other tables know is asked for row by row, as far as it is wanted: so the
    first page need not join all, and is read in the order of days.
    """

    _inherit = "paylink.receipt"
    _depends = {
        "payment.transaction": [
            *("paylink_moved_at", "paylink_moved_on", "payment_id", "paylink_id", "partner_id", "company_id"),
            *("provider_id", "payment_method_id", "source_transaction_id", "operation", "state", "amount"),
            *("currency_id", "reference", "paylink_withdrawn_at", "paylink_is_matched", "paylink_is_consolidated"),
            *("is_post_processed", "paylink_match_id", "paylink_fee", "paylink_fee_currency_id", "invoice_ids"),
        ],
        "paylink.balance.move": [
            *("transaction_id", "source", "amount", "fee", "net", "currency_id", "payout_id", "category", "company_id"),
        ],
        "paylink.payout": ["arrival_line_id"],
        "paylink.bank.match": ["state", "line_id", "move_id", "journal_id", "line_date", "fees"],
        "account.payment": [
            *("date", "partner_id", "company_id", "journal_id", "payment_method_line_id", "currency_id", "amount"),
            *("amount_company_currency_signed", "payment_type", "partner_type", "state", "is_matched", "move_id"),
            *("payment_transaction_id", "name", "paired_internal_transfer_payment_id", "invoice_ids"),
            "outstanding_account_id",
        ],
        "account.move": ["date", "state", "reversed_entry_id", "name", "invoice_user_id"],
        "account.move.line": [
            *("statement_line_id", "date", "account_id", "amount_currency", "balance", "partner_id", "currency_id"),
            *("journal_id", "company_id", "parent_state", "name", "payment_id", "move_id"),
        ],
        "account.partial.reconcile": ["debit_move_id", "credit_move_id"],
        "account.account": ["account_type"],
        "account.journal": ["type", "name", "paylink_balance_id"],
        "paylink.link": ["user_id", "name"],
        "paylink.dispute": [
            *("name", "withdrawal_id", "reinstatement_id", "link_id", "transaction_id", "provider_id", "company_id"),
            *("withdrawn_at", "reinstated_at", "withdrawn_on", "reinstated_on"),
            *("fee", "fee_returned", "fee_currency_id"),
        ],
        "res.partner": ["user_id", "commercial_partner_id"],
    }

    def init(self):
        """So that a page is read in the order of days, and its rows by their ids, without reading all the others."""
        for name, table, columns, where in INDEXES:
            create_index(self.env.cr, name, table, columns, where=where)

    @property
    def _table_query(self):
        return SQL(" UNION ALL ").join(self._sources_sql())

    def _sources_sql(self):
        """The queries of all sources. Their columns have the same types."""
        return (
            self._moved_sql(),
            self._moved_before_sql(),
            self._failed_refunds_sql(),
            self._returned_refunds_sql(),
            self._undone_transfers_sql(),
            self._taken_transfers_sql(),
            self._disputes_sql(),
            self._by_hand_sql(),
            self._lines_sql(),
        )

    @staticmethod
    def _rows_sql(columns, tail):
        """One source.

        :param dict columns: what it says, by name
        :param tail: where it is read
        """
        selected = SQL(", ").join(
            SQL("(%s)::text AS %s" if name in TEXTS else "%s AS %s", columns[name], SQL.identifier(name))
            for name in COLUMNS
        )
        order = SQL("%s DESC, %s DESC", columns["date"], columns["id"])
        return SQL("(SELECT %s %s ORDER BY %s)", selected, tail, order)

    # === PAYMENTS WITHOUT TRANSACTIONS === #

    def _disputes_sql(self):
        """What banks have taken back, and given back: with the rows at Stripe that say so."""
        is_taken = SQL("(payment.id = dispute.withdrawal_id)")
        moves = SQL(
            """FROM paylink_balance_move move
              WHERE move.source = dispute.name AND move.company_id = dispute.company_id
                AND move.category IN ('dispute', 'dispute_reversal') AND (move.amount < 0) = %s""",
            is_taken,
        )
        fee = SQL("CASE WHEN %s THEN dispute.fee ELSE -dispute.fee_returned END", is_taken)
        columns = self._payment_columns() | {
            "date": SQL(
                "COALESCE(CASE WHEN %s THEN dispute.withdrawn_on ELSE dispute.reinstated_on END, payment.date)",
                is_taken,
            ),
            "moved_at": SQL("CASE WHEN %s THEN dispute.withdrawn_at ELSE dispute.reinstated_at END", is_taken),
            "kind": SQL("CASE WHEN %s THEN 'taken' ELSE 'given' END", is_taken),
            "method": self._method_sql(
                SQL(
                    """(SELECT disputed.payment_method_id FROM payment_transaction disputed
                         WHERE disputed.id = dispute.transaction_id)"""
                )
            ),
            "user_id": SQL(
                "COALESCE((SELECT link.user_id FROM paylink_link link WHERE link.id = dispute.link_id), %s)",
                self._salesperson_sql(SQL("payment.partner_id")),
            ),
            "link_id": SQL("dispute.link_id"),
            "link_name": SQL("(SELECT link.name FROM paylink_link link WHERE link.id = dispute.link_id)"),
            "transaction_id": SQL("dispute.transaction_id"),
            "provider_id": SQL("dispute.provider_id"),
            "provider_name": self._provider_sql(SQL("dispute.provider_id")),
            "fee": SQL("COALESCE((SELECT SUM(move.fee) %s), %s, 0)", moves, fee),
            "net": SQL(
                """COALESCE((SELECT SUM(move.net) %(moves)s), %(amount)s - CASE
                       WHEN dispute.fee_currency_id = payment.currency_id THEN COALESCE(%(fee)s, 0) ELSE 0 END)""",
                moves=moves,
                amount=self._signed_sql(),
                fee=fee,
            ),
            "settled_currency_id": SQL("COALESCE((SELECT MIN(move.currency_id) %s), payment.currency_id)", moves),
            "payout_id": SQL("(SELECT MAX(move.payout_id) %s)", moves),
            "is_consolidated": SQL(
                """COALESCE((SELECT BOOL_AND(EXISTS (SELECT FROM paylink_payout payout
                                                      WHERE payout.id = move.payout_id
                                                        AND payout.arrival_line_id IS NOT NULL)) %s),
                            payment.is_matched)""",
                moves,
            ),
        }
        tail = SQL(
            """FROM paylink_dispute dispute
               JOIN account_payment payment ON payment.id IN (dispute.withdrawal_id, dispute.reinstatement_id)
              WHERE payment.state IN %s""",
            IN_BOOKS,
        )
        return self._rows_sql(columns, tail)

    def _by_hand_sql(self):
        """What was registered by hand."""
        tail = SQL(
            """FROM account_payment payment
              WHERE payment.partner_type = 'customer' AND payment.payment_transaction_id IS NULL
                AND payment.state IN %s AND payment.paired_internal_transfer_payment_id IS NULL
                AND payment.id NOT IN (
                        SELECT withdrawal_id FROM paylink_dispute WHERE withdrawal_id IS NOT NULL
                     UNION ALL
                        SELECT reinstatement_id FROM paylink_dispute WHERE reinstatement_id IS NOT NULL)""",
            IN_BOOKS,
        )
        return self._rows_sql(self._payment_columns(), tail)

    def _payment_columns(self):
        line = SQL("FROM account_payment_method_line line WHERE line.id = payment.payment_method_line_id")
        return {
            "id": SQL(ROW_ID.format("payment.", 2)),
            "date": SQL("payment.date"),
            "moved_at": NO_MOMENT,
            "booked_on": SQL("payment.date"),
            "name": SQL("payment.name"),
            "kind": SQL("CASE WHEN payment.payment_type = 'outbound' THEN 'refund' ELSE 'payment' END"),
            "method": SQL("(SELECT line.name %s)", line),
            "partner_id": SQL("payment.partner_id"),
            "user_id": SQL(
                """COALESCE((SELECT MAX(invoice.invoice_user_id) FROM account_move invoice
                               JOIN account_move__account_payment rel ON rel.invoice_id = invoice.id
                              WHERE rel.payment_id = payment.id), %s)""",
                self._salesperson_sql(SQL("payment.partner_id")),
            ),
            "link_id": NO_ID,
            "link_name": SQL("NULL"),
            "transaction_id": NO_ID,
            "payment_id": SQL("payment.id"),
            "line_id": NO_ID,
            "provider_id": SQL("(SELECT line.payment_provider_id %s)", line),
            "provider_name": self._provider_sql(SQL("(SELECT line.payment_provider_id %s)", line)),
            "journal_id": SQL("payment.journal_id"),
            "company_id": SQL("payment.company_id"),
            "currency_id": SQL("payment.currency_id"),
            "company_currency_id": self._company_currency_sql(SQL("payment.company_id")),
            "amount": self._signed_sql(),
            "amount_company": SQL("payment.amount_company_currency_signed"),
            "fee": SQL("0::numeric"),
            "net": self._signed_sql(),
            "settled_currency_id": SQL("payment.currency_id"),
            "is_fee_known": SQL("TRUE"),
            "payout_id": NO_ID,
            "is_matched": SQL("payment.is_matched"),
            "is_consolidated": SQL("payment.is_matched"),
        }

    @staticmethod
    def _signed_sql():
        return SQL("CASE WHEN payment.payment_type = 'outbound' THEN -payment.amount ELSE payment.amount END")

    # === LINES OF THE BANK === #

    def _lines_sql(self):
        """What the entry of a bank's line has booked on a customer's account by itself: nobody has registered a
        payment, and no link has asked for it. What settles a payment that is a row of its own is not that; what
        gives back what that payment has left is.
        """
        columns = {
            "id": SQL(ROW_ID.format("item.", 3)),
            "date": SQL("item.date"),
            "moved_at": NO_MOMENT,
            "booked_on": SQL("item.date"),
            "name": SQL("(SELECT entry.name FROM account_move entry WHERE entry.id = item.move_id)"),
            "kind": SQL("CASE WHEN item.amount_currency > 0 THEN 'refund' ELSE 'payment' END"),
            "method": SQL(
                """COALESCE((SELECT %s FROM account_journal journal
                              WHERE journal.id = item.journal_id AND journal.type = 'cash'), %s)""",
                self._translated_sql(SQL("journal.name")),
                self._method_sql(SQL("%s", self.env.ref("payment.payment_method_bank_transfer").id)),
            ),
            "partner_id": SQL("item.partner_id"),
            "user_id": self._salesperson_sql(SQL("item.partner_id")),
            "link_id": NO_ID,
            "link_name": SQL("NULL"),
            "transaction_id": NO_ID,
            "payment_id": NO_ID,
            "line_id": SQL("item.statement_line_id"),
            "provider_id": NO_ID,
            "provider_name": SQL("NULL"),
            "journal_id": SQL("item.journal_id"),
            "company_id": SQL("item.company_id"),
            "currency_id": SQL("item.currency_id"),
            "company_currency_id": self._company_currency_sql(SQL("item.company_id")),
            "amount": SQL("-item.amount_currency"),
            "amount_company": SQL("-item.balance"),
            "fee": SQL("0::numeric"),
            "net": SQL("-item.amount_currency"),
            "settled_currency_id": SQL("item.currency_id"),
            "is_fee_known": SQL("TRUE"),
            "payout_id": NO_ID,
            "is_matched": SQL("TRUE"),
            "is_consolidated": SQL("TRUE"),
        }
        tail = SQL(
            """FROM account_move_line item
              WHERE item.statement_line_id IS NOT NULL AND item.parent_state = 'posted' AND item.balance <> 0
                AND item.account_id = ANY(ARRAY(
                        SELECT id FROM account_account WHERE account_type = 'asset_receivable'))
                AND item.journal_id = ANY(ARRAY(
                        SELECT id FROM account_journal
                         WHERE type IN ('bank', 'cash', 'credit') AND paylink_balance_id IS NULL))
                AND NOT EXISTS (SELECT FROM paylink_bank_match match
                                  JOIN payment_transaction tx ON tx.paylink_match_id = match.id
                                 WHERE match.line_id = item.statement_line_id AND match.state = 'accepted' OFFSET 0)
                AND NOT EXISTS (SELECT FROM account_partial_reconcile partial
                                  JOIN account_move_line other ON other.id = partial.debit_move_id
                                 WHERE partial.credit_move_id = item.id AND %(is_row)s OFFSET 0)
                AND NOT EXISTS (SELECT FROM account_partial_reconcile partial
                                  JOIN account_move_line other ON other.id = partial.credit_move_id
                                 WHERE partial.debit_move_id = item.id AND %(is_row)s OFFSET 0)""",
            is_row=SQL(
                """(EXISTS (
                        SELECT FROM account_payment own
                         WHERE own.id = other.payment_id AND own.outstanding_account_id = other.account_id)
                    OR EXISTS (
                        SELECT FROM account_move__account_payment rel
                          JOIN account_payment payment ON payment.id = rel.payment_id
                         WHERE rel.invoice_id = other.move_id AND payment.move_id IS NULL
                           AND payment.state = 'paid' AND payment.amount = ABS(item.amount_currency)))"""
            ),
        )
        return self._rows_sql(columns, tail)

    # === WHAT OTHERS SAY === #

    def _translated_sql(self, name):
        """A translated text, in the reader's language."""
        return SQL("COALESCE(%(name)s->>%(lang)s, %(name)s->>'en_US')", name=name, lang=self.env.lang or "en_US")

    def _method_sql(self, method_id):
        """The name of a ``payment.method``."""
        name = self._translated_sql(SQL("method.name"))
        return SQL("(SELECT %s FROM payment_method method WHERE method.id = %s)", name, method_id)

    def _provider_sql(self, provider_id):
        name = self._translated_sql(SQL("provider.name"))
        return SQL("(SELECT %s FROM payment_provider provider WHERE provider.id = %s)", name, provider_id)

    @staticmethod
    def _company_currency_sql(company_id):
        return SQL("(SELECT company.currency_id FROM res_company company WHERE company.id = %s)", company_id)

    @staticmethod
    def _salesperson_sql(partner_id):
        """The customer's; of a contact who has none, that of its company."""
        return SQL(
            """(SELECT COALESCE(partner.user_id, customer.user_id) FROM res_partner partner
                  LEFT JOIN res_partner customer ON customer.id = partner.commercial_partner_id
                 WHERE partner.id = %s)""",
            partner_id,
        )
