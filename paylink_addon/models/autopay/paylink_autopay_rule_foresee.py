"""Stage of ``paylink.autopay.rule``: what will be charged on days to come, and what not, and why."""

from datetime import timedelta
from typing import NamedTuple

from odoo import models
from odoo.tools import SQL

from .paylink_autopay_item import UNTOLD
from .paylink_autopay_rule_pick import Due


class Plan(NamedTuple):
    """What the rules have in mind with an open item."""

    due: Due  # of the rule that says it; its day is that of the charge
    reason: str | None  # the name of the condition that it does not meet; ``None``: it will be charged


class PaylinkAutopayRuleForesee(models.Model):
    """Looking ahead, and explaining. Nothing is written."""

    _inherit = "paylink.autopay.rule"

    def _plans(self, today, last=None, customers=None, items=None, *, announcing=False):
        """What the rules of one company have in mind with each open item of customers who have automatic payment.

        :param today: the day it is for the company
        :param last: the last due day that matters, default any
        :param customers: ids of commercial partners, default all
        :param items: ids of journal items, whoever their customers are
        :param bool announcing: what could not be announced before is looked at anew
        :return: a list of :class:`Plan`, one for each item
        """
        if not self:
            return []
        self.env.flush_all()
        ranked = sorted(self, key=lambda rule: (rule.sequence, rule.id))
        query = SQL(
            """
            WITH candidate AS (%s)
            SELECT customer_id, contact_id, item_id, move_id, currency_id, residual, amount, token_id, tried_link_id,
                   day, rule_id, (%s::varchar[])[failed]
              FROM (SELECT DISTINCT ON (item_id) *
                      FROM (%s) plan
                  ORDER BY item_id, failed DESC NULLS FIRST, rank) best
          ORDER BY day, customer_id, due_date, item_id
            """,
            self._chargeable_sql(last, customers, items),
            self._condition_names(),
            SQL(" UNION ALL ").join(rule._plan_sql(today, rank, announcing) for rank, rule in enumerate(ranked)),
        )
        return [Plan(Due(*row), reason) for *row, reason in self.env.execute_query(query)]

    def _condition_names(self):
        return [*self._common_conditions, *self._rule_conditions, *UNTOLD]

    def _plan_sql(self, today, rank, announcing):
        """When this rule charges each candidate, and the number of the first condition that speaks against it.

        What is only a question of the day speaks against nothing. Of two rules the one that had less against it tells.
        """
        names = self._condition_names()
        conditions = {
            name: condition for name, condition in self._conditions(today).items() if name not in self._day_conditions
        }
        cases = [
            SQL("WHEN (%s) IS NOT TRUE THEN %s", condition, names.index(name) + 1)
            for name, condition in conditions.items()
        ]
        if not announcing:
            cases += [SQL("WHEN %s THEN %s", self._untold_sql(name), names.index(name) + 1) for name in UNTOLD]
        return SQL(
            """SELECT c.customer_id, c.contact_id, c.item_id, c.move_id, c.currency_id, c.residual::float8,
                      c.amount::float8, c.due_date, c.token_id, c.tried_link_id, %s AS day, %s AS rule_id,
                      CASE %s END AS failed, %s AS rank
                 FROM candidate c""",
            self._planned_day_sql(today),
            self.id,
            SQL(" ").join(cases),
            rank,
        )

    def _planned_day_sql(self, today):
        """The day of the charge, if nothing speaks against it: not before today, nor before the notice is over."""
        first = SQL(
            "CASE WHEN %s THEN %s ELSE %s END::date",
            self._told_sql(today),
            today,
            today + timedelta(days=self.notice_days),
        )
        return SQL("GREATEST(%s, %s)", self._charge_day_sql(), first)

    def _charging_sql(self, today):
        """A query of the ids of the items that will be charged, as far as one can tell of each by itself."""
        self.env.flush_all()
        return SQL(" UNION ALL ").join(
            SQL(
                "SELECT c.item_id FROM (%s) c WHERE %s AND %s",
                self._chargeable_sql(None),
                rule._not_left_out_sql(),
                SQL(" AND ").join(rule._sorted_conditions(today)[0]),
            )
            for rule in self
        )

    # === DAY BY DAY === #

    def _foresee_items(self, today, items):
        """What becomes of some open items: as :meth:`_foresee`. Of what else their customers owe only what is charged
        before them is looked at, which uses credits and limits up.

        :param items: ids of journal items
        """
        plans = self._plans(today, items=items)
        left = [(plan, plan.reason) for plan in plans if plan.reason]
        planned = {plan.due.item_id: plan.due for plan in plans if not plan.reason}
        if not planned:
            return [], left
        last = max(due.day for due in planned.values())
        charged, others = self._foresee(today, last, {due.customer_id for due in planned.values()})
        return charged, left + [(plan, reason) for plan, reason in others if plan.due.item_id in planned]

    def _foresee(self, today, last=None, customers=None, *, announcing=False):
        """What will be charged from ``today`` to ``last``, should nobody pay until then, and what is left out, and why.

        :param last: default: whenever it is
        :param bool announcing: see :meth:`_plans`
        :return: (a list of ``(day, charge)``, a list of ``(plan, name of the reason)``)
        """
        latest = last and last + timedelta(days=max(self.mapped("notice_days"), default=0))
        plans = self._plans(today, latest, customers, announcing=announcing)
        due, left = {}, []
        for plan in plans:
            if plan.reason:
                left.append((plan, plan.reason))
            elif not last or plan.due.day <= last:
                due.setdefault(plan.due.day, []).append(plan)
        charged, covered, spent, used = [], [], {}, set()
        for day, new in sorted(due.items()):
            own = covered + new  # what credits have covered so far is still open
            charges, others = self._charges([plan.due for plan in own], day, spent, used)
            charged += [(day, charge) for charge in charges]
            others = [(plan, others[plan.due.item_id]) for plan in own if plan.due.item_id in others]
            covered = [plan for plan, reason in others if reason == "covered"]
            left += [(plan, reason) for plan, reason in others if reason != "covered"]
        return charged, left + [(plan, "covered") for plan in covered]
