from odoo import api, fields, models
from odoo.tools import SQL

# More than anybody's books have had since 2000.
DAYS = 20_000


class PaylinkBalanceDay(models.Model):
    """What Stripe says and what the books say, by account, currency and day; also of a currency that has no journal, as
    it is not in use here.
    """

    _name = "paylink.balance.day"
    _inherit = "paylink.balance.mixin"
    _description = "Stripe and the books"
    _order = "date desc, balance_id, currency_id"
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
                SELECT journal.id, journal.paylink_balance_id AS balance_id, journal.default_account_id,
                       COALESCE(journal.currency_id, company.currency_id) AS currency_id,
                       COALESCE(journal.currency_id, company.currency_id) = company.currency_id AS is_own
                  FROM account_journal journal
                  JOIN res_company company ON company.id = journal.company_id
                 WHERE journal.paylink_balance_id IS NOT NULL
            ), part AS (
                SELECT balance_id, currency_id, date, net AS said, 0 AS booked, 0 AS shifted
                  FROM paylink_balance_move
                 WHERE is_kept
             UNION ALL
                SELECT journal.balance_id, journal.currency_id, item.date, 0,
                       CASE WHEN journal.is_own THEN item.balance ELSE item.amount_currency END, 0
                  FROM account_move_line item
                  JOIN journal ON journal.default_account_id = item.account_id
                 WHERE item.parent_state = 'posted'
             UNION ALL
                SELECT move.balance_id, move.currency_id, later.day, 0, 0, later.amount
                  FROM paylink_balance_move move,
                       LATERAL (VALUES (move.booked_later_on, move.date, move.amount),
                                       (move.fee_booked_later_on, move.date, -move.fee)) moved (booked, own, amount),
                       LATERAL (VALUES (moved.own, -moved.amount), (moved.booked, moved.amount)) later (day, amount)
                 WHERE (move.booked_later_on IS NOT NULL OR move.fee_booked_later_on IS NOT NULL)
                   AND moved.booked IS NOT NULL
            ), day AS (
                SELECT balance_id, currency_id, date,
                       SUM(said) AS said, SUM(booked) AS booked, SUM(shifted) AS shifted
                  FROM part
              GROUP BY balance_id, currency_id, date
            )
            SELECT (day.balance_id::bigint * 1000 + day.currency_id) * %s + (day.date - DATE '2000-01-01') AS id,
                   day.date, day.balance_id, balance.company_id, journal.id AS journal_id, day.currency_id,
                   day.said, day.booked, day.shifted, ROUND(day.said + day.shifted - day.booked, 6) AS difference,
                   SUM(day.said) OVER total AS said_total, SUM(day.booked) OVER total AS booked_total
              FROM day
              JOIN paylink_balance balance ON balance.id = day.balance_id
         LEFT JOIN journal ON journal.balance_id = day.balance_id AND journal.currency_id = day.currency_id
            WINDOW total AS (PARTITION BY day.balance_id, day.currency_id ORDER BY day.date)
            """,
            DAYS,
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
