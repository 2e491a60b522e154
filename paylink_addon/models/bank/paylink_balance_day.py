from odoo import api, fields, models
from odoo.tools import SQL


class PaylinkBalanceDay(models.Model):
    """What Stripe says and what the books say, by account, currency and day."""

    _name = "paylink.balance.day"
    _description = "Stripe and the books"
    _order = "date desc, journal_id"
    _auto = False

    date = fields.Date(readonly=True)
    balance_id = fields.Many2one("paylink.balance", string="Account at Stripe", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    journal_id = fields.Many2one("account.journal", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    said = fields.Monetary(string="Stripe says", readonly=True, help="What has moved at Stripe on this day, less fees.")
    booked = fields.Monetary(string="The books say", readonly=True, help="What has moved on the account on this day.")
    shifted = fields.Monetary(
        string="Booked later",
        readonly=True,
        help="What moved on a locked day is booked on the first one that is open: missing here, and more there.",
    )
    difference = fields.Monetary(readonly=True)
    said_total = fields.Monetary(
        string="Balance at Stripe", readonly=True, aggregator=None, help="At the end of the day."
    )
    booked_total = fields.Monetary(
        string="Balance in the books", readonly=True, aggregator=None, help="At the end of the day."
    )

    @property
    def _table_query(self):
        return SQL(
            """
            WITH journal AS (
                SELECT journal.id, journal.paylink_balance_id, journal.company_id, journal.default_account_id,
                       COALESCE(journal.currency_id, company.currency_id) AS currency_id,
                       COALESCE(journal.currency_id, company.currency_id) = company.currency_id AS is_own
                  FROM account_journal journal
                  JOIN res_company company ON company.id = journal.company_id
                 WHERE journal.paylink_balance_id IS NOT NULL
            ), said AS (
                SELECT journal.id AS journal_id, move.date, SUM(move.net) AS amount
                  FROM paylink_balance_move move
                  JOIN journal ON journal.paylink_balance_id = move.balance_id
                              AND journal.currency_id = move.currency_id
                 WHERE move.is_kept
              GROUP BY journal.id, move.date
            ), booked AS (
                SELECT journal.id AS journal_id, item.date,
                       SUM(CASE WHEN journal.is_own THEN item.balance ELSE item.amount_currency END) AS amount
                  FROM account_move_line item
                  JOIN journal ON journal.default_account_id = item.account_id
                 WHERE item.parent_state = 'posted'
              GROUP BY journal.id, item.date
            ), part AS (
                SELECT move.balance_id, move.currency_id, move.date, later.day AS later_on, later.amount
                  FROM paylink_balance_move move,
                       LATERAL (VALUES (move.booked_later_on, move.amount),
                                       (move.fee_booked_later_on, -move.fee)) later (day, amount)
                 WHERE (move.booked_later_on IS NOT NULL OR move.fee_booked_later_on IS NOT NULL)
                   AND later.day IS NOT NULL
            ), shifted AS (
                SELECT journal.id AS journal_id, moved.date, SUM(moved.amount) AS amount
                  FROM (SELECT balance_id, currency_id, date, -amount AS amount FROM part
                     UNION ALL
                        SELECT balance_id, currency_id, later_on, amount FROM part) moved
                  JOIN journal ON journal.paylink_balance_id = moved.balance_id
                              AND journal.currency_id = moved.currency_id
              GROUP BY journal.id, moved.date
            ), day AS (
                SELECT journal_id, date, COALESCE(said.amount, 0) AS said, COALESCE(booked.amount, 0) AS booked,
                       COALESCE(shifted.amount, 0) AS shifted
                  FROM said FULL JOIN booked USING (journal_id, date) FULL JOIN shifted USING (journal_id, date)
            )
            SELECT day.journal_id * 100000 + (day.date - DATE '2000-01-01') AS id,
                   day.date, journal.paylink_balance_id AS balance_id, journal.company_id, day.journal_id,
                   journal.currency_id, day.said, day.booked, day.shifted,
                   ROUND(day.said + day.shifted - day.booked, 6) AS difference,
                   SUM(day.said) OVER total AS said_total, SUM(day.booked) OVER total AS booked_total
              FROM day JOIN journal ON journal.id = day.journal_id
            WINDOW total AS (PARTITION BY day.journal_id ORDER BY day.date)
            """
        )

    @api.readonly
    def action_view_said(self):
        """Show Stripe's rows of this day."""
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_balance_move_action")
        domain = [
            ("balance_id", "=", self.balance_id.id),
            ("currency_id", "=", self.currency_id.id),
            ("date", "=", self.date),
            ("is_kept", "=", True),
        ]
        return action | {"domain": domain, "context": {}}

    @api.readonly
    def action_view_booked(self):
        """Show the entries of this day."""
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_account_moves_all")
        domain = [
            ("account_id", "=", self.journal_id.default_account_id.id),
            ("date", "=", self.date),
            ("parent_state", "=", "posted"),
        ]
        return action | {"domain": domain, "context": {}}
