from odoo import api, fields, models
from odoo.tools import SQL, html2plaintext

from ...tools.texts import said
from .payment_transaction_abandoned import LEFT

OUTCOMES = [
    ("declined", "Refused, trying again"),
    ("pending", "In progress"),
    ("authorized", "Authorized"),
    ("paid", "Paid"),
    ("error", "Refused"),
    ("cancel", "Given up"),
    ("released", "Released"),
    ("refund_pending", "Refund in progress"),
    ("refunded", "Refunded"),
    ("refund_failed", "Refund failed"),
]
# What became of a customer's attempt to pay; the others are ours, or the company's.
OF_CUSTOMERS = ("declined", "pending", "authorized", "paid", "error", "cancel")


class PaylinkLinkAttempt(models.Model):
    """What became of each attempt to pay by a link, and of what was given back, for whoever sees the link.

    A view of Odoo's transactions, without what is the provider's and the administrators': whoever may not open those
    reads here what the link's timeline says, too. What was captured in parts is told by its parts; attempts that we
    closed ourselves are none (see ``payment.transaction._paylink_attempts``).
    """

    _name = "paylink.link.attempt"
    _description = "Payment or Attempt by a Collection Link"
    _auto = False
    _order = "id desc"
    _rec_name = "date"
    _depends = {
        "payment.transaction": [
            *("paylink_id", "operation", "state", "source_transaction_id", "amount", "currency_id", "payment_id"),
            *("last_state_change", "paylink_moved_at", "paylink_user_id"),
            *("paylink_closed", "paylink_abandoned", "paylink_decline_count"),
        ],
        "account.payment": ["move_id"],
        "paylink.link": ["company_id", "user_id"],
    }

    link_id = fields.Many2one("paylink.link", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    date = fields.Datetime(readonly=True)
    amount = fields.Monetary(readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    outcome = fields.Selection(OUTCOMES, readonly=True)
    user_id = fields.Many2one("res.users", string="Asked for by", readonly=True)
    method = fields.Char(compute="_compute_texts", compute_sudo=True)
    reason = fields.Char(compute="_compute_texts", compute_sudo=True)
    transaction_id = fields.Many2one(
        "payment.transaction",
        readonly=True,
        groups="account.group_account_invoice,paylink_addon.group_payment_manager",
    )
    payment_id = fields.Many2one("account.payment", readonly=True, groups="account.group_account_invoice")
    move_id = fields.Many2one(
        "account.move", string="Journal Entry", readonly=True, groups="account.group_account_invoice"
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT tx.id, tx.id AS transaction_id, tx.paylink_id AS link_id, link.company_id, tx.currency_id,
                   COALESCE(CASE WHEN tx.state = 'done' THEN tx.paylink_moved_at END, tx.last_state_change,
                            tx.create_date) AS date, abs(tx.amount) AS amount,
                   tx.paylink_user_id AS user_id, tx.payment_id, payment.move_id,
                   CASE WHEN tx.operation = 'refund' THEN CASE tx.state WHEN 'done' THEN 'refunded'
                                                                        WHEN 'error' THEN 'refund_failed'
                                                                        WHEN 'cancel' THEN 'refund_failed'
                                                                        ELSE 'refund_pending' END
                        WHEN tx.source_transaction_id IS NOT NULL AND tx.state = 'cancel' THEN 'released'
                        WHEN tx.state = 'done' THEN 'paid'
                        WHEN tx.state = 'draft' AND tx.paylink_abandoned THEN 'cancel'
                        WHEN tx.state = 'draft' THEN 'declined'
                        ELSE tx.state END AS outcome
              FROM payment_transaction tx
              JOIN paylink_link link ON link.id = tx.paylink_id
         LEFT JOIN account_payment payment ON payment.id = tx.payment_id
             WHERE tx.operation != 'validation'
               AND (tx.operation = 'refund' OR tx.state != 'draft' OR tx.paylink_decline_count > 0
                    OR tx.paylink_abandoned)
               AND (tx.state != 'cancel' OR tx.paylink_closed IS NOT TRUE OR tx.paylink_abandoned
                    OR tx.paylink_decline_count > 0)
               AND NOT EXISTS (SELECT FROM payment_transaction part
                                WHERE part.source_transaction_id = tx.id
                                  AND part.operation != 'refund' AND part.state IN ('done', 'cancel'))
            """
        )

    @api.depends_context("lang")
    def _compute_texts(self):
        for attempt in self:
            tx = attempt._transaction()
            attempt.method = (tx.source_transaction_id or tx).paylink_method_display or tx.payment_method_id.name
            attempt.reason = tx.paylink_reason or html2plaintext(said(attempt._why(tx) or "", self.env)) or False

    def _transaction(self):
        """The transaction that the attempt is, which is read with those of the attempts beside it."""
        return self.env["payment.transaction"].browse(self.id).with_prefetch(self._prefetch_ids)

    def _why(self, tx):
        """Why there is no money of this transaction: what is stored is said in the reader's language."""
        if tx.state == "done":
            return False
        if tx.paylink_abandoned and tx.state in ("draft", "cancel") and not tx.paylink_decline_count:
            return LEFT
        is_over = tx.state in ("draft", "error", "cancel")
        return tx._paylink_last_reason() if is_over else tx._paylink_state_reason()

    def _tries(self):
        """What was tried in these, in its order: on a provider's page customers may try several cards in one attempt.

        :return: ``[(attempt, moment, outcome, reason), …]``: as many of an attempt as are counted of it
        """
        return [row for attempt in self.sudo().sorted("id") for row in attempt._own_tries()]

    def _own_tries(self):
        tx = self._transaction()
        declines = [
            (self, moment, "declined", said(reason, self.env) or False) for moment, reason in tx._paylink_declines()
        ]
        told = declines and tx.state in ("draft", "cancel")  # what has become of it is what became of the last one
        return declines if told else [*declines, (self, self.date, self.outcome, self.reason)]

    # === ACTIONS === #

    def action_print_receipt(self):
        """The receipt of a payment, as a PDF, for who sees the link."""
        self.check_access("read")
        payment = self._transaction()
        payment._paylink_receipts()
        return self.env.ref("paylink_addon.report_receipt_transaction").sudo().report_action(payment, config=False)
