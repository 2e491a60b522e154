from odoo import api, fields, models
from odoo.tools import SQL

from .paylink_link_lists import CHANNELS


class PaylinkFigure(models.Model):
    """What became of each payment that was asked for: one row for each link that is out; of canceled ones only those by
    which money has come all the same, and of what they asked for only that.

    What is asked once is counted once: links that ask for the same in its place (see ``paylink_link_asked.py``) have no
    row; their amounts, and what the customer did by them, are in that of the link with which they are counted.

    A view: it is read by the rules of its readers, who see the same links here as in their lists. What the page of
    figures shows of it is told by ``paylink_figure_board.py``.
    """

    _name = "paylink.figure"
    _description = "Figures of a Collection Link"
    _auto = False
    _order = "asked_at desc, id desc"
    _depends = {
        "paylink.link": [
            *("company_id", "partner_id", "user_id", "currency_id", "kind", "amount_asked", "amount_kept", "issued_at"),
            *("opened_at", "attempt_count", "paid_at", "settled_elsewhere", "cancelled_at", "channel"),
            *("mail_template_id", "counted_with_id"),
        ],
        "paylink.reminder.message": ["step_id", "link_ids"],
    }

    link_id = fields.Many2one("paylink.link", string="Collection Link", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Owner", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    kind = fields.Selection(selection=lambda self: self.env["paylink.link"]._fields["kind"].selection, readonly=True)
    channel = fields.Selection(CHANNELS, readonly=True)
    template_id = fields.Many2one("mail.template", string="E-mail Template", readonly=True)
    step_id = fields.Many2one(
        "paylink.reminder.step",
        string="Last Reminder",
        readonly=True,
        help="The last one before the payment; of what is not paid, until now.",
    )
    amount = fields.Monetary(string="Amount asked", readonly=True, aggregator=None)
    amount_kept = fields.Monetary(string="Received", readonly=True, aggregator=None)
    asked_at = fields.Datetime(string="Asked on", readonly=True)
    paid_at = fields.Datetime(string="Paid on", readonly=True)
    is_opened = fields.Boolean(string="Opened", readonly=True, help="Or paid: who pays has opened it.")
    is_attempted = fields.Boolean(string="Attempted", readonly=True)
    is_paid = fields.Boolean(string="Paid", readonly=True, help="By the link, or by one that is counted with it.")
    is_settled = fields.Boolean(string="Settled another way", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT link.id, link.id AS link_id, link.company_id, link.partner_id, link.user_id, link.currency_id,
                   link.kind, %(asked)s + COALESCE(others.asked, 0) AS amount, %(kept)s AS amount_kept,
                   link.issued_at AS asked_at, %(paid)s AS paid_at, link.mail_template_id AS template_id,
                   %(step)s AS step_id, link.channel,
                   link.opened_at IS NOT NULL OR %(attempted)s OR others.is_opened IS TRUE AS is_opened,
                   %(attempted)s AS is_attempted, %(paid)s IS NOT NULL AS is_paid,
                   link.settled_elsewhere IS TRUE AND %(paid)s IS NULL AS is_settled
              FROM paylink_link link
         LEFT JOIN (%(others)s) others ON others.link_id = link.id
             WHERE link.issued_at IS NOT NULL AND link.counted_with_id IS NULL
               AND (link.cancelled_at IS NULL OR %(paid)s IS NOT NULL OR %(kept)s > 0)
            """,
            asked=self._asked_sql(),
            kept=SQL("link.amount_kept + COALESCE(others.kept, 0)"),
            paid=self._paid_sql(),
            attempted=SQL("(link.attempt_count > 0 OR others.attempts > 0 OR %s IS NOT NULL)", self._paid_sql()),
            others=self._others_sql(),
            step=self._step_sql(),
        )

    @api.model
    def _asked_sql(self):
        """What a ``link`` has asked for; of what was canceled no more than has come."""
        return SQL(
            """CASE WHEN link.cancelled_at IS NULL OR link.paid_at IS NOT NULL THEN link.amount_asked
                    ELSE GREATEST(link.amount_kept, 0) END"""
        )

    @api.model
    def _paid_sql(self):
        """When it was paid: by the ``link`` itself or, if nothing is left to pay, by others that ask for the same."""
        return SQL("COALESCE(link.paid_at, CASE WHEN link.settled_elsewhere THEN others.paid_at END)")

    @api.model
    def _others_sql(self):
        """What became of the links that are counted with others, by ``link_id`` of those."""
        return SQL(
            """
            SELECT link.counted_with_id AS link_id, SUM(%s) AS asked, SUM(link.amount_kept) AS kept,
                   MAX(link.paid_at) AS paid_at, SUM(link.attempt_count) AS attempts,
                   BOOL_OR(link.opened_at IS NOT NULL) AS is_opened
              FROM paylink_link link
             WHERE link.counted_with_id IS NOT NULL AND link.issued_at IS NOT NULL
          GROUP BY link.counted_with_id
            """,
            self._asked_sql(),
        )

    @api.model
    def _step_sql(self):
        """The day of a rule whose message was the last one to name a ``link``, before that was paid itself."""
        return SQL(
            """(SELECT message.step_id FROM paylink_reminder_message_link_rel rel
                  JOIN paylink_reminder_message message ON message.id = rel.message_id
                 WHERE rel.link_id = link.id AND message.create_date <= COALESCE(link.paid_at, 'infinity')
              ORDER BY message.create_date DESC LIMIT 1)"""
        )
