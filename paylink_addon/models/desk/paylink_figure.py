from odoo import api, fields, models
from odoo.tools import SQL

from ...const import CHANNELS


class PaylinkFigure(models.Model):
    """What became of each payment that was asked for: one row for each link that is out, canceled ones left out.

    A view: it is read by the rules of its readers, who see the same links here as in their lists. What the page of
    figures shows of it is told by ``paylink_figure_board.py``.
    """

    _name = "paylink.figure"
    _description = "Figures of a Collection Link"
    _auto = False
    _order = "asked_at desc, id desc"
    _depends = {
        "paylink.link": [
            *("company_id", "partner_id", "user_id", "currency_id", "kind", "amount", "amount_kept", "issued_at"),
            *("opened_at", "attempt_count", "paid_at", "settled_elsewhere", "cancelled_at", "send_email", "send_sms"),
            "mail_template_id",
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
    is_paid = fields.Boolean(string="Paid", readonly=True, help="By the link itself.")
    is_settled = fields.Boolean(string="Settled another way", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT link.id, link.id AS link_id, link.company_id, link.partner_id, link.user_id, link.currency_id,
                   link.kind, link.amount, link.amount_kept, link.issued_at AS asked_at, link.paid_at,
                   link.mail_template_id AS template_id, %(step)s AS step_id,
                   CASE WHEN link.send_email AND link.send_sms THEN 'both' WHEN link.send_email THEN 'email'
                        WHEN link.send_sms THEN 'sms' ELSE 'none' END AS channel,
                   link.opened_at IS NOT NULL OR link.attempt_count > 0 OR link.paid_at IS NOT NULL AS is_opened,
                   link.attempt_count > 0 OR link.paid_at IS NOT NULL AS is_attempted,
                   link.paid_at IS NOT NULL AS is_paid,
                   link.settled_elsewhere IS TRUE AND link.paid_at IS NULL AS is_settled
              FROM paylink_link link
             WHERE link.issued_at IS NOT NULL AND link.cancelled_at IS NULL
            """,
            step=self._step_sql(),
        )

    @api.model
    def _step_sql(self):
        """The day of a rule whose message was the last one to name a ``link``, before it was paid."""
        return SQL(
            """(SELECT message.step_id FROM paylink_reminder_message_link_rel rel
                  JOIN paylink_reminder_message message ON message.id = rel.message_id
                 WHERE rel.link_id = link.id AND message.create_date <= COALESCE(link.paid_at, 'infinity')
              ORDER BY message.create_date DESC LIMIT 1)"""
        )
