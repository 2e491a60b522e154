"""Stage of ``paylink.figure``: what the page of figures shows."""

from collections import defaultdict
from datetime import timedelta

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Date
from odoo.tools import SQL

from ...const import AGES
from ...tools import days

# What each figure is computed from; who may not read that is not shown it.
SOURCES = {
    "funnel": "paylink.figure",
    "channel": "paylink.figure",
    "template": "paylink.figure",
    "kind": "paylink.figure",
    "seller": "paylink.figure",
    "step": "paylink.figure",
    "ageing": "paylink.open.item",
    "late": "paylink.open.item",
    "forecast": "paylink.open.item",
    "dso": "account.move",
}
# What payments are told apart by.
DIMENSIONS = {"channel": "channel", "template": "template_id", "kind": "kind", "seller": "user_id", "step": "step_id"}
STEPS = ("is_opened", "is_attempted", "is_paid")
PERIODS = ("month", "30", "90", "year")
DSO_DAYS = 90
# How much there is room for.
GROUPS, PAYERS, WEEKS = 12, 8, 8
INVOICES = [("move_type", "in", ("out_invoice", "out_refund", "out_receipt")), ("state", "=", "posted")]


class PaylinkFigureBoard(models.Model):
    """Each figure is read by itself, under the rules of who looks at it: as many links, items and invoices as the list
    that a click on it opens. Amounts are in the currency of the current company.
    """

    _inherit = "paylink.figure"

    @api.model
    @api.readonly
    def board(self):
        """What the page is about: which figures its reader may see, of whose payments, in which currency."""
        return {
            "figures": self._readable_figures(),
            "has_asked": self.has_access("read") and bool(self.search_count([], limit=1)),
            "sees_all": self.env.user.has_group("paylink_addon.group_paylink_all"),
            "companies": ", ".join(self.env.companies.sudo().mapped("name")),
            "currency_id": self.env.company.currency_id.id,
            "currency": self.env.company.currency_id.name,
        }

    @api.model
    @api.readonly
    def read_figure(self, figure, period):
        """One figure, with the domains of the lists behind it.

        :param str figure: a key of :data:`SOURCES`
        :param str period: one of :data:`PERIODS`: in which it was asked
        """
        if figure not in SOURCES or period not in PERIODS:
            raise UserError(self.env._("There is no such figure."))
        self._readable_figures()
        self.env[SOURCES[figure]].check_access("read")
        if field := DIMENSIONS.get(figure):
            return self._groups(field, self._since(period))
        return getattr(self, f"_figure_{figure}")(self._since(period))

    @api.model
    def _readable_figures(self):
        """The figures that the user may see: those of invoices alone, which portal users read too, are no reason to.

        :raises AccessError: they are for other people
        """
        figures = [figure for figure, model in SOURCES.items() if self.env[model].has_access("read")]
        if not set(figures) - {"dso"}:
            self.check_access("read")
        return figures

    @api.model
    def _since(self, period):
        """The moment at which a period begins for the company."""
        today = self.env.company._paylink_today()
        first = {"month": today.replace(day=1), "year": today.replace(month=1, day=1)}
        day = first.get(period) or today - timedelta(days=int(period) - 1)
        return days.beginning(day, self.env.company.paylink_tz)

    # === WHAT WAS ASKED === #

    def _figure_funnel(self, since):
        """How many were asked, opened, attempted and paid, of what was asked since then; how long it took."""
        (row,) = self._counts(since) or [(0, *[0] * 3, 0, 0, 0, None)]
        asked, *counts, settled, amount, paid, hours = row
        names = ("asked", "opened", "attempted", "paid")
        fields_ = (None, *STEPS)
        return {
            "count": asked,
            "steps": [
                {"key": name, "count": count, "rate": count / asked, "domain": self._links_domain(since, field)}
                for name, field, count in zip(names, fields_, (asked, *counts), strict=True)
                if asked
            ],
            "settled": settled,
            "settled_domain": self._links_domain(since, "is_settled"),
            "amount": amount,
            "amount_paid": paid,
            "hours": hours,
        }

    def _counts(self, since, field=None, domain=()):
        """What is counted of what was asked since then, as rows: for each value of a field, if one is given; the most
        frequent ones, and one more than there is room for.

        :param domain: which of it
        """
        query = self._search([("asked_at", ">=", since), *domain])
        if query.is_empty():
            return []
        rate = query.make_alias(query.table, "rate")
        same = SQL("%s = %s", SQL.identifier(rate, "currency_id"), SQL.identifier(query.table, "currency_id"))
        query.add_join("JOIN", rate, SQL("(%s)", self.env["res.currency"]._paylink_rates_sql()), same)
        column = {name: SQL.identifier(query.table, name) for name in self._fields}
        counted = [
            SQL("COUNT(*)"),
            *(SQL("COUNT(*) FILTER (WHERE %s)", column[name]) for name in (*STEPS, "is_settled")),
            *(
                SQL("COALESCE(SUM(%s * %s), 0)::float", column[name], SQL.identifier(rate, "rate"))
                for name in ("amount", "amount_kept")
            ),
            SQL(
                """PERCENTILE_CONT(0.5) WITHIN GROUP (
                       ORDER BY EXTRACT(EPOCH FROM %s - %s) / 3600) FILTER (WHERE %s)""",
                *(column[name] for name in ("paid_at", "asked_at", "is_paid")),
            ),
        ]
        if not field:
            return self.env.execute_query(query.select(*counted))
        query.groupby, query.order, query.limit = column[field], SQL("COUNT(*) DESC, %s", column[field]), GROUPS + 1
        return self.env.execute_query(query.select(column[field], *counted))

    def _links_domain(self, since, field=None, value=True):
        """The links that are counted."""
        return self._figures_domain(since, [(field, "=", value)] if field else [])

    @api.model
    def _figures_domain(self, since, domain):
        return [("figure_ids", "any", [("asked_at", ">=", since), *domain])]

    def _groups(self, field, since):
        """The same for each channel, template, kind, seller, or reminder, the most frequent ones first; of those for
        which there is no room, together.
        """
        found = self._counts(since, field)
        values = [value or False for value, *_counts in found[:GROUPS]]
        labels = self._labels(field, values)
        rows = [
            self._group_row(labels[value], counts, self._links_domain(since, field, value))
            for value, (_value, *counts) in zip(values, found, strict=False)
        ]
        if len(found) > GROUPS:
            others = [(field, "not in", values)]
            (counts,) = self._counts(since, domain=others)
            rows.append(self._group_row(self.env._("All others"), counts, self._figures_domain(since, others)))
        return {"count": sum(row["count"] for row in rows), "rows": rows}

    @api.model
    def _group_row(self, label, counts, domain):
        """:param counts: a row of :meth:`_counts`"""
        count, _opened, _attempted, paid, *_others, hours = counts
        return {"label": label, "count": count, "paid": paid, "rate": paid / count, "hours": hours, "domain": domain}

    def _labels(self, field, values):
        """What people call these values."""
        described = self._fields[field]
        if described.type == "selection":
            labels = dict(described._description_selection(self.env))
        else:
            records = self.env[described.comodel_name].sudo().browse(filter(None, values))
            labels = {record.id: record.display_name for record in records}
        nothing = {
            "template_id": self.env._("No e-mail by a template"),
            "user_id": self.env._("Nobody"),
            "step_id": self.env._("Without a reminder"),
        }
        return {value: labels.get(value) or nothing.get(field, "") for value in values}

    # === WHAT IS OPEN === #

    def _figure_ageing(self, _since):
        """What is open, by age; how much of it collection links ask for."""
        found = self.env["paylink.open.item"]._read_group([], ["age", "is_asked"], ["__count", "amount_company:sum"])
        rows = {age: {"key": age, "count": 0, "amount": 0.0, "asked": 0.0} for age, _label in AGES}
        for age, is_asked, count, amount in found:
            rows[age]["count"] += count
            rows[age]["amount"] += amount
            rows[age]["asked"] += amount if is_asked else 0
        labels = dict(self.env["paylink.open.item"]._fields["age"]._description_selection(self.env))
        return {
            "count": sum(row["count"] for row in rows.values()),
            "amount": sum(row["amount"] for row in rows.values()),
            "rows": [row | {"label": labels[age], "domain": [("age", "=", age)]} for age, row in rows.items()],
        }

    def _figure_late(self, _since):
        """Who owes most that is overdue; how late they usually pay is asked of them alone."""
        items = self.env["paylink.open.item"]
        found = items._read_group(
            [("days_late", ">", 0), ("expected", ">", 0)],
            ["partner_id"],
            ["expected_company:sum", "days_late:max", "__count"],
            order="expected_company:sum DESC, partner_id",
            limit=PAYERS,
        )
        payers = tuple(partner.id for partner, *_rest in found if partner)
        of_payers = items.with_context(paylink_customer_ids=payers)
        usual = dict(of_payers._read_group([("partner_id", "in", payers)], ["partner_id"], ["usual_delay:max"]))
        return {
            "count": len(found),
            "rows": [
                {
                    "label": partner.display_name or self.env._("No customer"),
                    "amount": amount,
                    "days": late,
                    "usual": usual.get(partner, False),
                    "count": count,
                    "domain": [("partner_id", "=", partner.id), ("days_late", ">", 0), ("expected", ">", 0)],
                }
                for partner, amount, late, count in found
            ],
        }

    def _figure_forecast(self, _since):
        """What is likely to come in each week; apart from what should have come by now, and what is disputed."""
        found = self.env["paylink.open.item"]._read_group(
            [("expected", ">", 0)], ["is_later", "likely_on:week"], ["expected_company:sum", "__count"]
        )
        late, disputed = [row for row in found if row[0]], [row for row in found if not row[1]]
        first = min((week for is_later, week, *_rest in found if week and not is_later), default=None)
        weeks = defaultdict(list)
        for row in found:
            if row[1] and not row[0]:
                weeks[min(row[1], first + timedelta(weeks=WEEKS))].append(row)
        rows = [
            *([self._forecast_row(late, [("is_later", "=", True)], is_later=True)] if late else []),
            *(self._week_row(week, weeks[week], week - first == timedelta(weeks=WEEKS)) for week in sorted(weeks)),
            *([self._forecast_row(disputed, [("likely_on", "=", False)], is_disputed=True)] if disputed else []),
        ]
        return {"count": sum(row["count"] for row in rows), "rows": rows}

    def _week_row(self, week, found, is_last):
        """:param bool is_last: whether it stands for all that is to come after the other weeks"""
        domain = [("is_later", "=", False), ("likely_on", ">=", Date.to_string(week))]
        if not is_last:
            domain.append(("likely_on", "<", Date.to_string(week + timedelta(weeks=1))))
        return self._forecast_row(found, domain, week=Date.to_string(week), is_last=is_last)

    @api.model
    def _forecast_row(self, found, domain, **values):
        """:param found: what was read of what the bar shows"""
        return {
            "week": False,
            "is_last": False,
            "is_later": False,
            "is_disputed": False,
            "amount": sum(amount for *_group, amount, _count in found),
            "count": sum(count for *_group, count in found),
            "domain": [("expected", ">", 0), *domain],
            **values,
        }

    def _figure_dso(self, _since):
        """For how many days of what was invoiced customers owe: what is open, divided by what was invoiced in the last
        days, times these; of the invoices that the reader may see.
        """
        company = self.env.company
        today = company._paylink_today()
        recent = [("invoice_date", ">", today - timedelta(days=DSO_DAYS)), ("invoice_date", "<=", today)]
        due = [("amount_residual", "!=", 0)]
        invoiced = self._invoiced(recent, "amount_total_signed")
        owed = self._invoiced(due, "amount_residual_signed")
        return {
            "days": owed / invoiced * DSO_DAYS if invoiced > 0 else False,
            "owed": owed,
            "invoiced": invoiced,
            "domain": [*INVOICES, *due],
        }

    def _invoiced(self, domain, field):
        """A sum of invoices, in the currency of the current company."""
        company = self.env.company
        today = company._paylink_today()
        domain = [*INVOICES, *domain, ("company_id", "in", self.env.companies.ids)]
        found = self.env["account.move"]._read_group(domain, ["company_id"], [f"{field}:sum"])
        return sum(
            own.sudo().currency_id._convert(amount, company.currency_id, company, today) for own, amount in found
        )
