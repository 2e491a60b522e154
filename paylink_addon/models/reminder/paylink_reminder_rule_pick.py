"""Stage of ``paylink.reminder.rule``: what is due on a day."""

from datetime import timedelta
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
    residual: float
    rule_id: int
    step_id: int


class Told(NamedTuple):
    """What has already been done, besides what is stored: to look at days that have not come."""

    picks: list  # of Pick
    messages: list  # of (customer_id, move_id or None, link_id or None)


class PaylinkReminderRulePick(models.Model):
    """What is to be reminded on a day: one query for all rules of a company."""

    _inherit = "paylink.reminder.rule"

    def _pick(self, date, customers=None, told=None):
        """What the rules of one company remind of on ``date``, customer by customer, the firmest first.

        :param date: the day, in the company's time zone
        :param customers: ids of commercial partners, default all
        :param told: a :class:`Told`
        :return: a list of :class:`Pick`
        """
        ranks = self._ranks()
        if not ranks:
            return []
        self.env.flush_all()
        origins = [(step.rule_id.id, step.id) for step in ranks]
        query = self._pick_sql(date, customers, told or Told([], []), ranks)
        picks = [Pick(*row[:-1], *origins[row[-1]]) for row in self.env.execute_query(query)]
        return self._keep_one_moment(self._keep_one_grouping(self._without_covered(picks, customers, date)))

    def _ranks(self):
        """The steps of all rules, the firmest first: where several are due, the first one gives the tone."""
        steps = list(enumerate(self.step_ids))
        order = {rule.id: position for position, rule in enumerate(self.sorted(lambda rule: (rule.sequence, rule.id)))}
        return [step for _n, step in sorted(steps, key=lambda pair: (-int(pair[1].tone), order[pair[1].rule_id.id]))]

    def _pick_sql(self, date, customers, told, ranks):
        rules = self.filtered("step_ids")
        return SQL(
            """
            WITH %s
            SELECT customer_id, item_id, link_id, move_id, currency_id, residual, rank
              FROM (%s) due WHERE %s
          ORDER BY customer_id, rank, due_date, item_id, link_id
            """,
            self._candidate_tables_sql(date, customers),
            SQL(" UNION ALL ").join(rule._due_sql(date, told, ranks) for rule in rules),
            self._gap_sql(self.company_id, date, told),
        )

    def _candidate_tables_sql(self, date, customers):
        """What the rules choose from on ``date``, by name: the open items, the links."""
        company = self.company_id.ensure_one()
        kinds = set(self.filtered("step_ids").mapped("kind"))
        parts = []
        if "invoice" in kinds:
            candidates = self._candidates_sql(company, customers, within=self._within_sql(*self._window(date)))
            parts.append(SQL("candidate AS (%s)", self._held_sql(candidates, date)))
        if "link" in kinds:
            candidates = self._link_candidates_sql(company, date, customers)
            parts.append(SQL("link_candidate AS (%s)", self._held_sql(candidates, date)))
        return SQL(", ").join(parts)

    def _window(self, date):
        """The first and the last due day of items that any step may be about on ``date``, and the promises and
        objections that have just ended: what they have held up may be older.
        """
        offsets = self.filtered(lambda rule: rule.kind == "invoice").step_ids.mapped("offset")
        limit = timedelta(days=self.company_id._paylink_reminder_lateness())
        Hold = self.env["paylink.reminder.hold"].sudo().with_context(active_test=False)
        ended = [("date_until", ">=", date - limit), ("date_until", "<", date)]
        return (
            date - timedelta(days=max(offsets)) - limit,
            date - timedelta(days=min(offsets)),
            Hold.search([("company_id", "=", self.company_id.id), *ended]),
        )

    def _due_sql(self, date, told, ranks):
        """What this rule reminds of, and by which of its steps; not what it has done already."""
        self.ensure_one()
        conditions = [*self._conditions(date).values(), *self._not_done_sql(ranks), *self._not_told_sql(told, ranks)]
        return SQL(
            """SELECT c.customer_id, c.item_id, c.link_id, c.move_id, c.currency_id, c.residual::float8 AS residual,
                      c.due_date, c.rank, %s AS is_whole
                 FROM (%s) c WHERE %s""",
            self.grouping == "customer",
            self._ranked_sql(date, ranks),
            SQL(" AND ").join(SQL("(%s)", condition) for condition in conditions),
        )

    def _ranked_sql(self, date, ranks):
        """What this rule chooses from, with the step that it is for: ``rank``."""
        table = "link_candidate" if self.kind == "link" else "candidate"
        return SQL("SELECT c.*, %s AS rank FROM %s c", self._step_sql(date, ranks), SQL.identifier(table))

    def _not_told_sql(self, told, ranks):
        """Condition: it has not been done besides what is stored."""
        if not told.picks:
            return []
        name = SQL.identifier("link_id" if self.kind == "link" else "item_id")
        step = SQL("(%s::integer[])[c.rank + 1]", [step.id for step in ranks])
        return [SQL("(c.%s, %s) NOT IN (SELECT * FROM %s)", name, step, self._told_sql(told))]

    def _not_done_sql(self, ranks):
        """Conditions: it has not been reminded of by the step, nor by the rule since the day of the step."""
        step = SQL("(%s::integer[])[c.rank + 1]", [step.id for step in ranks])
        offset = SQL("(%s::integer[])[c.rank + 1]", [step.offset for step in ranks])
        said = SQL("done.step_id = %s", step)
        if self.kind == "invoice":
            # For this due date, or not before the one of now: who has got more time is reminded anew.
            said = SQL("%s AND (done.date_due = c.due_date OR done.date >= c.due_date + LEAST(%s, 0))", said, offset)
        # Days that are deleted and entered anew are over too, where the rule has reminded since they came.
        over = SQL("done.rule_id = %s AND done.outcome = 'message' AND done.date >= c.due_date + %s", self.id, offset)
        same = (
            [SQL("done.link_id = c.link_id AND done.move_line_id IS NULL")]
            if self.kind == "link"
            # Items that other payment terms have taken the place of are those of the invoice.
            else [
                SQL("done.move_line_id = c.item_id"),
                SQL("done.move_id = c.move_id AND done.move_line_id IS NULL"),
            ]
        )
        return [
            SQL("NOT EXISTS (SELECT FROM paylink_reminder done WHERE %s AND ((%s) OR (%s)))", which, said, over)
            for which in same
        ]

    def _told_sql(self, told):
        """What has been done by the steps of this rule, besides what is stored."""
        ids = set(self.step_ids.ids)
        mine = [
            (pick.link_id if self.kind == "link" else pick.item_id, pick.step_id)
            for pick in told.picks
            if pick.step_id in ids
        ]
        return _table(mine, 2)

    def _gap_sql(self, company, date, told):
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
            recent = SQL("%s UNION ALL SELECT * FROM %s", recent, _table(told.messages, 3))
        return SQL(
            """
            CASE WHEN is_whole THEN customer_id NOT IN (SELECT customer_id FROM (%(recent)s) message)
                 ELSE customer_id NOT IN (SELECT customer_id FROM (%(recent)s) message
                                           WHERE move_id IS NULL AND link_id IS NULL)
                  AND COALESCE(move_id, 0) NOT IN (SELECT move_id FROM (%(recent)s) message WHERE move_id IS NOT NULL)
                  AND COALESCE(link_id, 0) NOT IN (SELECT link_id FROM (%(recent)s) message WHERE link_id IS NOT NULL)
            END
            """,
            recent=recent,
        )

    # === WHAT IS LEFT OUT OF IT === #

    def _without_covered(self, picks, customers, date):
        """Without what open credits cover: who gets one message for everything is not asked for less than nothing.

        What is not due yet has a message of its own (see ``_keep_one_moment``).
        """
        whole = set(self.filtered(lambda rule: rule.grouping == "customer").ids)
        credited = self._open_credits(customers) if picks and whole else {}
        if not credited:
            return picks
        early, parts = self._early_ids(), self._registered_parts()

        def key(pick):
            return pick.customer_id, pick.currency_id, pick.rule_id in early

        owed = {}
        for pick in picks:
            if pick.rule_id in whole and pick.item_id and key(pick)[:2] in credited:
                owed.setdefault(key(pick), {})[pick.item_id] = pick.residual - parts.get(pick.item_id, 0.0)
        covered = self._covered(owed, credited)
        covered -= self._needed_elsewhere(covered, owed, credited, date)
        return [pick for pick in picks if not (pick.item_id and pick.rule_id in whole and key(pick) in covered)]

    def _covered(self, owed, credited):
        """The keys of messages that ask for no more than there are credits.

        :param dict owed: what each message asks for, by id of item, by ``(customer_id, currency_id, …)``
        :param dict credited: see :meth:`_open_credits`
        """
        return {key for key, items in owed.items() if self._compare(key, sum(items.values()), -credited[key[:2]]) <= 0}

    def _needed_elsewhere(self, covered, owed, credited, date):
        """Those of ``covered`` whose credits go to other things that are due: they are asked for in full."""
        if not covered:
            return set()
        due = self._due_residuals({key[0] for key in covered}, date)
        others = {
            key: sum(residual for item_id, residual in due.get(key[:2], {}).items() if item_id not in owed[key])
            for key in covered
        }
        return {key for key in covered if others[key] and self._compare(key, others[key], -credited[key[:2]]) >= 0}

    def _compare(self, key, amount, other):
        return self.env["res.currency"].browse(key[1]).compare_amounts(amount, other)

    def _due_residuals(self, customers, date):
        """What is left to be asked for of all that is due on ``date``, by id of item, by customer and currency."""
        query = SQL(
            """SELECT customer_id, currency_id, json_object_agg(item_id, residual) FROM (%s) c
                WHERE NOT is_netted AND due_date <= %s GROUP BY customer_id, currency_id""",
            self._candidates_sql(self.company_id, customers),
            date,
        )
        parts = self._registered_parts()
        return {
            (customer, currency): {int(key): residual - parts.get(int(key), 0.0) for key, residual in items.items()}
            for customer, currency, items in self.env.execute_query(query)
        }

    def _keep_one_grouping(self, picks):
        """A customer gets either one message for everything or one for each invoice: as the firmest rule says.

        The others have their turn on another day.
        """
        whole = set(self.filtered(lambda rule: rule.grouping == "customer").ids)
        if not whole or len(whole) == len(self):
            return picks
        manners = {}
        for pick in picks:
            manners.setdefault(pick.customer_id, pick.rule_id in whole)
        return [pick for pick in picks if manners[pick.customer_id] == (pick.rule_id in whole)]

    def _keep_one_moment(self, picks):
        """What is not due yet is not in one message with what is: nobody is told that it is late.

        The firmest rule says which of both comes first, the other has its turn on another day.
        """
        early = self._early_ids()
        if not early:
            return picks
        whole = set(self.filtered(lambda rule: rule.grouping == "customer").ids)
        moments = {}
        for pick in picks:
            moments.setdefault(pick.customer_id, pick.rule_id in early)
        return [
            pick for pick in picks if pick.rule_id not in whole or moments[pick.customer_id] == (pick.rule_id in early)
        ]

    def _early_ids(self):
        """The ids of the rules that remind before the due date."""
        return set(self.filtered(lambda rule: rule.moment == "before").ids)


def _table(rows, width):
    """Rows of integers (or None) as a table in FROM, however many."""
    columns = list(zip(*rows, strict=True)) or [()] * width
    arrays = SQL(", ").join(SQL("%s::integer[]", list(column)) for column in columns)
    return SQL("unnest(%s)", arrays)
