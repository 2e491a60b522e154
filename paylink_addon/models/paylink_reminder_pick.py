from typing import NamedTuple

from odoo import models
from odoo.tools import SQL


class Pick(NamedTuple):
    """One thing to remind of: an open item (``item_id``, of ``move_id``) or a collection link (``link_id``)."""

    customer_id: int
    item_id: int | None
    link_id: int | None
    move_id: int | None
    currency_id: int
    rule_id: int
    step_id: int


class Told(NamedTuple):
    """What has already been done, besides what is stored: to look at days that have not come."""

    picks: list  # of Pick
    messages: list  # of (customer_id, move_id or None, link_id or None)


class PaylinkReminderPick(models.Model):
    """What is to be reminded on a day: one query for all rules of a company."""

    _inherit = "paylink.reminder.rule"

    def _pick(self, date, customers=None, told=None):
        """What the rules of one company remind of on ``date``, customer by customer.

        :param date: the day, in the company's time zone
        :param customers: ids of commercial partners, default all
        :param told: a :class:`Told`
        :return: a list of :class:`Pick`
        """
        rules = self.filtered("step_ids")
        if not rules:
            return []
        self.env.flush_all()
        told = told or Told([], [])
        return [Pick(*row) for row in self.env.execute_query(rules._pick_sql(date, customers, told))]

    def _pick_sql(self, date, customers, told):
        company = self.company_id.ensure_one()
        parts = [
            SQL("candidate AS MATERIALIZED (%s)", self._candidates_sql(company, date, customers)),
            SQL("link_candidate AS MATERIALIZED (%s)", self._link_candidates_sql(company, date, customers)),
            SQL("due AS (%s)", SQL(" UNION ALL ").join(rule._due_sql(date) for rule in self)),
            SQL("picked AS MATERIALIZED (%s)", self._picked_sql(told)),
            SQL("owed AS (%s)", self._owed_sql()),
            SQL("allowed AS (%s)", self._allowed_sql(company, date, told)),
        ]
        return SQL(
            """
            WITH %s
            SELECT customer_id, item_id, link_id, move_id, currency_id, rule_id, step_id
              FROM allowed WHERE is_customer = mode
          ORDER BY customer_id, tone DESC, sequence, rule_id, due_date, item_id, link_id
            """,
            SQL(", ").join(parts),
        )

    def _due_sql(self, date):
        """What this rule reminds of, and by which of its steps."""
        self.ensure_one()
        return SQL(
            """SELECT c.customer_id, c.item_id, c.link_id, c.move_id, c.currency_id, c.residual, c.due_date,
                      %s AS rule_id, %s AS sequence, %s AS is_customer, %s AS step_id
                 FROM %s c WHERE %s""",
            self.id,
            self.sequence,
            self.grouping == "customer",
            self._step_sql(date),
            SQL.identifier("link_candidate" if self.kind == "link" else "candidate"),
            SQL(" AND ").join(SQL("(%s)", condition) for condition in self._conditions(date).values()),
        )

    def _picked_sql(self, told):
        """What is due, less what has been done; each (item, step) once and for all."""
        query = SQL(
            """
            SELECT due.*, step.tone FROM due JOIN paylink_reminder_step step ON step.id = due.step_id
             WHERE NOT EXISTS (SELECT FROM paylink_reminder done
                                WHERE done.step_id = due.step_id AND done.move_line_id = due.item_id)
               AND NOT EXISTS (SELECT FROM paylink_reminder done
                                WHERE done.step_id = due.step_id AND done.link_id = due.link_id
                                  AND done.move_line_id IS NULL)
            """
        )
        if not told.picks:
            return query
        return SQL(
            """%s
               AND NOT EXISTS (SELECT FROM %s AS done(item_id, link_id, step_id)
                                WHERE done.step_id = due.step_id AND done.item_id = due.item_id)
               AND NOT EXISTS (SELECT FROM %s AS done(item_id, link_id, step_id)
                                WHERE done.step_id = due.step_id AND done.link_id = due.link_id)
            """,
            query,
            *[_arrays([(pick.item_id, pick.link_id, pick.step_id) for pick in told.picks])] * 2,
        )

    def _owed_sql(self):
        """The customers and currencies in which something is due once open credits are netted."""
        return SQL(
            """
            SELECT customer_id, currency_id
              FROM (SELECT DISTINCT item_id, customer_id, currency_id, residual
                      FROM picked WHERE is_customer AND item_id IS NOT NULL
                     UNION ALL
                    SELECT item_id, customer_id, currency_id, residual FROM candidate WHERE residual < 0) item
          GROUP BY customer_id, currency_id HAVING sum(residual) > 0
            """
        )

    def _allowed_sql(self, company, date, told):
        """Less what credits cover and who was written to a short while ago.

        A customer gets either one message for everything or one for each invoice: as the firmest rule says. The others
        have their turn later.
        """
        mode = SQL("is_customer")
        if len(set(self.mapped("grouping"))) > 1:
            mode = SQL(
                """first_value(is_customer)
                   OVER (PARTITION BY customer_id ORDER BY tone DESC, sequence, rule_id, item_id, link_id)"""
            )
        return SQL(
            """
            SELECT picked.*, %s AS mode FROM picked
             WHERE (NOT is_customer OR item_id IS NULL OR (customer_id, currency_id) IN (SELECT * FROM owed)) AND %s
            """,
            mode,
            self._unhurried_sql(company, date, told),
        )

    def _unhurried_sql(self, company, date, told):
        """At most one message per customer (or, for rules of one message per invoice, per invoice) in some days."""
        gap = company.paylink_reminder_gap_days
        if not gap:
            return SQL("TRUE")
        recent = SQL(
            """SELECT message.customer_id, message.move_id, message.link_id FROM paylink_reminder_message message
                WHERE message.company_id = %s AND message.date > %s::date - %s AND message.date <= %s""",
            company.id,
            date,
            gap,
            date,
        )
        if told.messages:
            recent = SQL("%s UNION ALL SELECT * FROM %s AS told(a, b, c)", recent, _arrays(told.messages))
        return SQL(
            """
            CASE WHEN is_customer THEN customer_id NOT IN (SELECT customer_id FROM (%(recent)s) message)
                 ELSE customer_id NOT IN (SELECT customer_id FROM (%(recent)s) message
                                           WHERE move_id IS NULL AND link_id IS NULL)
                  AND COALESCE(move_id, 0) NOT IN (SELECT move_id FROM (%(recent)s) message WHERE move_id IS NOT NULL)
                  AND COALESCE(link_id, 0) NOT IN (SELECT link_id FROM (%(recent)s) message WHERE link_id IS NOT NULL)
            END
            """,
            recent=recent,
        )


def _arrays(rows):
    """Rows of three integers (or None) as a table in FROM, however many."""
    columns = zip(*rows, strict=True)
    return SQL("unnest(%s::integer[], %s::integer[], %s::integer[])", *[list(column) for column in columns])
