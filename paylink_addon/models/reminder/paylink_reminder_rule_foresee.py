"""Stage of ``paylink.reminder.rule``: what will be reminded on days to come, and what not, and why."""

from datetime import date, timedelta
from typing import NamedTuple

from odoo import models
from odoo.fields import Domain
from odoo.tools import SQL

from .paylink_reminder_rule_pick import Pick, Told

# How far one can look ahead.
DAYS_AHEAD = 30


class Day(NamedTuple):
    """What will be reminded on a day."""

    date: date
    former: date | None  # the last day before on which something was sent
    picks: list  # of Pick
    told: Told  # until then


class PaylinkReminderRuleForesee(models.Model):
    """Looking ahead, and explaining. Nothing is written."""

    _inherit = "paylink.reminder.rule"

    # === DAYS TO COME === #
    # What will be reminded on days to come, and why a rule leaves something out. Nothing is written.

    def _foresee(self, date, customers=None):
        """What the rules of one company will remind of on ``date``, should nobody pay until then.

        :return: a list of :class:`Pick`
        """
        picks = []
        for day in self._foresee_days(date, customers):
            picks = day.picks
        return picks

    def _foresee_days(self, last, customers=None):
        """Each day from today to ``last``. The days are gone through by the same query as the run's: what the days
        before remind of, and whom, counts.

        :return: yields :class:`Day`
        """
        company = self.company_id
        date, former, done, messages = company._paylink_today(), None, [], []
        while date <= last:
            recent = [told for when, told in messages if (date - when).days < company.paylink_reminder_gap_days]
            is_open = company._paylink_sends_on(date)
            day = Day(
                date, former, self._pick(date, customers, Told(done, recent)) if is_open else [], Told(done, recent)
            )
            yield day
            done = done + day.picks
            messages += [(date, told) for told in self._messages_of(day.picks)]
            former = date if is_open else former
            date += timedelta(days=1)

    def _messages_of(self, picks):
        """Whom the messages of ``picks`` are for: ``(customer_id, move_id or None, link_id or None)``."""
        whole = set(self.filtered(lambda rule: rule.grouping == "customer").ids)
        return {
            (pick.customer_id, None, None) if pick.rule_id in whole else (pick.customer_id, pick.move_id, pick.link_id)
            for pick in picks
        }

    # === WHO IS LEFT OUT === #

    def _left_out(self, day, customers=None):
        """For what a rule has a day on ``day``, or since the last day before, but of what no rule reminds.

        :param day: a :class:`Day`
        :return: ``(Pick, reason)``, one for each thing; the reason is a text
        """
        ranks = self._ranks()
        if not ranks or not self.company_id._paylink_sends_on(day.date):
            return []
        self.env.flush_all()
        origins = [(step.rule_id.id, step.id) for step in ranks]
        query = SQL(
            "WITH %s %s ORDER BY customer_id, rank, item_id, link_id",
            self._candidate_tables_sql(day.date, customers),
            SQL(" UNION ALL ").join(rule._left_out_sql(day, ranks) for rule in self.filtered("step_ids")),
        )
        picked = {(pick.item_id, pick.link_id) for pick in day.picks}
        found = {}
        for *values, rank, name in self.env.execute_query(query):
            pick = Pick(*values, *origins[rank])
            thing = (pick.item_id, pick.link_id)
            # A rule that has nothing against it says best why it is not sent.
            if thing not in picked and (thing not in found or not name):
                found[thing] = (pick, name)
        return self._reasons_of(list(found.values()), day, customers)

    def _reasons_of(self, found, day, customers):
        """Say why, in words; what no condition speaks against waits, or is covered by credits."""
        rules = {rule.id: rule for rule in self}
        waiting = [pick for pick, name in found if not name]
        left = {(pick.item_id, pick.link_id) for pick in self._without_covered(waiting, customers, day.date)}

        def text(pick, name):
            covered = (pick.item_id, pick.link_id) not in left
            return rules[pick.rule_id]._reason_text(name or ("covered" if covered else "waits"))

        return [(pick, text(pick, name)) for pick, name in found]

    def _left_out_sql(self, day, ranks):
        """What this rule has a day for, and the first condition that it does not meet (NULL: it meets them all)."""
        conditions = self._conditions(day.date)
        fixed = [conditions.pop("open"), conditions.pop("moment")]
        if self.customer_mode != "except" and "customers" in conditions:
            fixed.append(conditions.pop("customers"))  # nobody misses those whom it is not for
        fixed += [*self._not_done_sql(ranks), *self._not_told_sql(day.told, ranks)]
        if day.former:
            offset = SQL("(%s::integer[])[c.rank + 1]", [step.offset for step in ranks])
            fixed.append(SQL("GREATEST(c.due_date + %s, c.held_until + 1) > %s", offset, day.former))
        cases = SQL(" ").join(
            SQL("WHEN (%s) IS NOT TRUE THEN %s::text", condition, name) for name, condition in conditions.items()
        )
        return SQL(
            """SELECT c.customer_id, c.item_id, c.link_id, c.move_id, c.currency_id, c.residual::float8, c.rank,
                      CASE %s END AS reason
                 FROM (%s) c WHERE %s""",
            cases,
            self._ranked_sql(day.date, ranks),
            SQL(" AND ").join(SQL("(%s)", condition) for condition in fixed),
        )

    # === WHY NOT === #

    def _explain(self, date, items=None, links=None):
        """Whether and when each rule will remind of some items or links.

        :param items: ids of journal items, for rules about invoices
        :param links: ids of collection links, for rules about links
        :return: a list of dicts: ``rule``, ``record_id`` (item or link), ``reason`` (a text; False if it applies),
            ``step`` and ``date`` of the next reminder
        """
        found = []
        for rule in self:
            ids = links if rule.kind == "link" else items
            if ids:
                found += rule._explain_each(date, list(ids))
        return found

    def _explain_each(self, date, ids):
        self.ensure_one()
        self.env.flush_all()
        conditions = self._conditions(date)
        conditions.pop("moment")
        is_link = self.kind == "link"
        candidates = (
            self._link_candidates_sql(self.company_id, date, links=ids)
            if is_link
            else self._candidates_sql(self.company_id, items=ids)
        )
        query = SQL(
            "SELECT %s, c.due_date, c.held_until, %s FROM (%s) c ORDER BY c.due_date, c.item_id, c.link_id",
            SQL.identifier("c", "link_id" if is_link else "item_id"),
            SQL(", ").join(SQL("(%s)", condition) for condition in conditions.values()),
            self._held_sql(candidates, date),
        )
        found = [
            self._explain_one(date, record_id, (due, held_until), dict(zip(conditions, holds, strict=True)))
            for record_id, due, held_until, *holds in self.env.execute_query(query)
        ]
        if self.kind == "invoice" and self.grouping == "customer":
            self._note_covered([row for row in found if row["step"]])
        return found

    def _explain_one(self, date, record_id, moments, holds):
        failed = next((name for name, is_so in holds.items() if not is_so), None)
        reason = self._reason_text(failed) if failed else False
        if not self.active:
            reason = self.env._("The rule is off.")
        step, day = (self.step_ids.browse(), False) if reason else self._next_step(date, record_id, *moments)
        if not reason and not step:
            reason = self._reason_text("moment")
        return {"rule": self, "record_id": record_id, "reason": reason, "step": step, "date": day}

    def _note_covered(self, rows):
        """Say of which ``rows`` the customer's credits cover all; those of one day have a message together."""
        by_day = {}
        for row in rows:
            by_day.setdefault(row["date"], []).append(row)
        Item = self.env["account.move.line"].sudo()
        for day, mine in by_day.items():
            items = Item.browse(row["record_id"] for row in mine)
            picks = [Pick(*self._pick_values(item), self.id, mine[0]["step"].id) for item in items]
            left = {pick.item_id for pick in self._without_covered(picks, {pick.customer_id for pick in picks}, day)}
            for row in mine:
                if row["record_id"] not in left:
                    row |= {"reason": self._reason_text("covered"), "step": self.step_ids.browse(), "date": False}

    def _pick_values(self, item):
        """The facts of ``item`` that a ``Pick`` begins with."""
        customer, move, currency = item.partner_id.commercial_partner_id, item.move_id, item.currency_id
        return customer.id, item.id, None, move.id, currency.id, item.amount_residual_currency

    def _explain_idle(self, date, contact):
        """Why each of these rules, which are about nothing of ``contact`` now, sends nothing; see :meth:`_explain`."""
        nothing = {"record_id": False, "step": self.step_ids.browse(), "date": False}
        return [{"rule": rule, "reason": rule._idle_reason(date, contact)} | nothing for rule in self]

    def _idle_reason(self, date, contact):
        if not self.active:
            return self.env._("The rule is off.")
        candidate = SQL("SELECT %s AS customer_id, %s AS contact_id", contact.commercial_partner_id.id, contact.id)
        for name in ("customers", "autopay"):
            condition = getattr(self, f"_filter_{name}")(date)
            if condition and not self.env.execute_query(SQL("SELECT 1 FROM (%s) c WHERE %s", candidate, condition)):
                return self._reason_text(name)
        return self._reason_text("idle")

    def _next_step(self, date, record_id, due, held_until):
        """The step that will remind of it next, and the day: the latest that has come, in time, else one to come."""
        days = {step: due + timedelta(days=step.offset) for step in self.step_ids.sorted("offset")}
        latest = date - timedelta(days=self.company_id._paylink_reminder_lateness())
        come = [step for step, day in days.items() if day <= date][-1:]
        chances = [step for step in come if max(days[step], held_until or days[step]) >= latest]
        chances += [step for step, day in days.items() if day > date]
        done = self._done_for(record_id)
        step = next((step for step in chances if not self._is_done(step, days[step], due, done)), None)
        if not step or (self.moment == "before" and max(days[step], date) >= due):
            return self.step_ids.browse(), False
        return step, max(days[step], date)

    def _done_for(self, record_id):
        """What is on record of this rule for an item or a link, as the run looks at it."""
        domain = Domain("link_id", "=", record_id)
        if self.kind == "invoice":
            move = self.env["account.move.line"].sudo().browse(record_id).move_id
            domain = Domain("move_line_id", "=", record_id)
            domain |= Domain("move_id", "=", move.id) & Domain("move_line_id", "=", False)
        return self.env["paylink.reminder"].sudo().search(domain & Domain("rule_id", "=", self.id))

    def _is_done(self, step, day, due, done):
        """Whether one of the rows ``done`` says that ``step`` has had its turn (see ``_not_done_sql``)."""
        first = due + timedelta(days=min(step.offset, 0))
        return any(
            (row.step_id == step and (self.kind == "link" or row.date_due == due or row.date >= first))
            or (row.outcome == "message" and row.date >= day)
            for row in done
        )

    def _reason_texts(self):
        return super()._reason_texts() | {
            "open": self.env._("It is paid, not posted, expired or canceled, or a credit."),
            "not_charged_back": self.env._("A chargeback is open, or lost: resume reminders on it."),
            "not_charging": self.env._("It will be charged automatically."),
            "autopay": self.env._("The rule excludes the customer because of automatic payment."),
            "moment": self.env._("All days of the rule have passed."),
            "waits": self.env._("The customer has another message first: it waits for its turn."),
            "idle": self.env._("Nothing is open: there is nothing to remind of."),
        }
