"""Stage of ``paylink.autopay.rule``: what is to be charged on a day, and together with what."""

from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

from odoo import models
from odoo.tools import SQL, groupby


class Due(NamedTuple):
    """One open item to charge. Amounts: ``residual`` in its currency, ``amount`` in the company's."""

    customer_id: int
    contact_id: int
    item_id: int
    move_id: int
    currency_id: int
    residual: float
    amount: float
    token_id: int
    tried_link_id: int | None
    day: date | None  # on which it is charged; ``None``: today
    rule_id: int


class Wanted(NamedTuple):
    """The same, where it only matters whose it is."""

    customer_id: int
    item_id: int


class Credit(NamedTuple):
    """One open credit of a customer (negative), or money given back that is deducted from credits."""

    item_id: int
    residual: float
    amount: float


class Charge(NamedTuple):
    """What is charged at once: items of one customer, in one currency, to one method, less credits."""

    rule_id: int
    token_id: int
    dues: list  # of Due
    credits: list  # of Credit

    def total(self):
        """What it comes to, in its currency."""
        return sum(row.residual for row in (*self.dues, *self.credits))

    def in_company_currency(self):
        """The same in the company's currency."""
        return sum(row.amount for row in (*self.dues, *self.credits))

    def shares(self):
        """How much of it is for each debt, by id of item, in its currency: credits pay the first ones."""
        return less_credits(
            {due.item_id: due.residual for due in self.dues}, -sum(row.residual for row in self.credits)
        )

    def item_ids(self):
        """The ids of all its journal items."""
        return {row.item_id for row in (*self.dues, *self.credits)}


def less_credits(debts, credit):
    """What is left of ``debts``, amounts by id, when ``credit`` has paid the first ones."""
    found = {}
    for item_id, residual in debts.items():
        covered = min(credit, residual)
        found[item_id] = residual - covered
        credit -= covered
    return found


class PaylinkAutopayRulePick(models.Model):
    """One query for all rules of a company; of an item that several fit the first one says when and how."""

    _inherit = "paylink.autopay.rule"

    # === WHAT IS DUE === #

    def _pick(self, date, customers=None, form=Due):
        """What the rules of one company charge on ``date``, customer by customer, the oldest first.

        :param date: the day, in the company's time zone
        :param customers: ids of commercial partners, default all
        :param form: :class:`Due`, or :class:`Wanted`, which takes half the time
        :return: a list of these
        """
        wanted = {rule: SQL(" AND ").join(rule._sorted_conditions(date)[1]) for rule in self}
        return self._pick_by(date, date, customers, wanted, form, is_today=True)

    def _pick_notices(self, date, customers=None, form=Due):
        """What customers have to be told of on ``date``; as :meth:`_pick`."""
        last = date + timedelta(days=max(self.mapped("notice_days"), default=0))
        wanted = {rule: rule._notice_due_sql(date) for rule in self}
        return self._pick_by(date, last, customers, wanted, form) if any(self.mapped("notice_days")) else []

    def _notice_due_sql(self, date):
        """Whether it is time to tell the customer of ``c``, and nobody did."""
        if not self.notice_days:
            return SQL("FALSE")
        soon = SQL("%s <= %s", self._charge_day_sql(), date + timedelta(days=self.notice_days))
        return SQL("%s AND NOT %s", soon, self._told_sql(date))

    def _pick_by(self, date, last, customers, wanted, form, is_today=False):
        """The items that the first of the rules that they fit wants now; what it wants later no other rule takes.

        :param date: the day
        :param last: the last due day that matters
        :param customers: ids of commercial partners, or ``None``
        :param dict wanted: what is a question of the day: a condition by rule
        :param form: see :meth:`_pick`
        :param bool is_today: they are charged today: no day is told
        """
        if not wanted:
            return []
        self.env.flush_all()
        ranked = sorted(wanted, key=lambda rule: (rule.sequence, rule.id))
        query = SQL(
            """
            WITH candidate AS %s (%s)
            SELECT %s
              FROM (%s (%s) due %s) due
             WHERE is_wanted
          ORDER BY customer_id, due_date, item_id
            """,
            SQL("MATERIALIZED" if len(ranked) > 1 else "NOT MATERIALIZED"),  # which costs as much as the choice itself
            self._chargeable_sql(last, customers),
            SQL(", ").join(map(SQL.identifier, form._fields)),
            SQL("SELECT DISTINCT ON (item_id) * FROM" if len(ranked) > 1 else "SELECT * FROM"),
            SQL(" UNION ALL ").join(
                SQL(
                    """SELECT c.customer_id, c.contact_id, c.item_id, c.move_id, c.currency_id, c.residual::float8,
                              c.amount::float8, c.due_date, c.token_id, c.tried_link_id, %s AS day, %s AS rule_id,
                              %s AS rank, (%s) AS is_wanted
                         FROM candidate c WHERE %s""",
                    SQL("NULL::date") if is_today else rule._charge_day_sql(),
                    rule.id,
                    rank,
                    wanted[rule],
                    SQL(" AND ").join(rule._sorted_conditions(date)[0]),
                )
                for rank, rule in enumerate(ranked)
            ),
            SQL("ORDER BY item_id, rank" if len(ranked) > 1 else ""),
        )
        return list(map(partial(tuple.__new__, form), self.env.execute_query(query)))  # ``_make`` takes twice as long

    def _sorted_conditions(self, date):
        """What says whether this rule charges a candidate at all, and what says whether it does on ``date``: two lists
        of SQL.
        """
        lasting, of_day = [], []
        for name, condition in self._conditions(date).items():
            (of_day if name in self._day_conditions else lasting).append(SQL("(%s)", condition))
        return lasting, of_day

    # === TOGETHER WITH WHAT === #

    def _charges(self, dues, date, spent=None, used=None):
        """What is charged at once, credits netted, limits kept.

        :param list dues: :class:`Due`
        :param dict spent: what was charged on days before that are only foreseen, in the company's currency, by
            customer and month; it is added to
        :param set used: the ids of the credits that these have used up, likewise
        :return: (a list of :class:`Charge`, a dict of why others are left out: a name of a reason by id of item)
        """
        if not dues:
            return [], {}
        rules = {rule.id: rule for rule in self}
        credits_ = self._credits_of({due.customer_id for due in dues})
        dues, left_out = self._less_registered(dues), {}
        found, used = [], set() if used is None else used
        for key, own in groupby(dues, lambda due: (due.customer_id, due.currency_id, due.token_id)):
            groups = groupby(
                own,
                lambda due: (due.rule_id, due.move_id if rules[due.rule_id].grouping == "document" else None),
            )
            charges = [Charge(rule_id, key[2], parts, []) for (rule_id, _move), parts in groups]
            left = [credit for credit in credits_.pop(key[:2], []) if credit.item_id not in used]
            found += self._net(charges, left, left_out)
        kept = self._within_limits(found, date, left_out, {} if spent is None else spent)
        used.update(credit.item_id for charge in kept for credit in charge.credits)
        return kept, left_out

    def _less_registered(self, dues):
        """What is registered for a part of an item without an entry is not due."""
        parts = self._registered_parts()
        if not parts:
            return dues
        rate = {due.item_id: due.amount / due.residual for due in dues}
        return [
            due._replace(residual=due.residual - part, amount=due.amount - part * rate[due.item_id])
            if (part := parts.get(due.item_id))
            else due
            for due in dues
        ]

    def _credits_of(self, customers):
        """The open credits of these customers: a list of :class:`Credit` by customer and currency."""
        query = SQL(
            """SELECT customer_id, currency_id, item_id, residual::float8, amount::float8 FROM (%s) c
             ORDER BY item_id""",
            self._credits_sql(customers),
        )
        found = {}
        for customer_id, currency_id, *row in self.env.execute_query(query):
            found.setdefault((customer_id, currency_id), []).append(Credit(*row))
        return found

    def _net(self, charges, credits_, left_out):
        """Credits pay what is due first: as many charges become one as it takes to have something left to charge."""
        if sum(credit.residual for credit in credits_) >= 0:
            return charges
        first, *rest = charges
        first = first._replace(credits=credits_)
        currency = self.env["res.currency"].browse(first.dues[0].currency_id)
        while rest and currency.compare_amounts(first.total(), 0) <= 0:
            first = first._replace(dues=[*first.dues, *rest.pop(0).dues])
        if currency.compare_amounts(first.total(), 0) <= 0:
            left_out |= dict.fromkeys((due.item_id for due in first.dues), "covered")
            return []
        return [first, *rest]

    # === LIMITS === #

    def _within_limits(self, charges, date, left_out, spent):
        """What of these is neither more than the customer's limits nor what the provider can't take.

        What is too much for one charge is split: the oldest that fit come first.
        """
        Partner = self.env["res.partner"].sudo().with_company(self.company_id)
        customers = Partner.browse({charge.dues[0].customer_id for charge in charges})
        tokens = self.env["payment.token"].sudo().browse({charge.token_id for charge in charges})
        by_id, token_by_id = ({record.id: record for record in records} for records in (customers, tokens))
        month_left = customers._paylink_autopay_month_left(date)
        kept = []
        for charge in charges:
            customer, token = by_id[charge.dues[0].customer_id], token_by_id[charge.token_id]
            month = (customer.id, date.year, date.month)
            left = month_left.get(customer.id)
            left = None if left is None else left - spent.get(month, 0.0)
            for part in self._parts(charge, partial(self._too_much, customer, token), left, left_out):
                if reason := self._refusal(part, token):
                    left_out |= dict.fromkeys((due.item_id for due in part.dues), reason)
                    continue
                spent[month] = spent.get(month, 0.0) + part.in_company_currency()
                kept.append(part)
        return kept

    def _parts(self, charge, too_much, left, left_out):
        """Split a charge.

        :param too_much: a function of a charge: the name of the reason why it is too much, or ``None``
        :param float left: what all parts may come to, in the company's currency; ``None``: anything
        """

        def over_month(part):
            over = left is not None and self.company_id.currency_id.compare_amounts(part.in_company_currency(), left)
            return "month_cap" if over > 0 else None

        if not too_much(charge) and not over_month(charge):
            return [charge]
        parts, part = [], charge._replace(dues=[])
        for due in charge.dues:
            more, alone = part._replace(dues=[*part.dues, due]), charge._replace(dues=[due], credits=[])
            if part.dues and too_much(more) and not too_much(alone):
                parts.append(part)
                left = None if left is None else left - part.in_company_currency()
                part, more = alone._replace(dues=[]), alone
            if reason := too_much(more) or over_month(more):
                left_out[due.item_id] = reason
            else:
                part = more
        return self._not_covered([*parts, part], left_out)

    def _not_covered(self, parts, left_out):
        """Those that come to something: what credits cover is not charged."""
        kept = []
        for part in parts:
            if (
                part.dues
                and self.env["res.currency"].browse(part.dues[0].currency_id).compare_amounts(part.total(), 0) > 0
            ):
                kept.append(part)
            else:
                left_out |= dict.fromkeys((due.item_id for due in part.dues), "covered")
        return kept

    def _too_much(self, customer, token, charge):
        """The name of the reason why it is too much for one charge to ``token``, or ``None``."""
        currency = self.env["res.currency"].browse(charge.dues[0].currency_id)
        if self._over_cap(customer, charge.in_company_currency()):
            return "cap"
        most = token.provider_id._paylink_limits(currency).most
        return "refused" if most and currency.compare_amounts(charge.total(), most) > 0 else None

    def _over_cap(self, customer, amount):
        """Whether ``amount``, in the company's currency, is more than the customer's limit per charge."""
        over = self.company_id.currency_id.compare_amounts(amount, customer.paylink_autopay_cap) > 0
        return customer.paylink_autopay_has_cap and over

    def _refusal(self, charge, token):
        """Likewise, where it is the method or its provider that can't take it."""
        currency = self.env["res.currency"].browse(charge.dues[0].currency_id)
        refused = token.provider_id._paylink_limits(currency).refuse(charge.total())
        return "refused" if refused or not token._paylink_autopay_usable(currency) else False
