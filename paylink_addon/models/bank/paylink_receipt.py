from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.sql import create_index

ACCOUNTANTS = "account.group_account_readonly,account.group_account_invoice"
KINDS = [
    ("payment", "Payment"),
    ("refund", "Refund to customer"),
    ("taken", "Chargeback"),
    ("given", "Chargeback given back"),
]
# Only of what the query reads, in its words.
MOVED = "state = 'done' AND paylink_moved_on IS NOT NULL AND operation <> 'validation'"
BY_HAND = "partner_type = 'customer' AND payment_transaction_id IS NULL"
TX, PAYMENT = ("payment_transaction", ["(id * 2)"]), ("account_payment", ["(id * 2 + 1)"])
TX_DAY = ("payment_transaction", ["paylink_moved_on DESC", "(id * 2) DESC"])
PAYMENT_DAY = ("account_payment", ["date DESC", "(id * 2 + 1) DESC"])
# What is looked for among all that there is: few rows, as a rule.
INDEXES = [
    ("paylink_receipt_tx_id", *TX, MOVED),
    ("paylink_receipt_tx_day", *TX_DAY, MOVED),
    ("paylink_receipt_tx_open", *TX_DAY, f"{MOVED} AND paylink_is_matched IS NOT TRUE"),
    ("paylink_receipt_tx_way", *TX_DAY, f"{MOVED} AND paylink_is_consolidated IS NOT TRUE"),
    ("paylink_receipt_payment_id", *PAYMENT, BY_HAND),
    ("paylink_receipt_payment_day", *PAYMENT_DAY, BY_HAND),
    ("paylink_receipt_payment_open", *PAYMENT_DAY, f"{BY_HAND} AND is_matched IS NOT TRUE"),
]


class PaylinkReceipt(models.Model):
    """What came in from customers, and went back to them: by which method, when, and whether the bank has shown it.

    A view: one row for each transaction whose money has moved, and for each payment of a customer that is no
    transaction's (registered by hand, chargebacks). Rows of transactions have even ids, the others odd ones.
    """

    _name = "paylink.receipt"
    _description = "Money received"
    _auto = False
    _order = "date desc, id desc"
    _depends = {
        "payment.transaction": [
            *("paylink_moved_at", "paylink_moved_on", "payment_id", "paylink_id", "partner_id", "company_id"),
            *("provider_id", "payment_method_id", "source_transaction_id", "operation", "state", "amount"),
            *("currency_id", "reference", "paylink_withdrawn_at", "paylink_is_matched", "paylink_is_consolidated"),
        ],
        "paylink.balance.move": ["transaction_id", "fee", "net", "currency_id", "payout_id", "category"],
        "account.payment": [
            *("date", "partner_id", "company_id", "journal_id", "payment_method_line_id", "currency_id", "amount"),
            *("amount_company_currency_signed", "payment_type", "partner_type", "state", "is_matched"),
            *("payment_transaction_id", "name", "paired_internal_transfer_payment_id"),
        ],
        "paylink.link": ["user_id"],
        "paylink.dispute": ["withdrawal_id", "reinstatement_id", "link_id"],
        "res.partner": ["user_id"],
    }

    name = fields.Char(string="Reference", readonly=True)
    date = fields.Date(readonly=True, help="The day on which the money moved, for the company.")
    moved_at = fields.Datetime(string="Moved on", readonly=True, help="As far as the provider has said it.")
    kind = fields.Selection(KINDS, readonly=True)
    method = fields.Char(readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    link_id = fields.Many2one("paylink.link", string="Collection Link", readonly=True)
    transaction_id = fields.Many2one("payment.transaction", readonly=True, groups=ACCOUNTANTS)
    payment_id = fields.Many2one("account.payment", readonly=True, groups=ACCOUNTANTS)
    provider_id = fields.Many2one("payment.provider", readonly=True)
    journal_id = fields.Many2one("account.journal", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    company_currency_id = fields.Many2one("res.currency", string="Currency of the Company", readonly=True)
    amount = fields.Monetary(readonly=True, aggregator=None, help="As the customer has paid it.")
    amount_company = fields.Monetary(
        string="In company currency", currency_field="company_currency_id", readonly=True, aggregator="sum"
    )
    fee = fields.Monetary(
        currency_field="settled_currency_id", readonly=True, help="What Stripe has kept, as far as its account is kept."
    )
    net = fields.Monetary(currency_field="settled_currency_id", readonly=True)
    settled_currency_id = fields.Many2one("res.currency", string="Currency of the Account", readonly=True)
    payout_id = fields.Many2one("paylink.payout", readonly=True, groups=ACCOUNTANTS)
    is_matched = fields.Boolean(
        string="Reconciled", readonly=True, help="A line of the bank, or of the account at Stripe, shows it."
    )
    is_consolidated = fields.Boolean(
        string="At the bank", readonly=True, help="It is on the bank account, with its payout if it has one."
    )
    bank_line_id = fields.Many2one(
        "account.bank.statement.line",
        string="Bank line",
        compute="_compute_bank_line_id",
        compute_sudo=True,
    )

    # === QUERY === #

    def init(self):
        """So that a page is read in the order of days, and its rows by their ids, without reading all the others."""
        for name, table, columns, where in INDEXES:
            create_index(self.env.cr, name, table, columns, where=where)

    @property
    def _table_query(self):
        return SQL("%s UNION ALL %s", self._transactions_sql(), self._payments_sql())

    def _transactions_sql(self):
        """What has moved by providers; of an amount that was captured in parts, the parts.

        What other tables know is asked for row by row, as far as it is wanted: so the first page need not join all.
        """
        return SQL(
            """
            SELECT tx.id * 2 AS id, tx.paylink_moved_on AS date, tx.paylink_moved_at AS moved_at, tx.reference AS name,
                   CASE WHEN tx.operation = 'refund' THEN 'refund' ELSE 'payment' END AS kind,
                   (SELECT %(method)s FROM payment_method method WHERE method.id = COALESCE(
                       (SELECT source.payment_method_id FROM payment_transaction source
                         WHERE source.id = tx.source_transaction_id AND tx.operation = 'refund'),
                       tx.payment_method_id)) AS method,
                   tx.partner_id,
                   COALESCE((SELECT link.user_id FROM paylink_link link WHERE link.id = tx.paylink_id),
                            (SELECT partner.user_id FROM res_partner partner WHERE partner.id = tx.partner_id)
                   ) AS user_id,
                   tx.paylink_id AS link_id, tx.id AS transaction_id, tx.payment_id, tx.provider_id,
                   (SELECT payment.journal_id FROM account_payment payment WHERE payment.id = tx.payment_id
                   ) AS journal_id,
                   tx.company_id, tx.currency_id,
                   (SELECT company.currency_id FROM res_company company WHERE company.id = tx.company_id
                   ) AS company_currency_id,
                   tx.amount,
                   COALESCE((SELECT payment.amount_company_currency_signed FROM account_payment payment
                              WHERE payment.id = tx.payment_id), %(converted)s) AS amount_company,
                   (SELECT SUM(move.fee) %(moves)s) AS fee, (SELECT SUM(move.net) %(moves)s) AS net,
                   (SELECT MIN(move.currency_id) %(moves)s) AS settled_currency_id,
                   (SELECT MAX(move.payout_id) %(moves)s) AS payout_id,
                   tx.paylink_is_matched AS is_matched, tx.paylink_is_consolidated AS is_consolidated
              FROM payment_transaction tx
             WHERE tx.state = 'done' AND tx.paylink_moved_on IS NOT NULL AND tx.operation <> 'validation'
               AND tx.paylink_withdrawn_at IS NULL
               AND NOT EXISTS (SELECT FROM payment_transaction part
                                WHERE part.source_transaction_id = tx.id
                                  AND part.operation != 'refund' AND part.state IN ('done', 'cancel'))
            """,
            method=self._method_sql(),
            converted=self._converted_sql(),
            # Of a capture, the authorization has them; chargebacks are rows of their own.
            moves=SQL(
                """FROM paylink_balance_move move
                  WHERE move.transaction_id IN (
                            tx.id, CASE WHEN tx.operation <> 'refund' THEN tx.source_transaction_id END)
                    AND move.category NOT IN ('dispute', 'dispute_reversal')"""
            ),
        )

    def _payments_sql(self):
        """What was registered by hand, and what banks have taken back, and given back."""
        dispute = SQL(
            "FROM paylink_dispute dispute WHERE dispute.withdrawal_id = payment.id"
            " OR dispute.reinstatement_id = payment.id"
        )
        return SQL(
            """
            SELECT payment.id * 2 + 1, payment.date, NULL::timestamp, payment.name,
                   CASE WHEN payment.id IN (SELECT withdrawal_id FROM paylink_dispute) THEN 'taken'
                        WHEN payment.id IN (SELECT reinstatement_id FROM paylink_dispute) THEN 'given'
                        WHEN payment.payment_type = 'outbound' THEN 'refund' ELSE 'payment' END,
                   COALESCE(
                       (SELECT %(method)s FROM payment_method method WHERE method.id = (
                           SELECT disputed.payment_method_id FROM payment_transaction disputed
                            WHERE disputed.id = (SELECT dispute.transaction_id %(dispute)s))),
                       (SELECT line.name FROM account_payment_method_line line
                         WHERE line.id = payment.payment_method_line_id)),
                   payment.partner_id,
                   COALESCE((SELECT link.user_id FROM paylink_link link
                              WHERE link.id = (SELECT dispute.link_id %(dispute)s)),
                            (SELECT partner.user_id FROM res_partner partner WHERE partner.id = payment.partner_id)),
                   (SELECT dispute.link_id %(dispute)s), (SELECT dispute.transaction_id %(dispute)s), payment.id,
                   (SELECT line.payment_provider_id FROM account_payment_method_line line
                     WHERE line.id = payment.payment_method_line_id),
                   payment.journal_id, payment.company_id, payment.currency_id,
                   (SELECT company.currency_id FROM res_company company WHERE company.id = payment.company_id),
                   CASE WHEN payment.payment_type = 'outbound' THEN -payment.amount ELSE payment.amount END,
                   payment.amount_company_currency_signed, NULL::numeric, NULL::numeric, NULL::integer, NULL::integer,
                   payment.is_matched, payment.is_matched
              FROM account_payment payment
             WHERE payment.partner_type = 'customer' AND payment.payment_transaction_id IS NULL
               AND payment.state IN ('in_process', 'paid') AND payment.paired_internal_transfer_payment_id IS NULL
            """,
            method=self._method_sql(),
            dispute=dispute,
        )

    def _method_sql(self):
        """The name of the method (a ``payment.method``), in the reader's language."""
        return SQL("COALESCE(method.name->>%s, method.name->>'en_US')", self.env.lang or "en_US")

    def _converted_sql(self):
        """The amount of a transaction in the company's currency, where no payment says it: at the rate of its day."""
        return SQL(
            """(SELECT CASE WHEN tx.currency_id = company.currency_id THEN tx.amount ELSE ROUND(
                       tx.amount / COALESCE(%(foreign)s, 1) * COALESCE(%(own)s, 1), 2) END
                  FROM res_company company WHERE company.id = tx.company_id)""",
            foreign=self._rate_sql(SQL("tx.currency_id")),
            own=self._rate_sql(SQL("company.currency_id")),
        )

    def _rate_sql(self, currency):
        return SQL(
            """(SELECT rate.rate FROM res_currency_rate rate
                 WHERE rate.currency_id = %s AND rate.name <= tx.paylink_moved_on
                   AND (rate.company_id IS NULL
                        OR rate.company_id = SPLIT_PART(company.parent_path, '/', 1)::integer)
              ORDER BY rate.company_id NULLS LAST, rate.name DESC LIMIT 1)""",
            currency,
        )

    # === VIEWS === #

    @api.model
    def _get_view_cache_key(self, view_id=None, view_type="form", **options):
        return (*super()._get_view_cache_key(view_id, view_type, **options), self._has_accounts())

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """Where no account at Stripe is kept, nothing is known of fees and payouts: not even that they are zero."""
        arch, view = super()._get_view(view_id, view_type, **options)
        if not self._has_accounts():
            for node in arch.xpath("//field[@name='fee' or @name='net' or @name='payout_id']"):
                node.getparent().remove(node)
        return arch, view

    @api.model
    def _has_accounts(self):
        kept = [("company_id", "in", self.env.companies.ids)]
        return bool(self.env["paylink.balance"].sudo().search_count(kept, limit=1))

    # === CRUD METHODS === #

    @api.model
    @api.private
    @api.readonly
    def search_fetch(self, domain, field_names=None, offset=0, limit=None, order=None):
        """Rows are chosen first: what else there is to know is asked for those alone, and not to sort all by it."""
        found = super().search_fetch(domain, [], offset=offset, limit=limit, order=order)
        found.fetch(field_names)
        return found

    # === COMPUTE METHODS === #

    @api.depends("payment_id", "payout_id")
    @api.depends_context("uid")
    def _compute_bank_line_id(self):
        """For accountants: that of the bank, of the payout if there is one; until then that of the Stripe account."""
        may_know = self.env.user.has_groups(ACCOUNTANTS)
        for receipt in self:
            own = receipt.payment_id.reconciled_statement_line_ids[:1]
            receipt.bank_line_id = may_know and (receipt.payout_id.arrival_line_id or own)

    # === ACTIONS === #

    def action_open(self):
        """Show the payment, or the link to who may not see payments."""
        self.check_access("read")
        self.ensure_one()
        own = self.sudo()
        for record in (own.payment_id, own.link_id, own.transaction_id):
            if record and record.with_env(self.env).has_access("read"):
                return record.with_env(self.env)._get_records_action()
        return False
