import functools
from collections import defaultdict
from datetime import datetime

from odoo import api, fields, models
from odoo.tools import SQL

from ...const import STAFF
from ...tools import days
from ...tools.spreadsheet import Column, Money, Table, currency_formats

BATCH = 2000
# So many links at a time have something computed.
COMPUTED_BATCH = 250


class Sums(defaultdict):
    """What each column of amounts comes to, by the name of the currency and the place of the column."""

    def __init__(self):
        super().__init__(lambda: defaultdict(float))

    def add(self, rows):
        """Add the amounts of rows, which it returns."""
        for row in rows:
            for index, value in enumerate(row):
                if isinstance(value, Money):
                    self[value.currency][index] += value.amount
        return rows


class PaylinkLink(models.Model):
    _inherit = "paylink.link"

    figure_ids = fields.One2many("paylink.figure", "link_id", string="Figures", readonly=True, copy=False, groups=STAFF)

    # === EXCEL === #
    # Read by SQL as it is written, over one cursor of the database: neither the rows nor the file are ever in memory.

    def _excel_table(self, domain, columns):
        """The links of ``domain`` that the user may see, for an Excel file.

        It holds as long as the transaction in which it is made.

        :param domain: as a list of links is filtered
        :param columns: ``paylink.export.column`` records, at least one
        :rtype: Table
        """
        columns, sums = columns.with_env(self.env), Sums()
        self._excel_flush()
        groups = self._read_group(domain, ["currency_id"], ["__count"])
        currencies = self.env["res.currency"].browse(currency.id for currency, _count in groups)
        rows = (sums.add(rows) for _ids, rows in self._excel_batches(domain, columns))
        count, months = sum(count for _currency, count in groups), functools.partial(self._months, domain)
        return self._excel_frame(columns, rows, sums, currencies, count, months)

    def _excel_frame(self, columns, rows, sums, currencies, count, months):
        """What is written around the rows, and the rows.

        :param months: a function that returns the rows of the second sheet, once those of the first are read: however
            long that takes, the file has begun
        """
        return Table(
            title=self.env._("Collection Links"),
            columns=self._excel_columns(columns),
            rows=rows,
            count=count,
            totals=self._excel_totals(sums, columns),
            currencies=currency_formats(currencies),
            begin=functools.partial(self._add_months, list),
            finish=functools.partial(self._add_months, months),
        )

    @api.model
    def _excel_columns(self, columns):
        return [Column(column.name, column._kind(), column.width) for column in columns]

    def _excel_flush(self):
        self.flush_model()
        self.env["payment.transaction"].flush_model()

    def _excel_batches(self, domain, columns, limit=None):
        """Yield the rows, some at a time, with the ids of their links; of ``limit`` links, the newest."""
        query = self._search(domain, order="id desc", limit=limit)
        timezone = days.in_database(self.env.cr, self._excel_timezone())
        selected = [column._sql(query, timezone) for column in columns]
        currency, link_id = self._excel_currency(query), SQL.identifier(query.table, "id")
        rows = query.select(link_id, currency, *selected)
        self.env.cr.execute(SQL("DECLARE paylink_export NO SCROLL CURSOR FOR %s", rows))
        show = [_shown(column._kind(), column._labels()) for column in columns]
        while True:
            self.env.cr.execute(SQL("FETCH %s FROM paylink_export", BATCH))
            batch = self.env.cr.fetchall()
            if not batch:
                break
            ids = [row[0] for row in batch]
            self._excel_fill(batch, ids, columns)
            yield (
                ids,
                [
                    [write(value, currency) for write, value in zip(show, values, strict=True)]
                    for _link_id, currency, *values in batch
                ],
            )
        self.env.cr.execute("CLOSE paylink_export")

    def _excel_fill(self, batch, ids, columns):
        """Fill in what no query tells, for some links at a time: nothing of it stays in memory."""
        computed = [(place, column) for place, column in enumerate(columns, 2) if column._is_computed()]
        if not computed:
            return
        for start in range(0, len(ids), COMPUTED_BATCH):
            links = self.browse(ids[start : start + COMPUTED_BATCH])
            for place, column in computed:
                values = column._computed(links)
                for number in range(start, start + len(links)):
                    row = batch[number]
                    batch[number] = (*row[:place], values[row[0]], *row[place + 1 :])
            self.env.invalidate_all()

    def _excel_timezone(self):
        """The reader's."""
        return days.known(self.env.user.tz, self.env.company.paylink_tz)

    @staticmethod
    def _excel_currency(query):
        alias = query.make_alias(query.table, "currency")
        condition = SQL("%s = %s", SQL.identifier(alias, "id"), SQL.identifier(query.table, "currency_id"))
        query.add_join("JOIN", alias, "res_currency", condition)
        return SQL.identifier(alias, "name")

    def _excel_totals(self, sums, columns):
        """Yield a row for each currency, once all rows are read."""
        label = next((index for index, column in enumerate(columns) if column._kind() == "text"), None)
        for name in sorted(sums):
            row = [
                Money(self._excel_rounded(sums[name][index], name), name) if column._is_added_up() else None
                for index, column in enumerate(columns)
            ]
            if label is not None:
                row[label] = self.env._("Total %(currency)s", currency=name)
            yield row

    def _excel_rounded(self, amount, name):
        currency = self.env["res.currency"].with_context(active_test=False).search([("name", "=", name)], limit=1)
        return currency.round(amount)

    def _add_months(self, months, workbook):
        """A second sheet: what was asked, each amount once, and received, by month, status and currency."""
        sheet = workbook.add_worksheet(self.env._("By status and month"))
        bold = workbook.add_format({"bold": True, "bottom": 1})
        month_format = workbook.add_format({"num_format": "mmm yyyy", "align": "left"})
        titles = (
            self.env._("Month"),
            self.env._("Status"),
            self.env._("Currency"),
            self.env._("Links"),
            self.env._("Asked"),
            self.env._("Received"),
        )
        rows = months()
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(rows), len(titles) - 1)
        sheet.set_column(0, len(titles) - 1, 18)
        sheet.write_row(0, 0, titles, bold)
        patterns = currency_formats(
            self.env["res.currency"].union(*(currency for _month, _status, currency, *_rest in rows))
        )
        formats = {name: workbook.add_format({"num_format": pattern}) for name, pattern in patterns.items()}
        for index, (month, status, currency, count, *amounts) in enumerate(rows, 1):
            sheet.write_datetime(index, 0, month, month_format)
            sheet.write_string(index, 1, status)
            sheet.write_string(index, 2, currency.name)
            sheet.write_number(index, 3, count)
            for column, amount in enumerate(amounts, 4):
                sheet.write_number(index, column, amount, formats[currency.name])

    def _months(self, domain):
        """``(month, status, currency, count, asked, received)``, as the second sheet shows them."""
        return self._shown_months(self._months_of(domain))

    def _months_of(self, domain):
        """Links are of the month in which they were made, money is of that in which it moved, as in *Receipts*.

        :return: ``{(month, status, id of the currency): [count, asked, received]}``, which can be stored and added up
        """
        links = self.with_context(tz=self._excel_timezone())
        rows = defaultdict(lambda: [0, 0.0, 0.0])
        groups = ["create_date:month", "status", "currency_id"]
        made = links._read_group(domain, groups, ["__count", "amount_asked:sum"])
        for month, status, currency, count, asked in made:
            rows[fields.Date.to_date(month).isoformat(), status, currency.id][:2] = count, asked
        # What has come for links is whose they are: the links that are asked for are those that the user may see.
        receipts = self.env["paylink.receipt"].sudo()
        of_links = [("link_id", "in", self._search(domain))]
        came = receipts._read_group(of_links, ["date:month", "link_id.status", "currency_id"], ["amount:sum"])
        for month, status, currency, received in came:
            rows[month.isoformat(), status, currency.id][2] = received
        return rows

    def _shown_months(self, rows):
        labels = dict(self._fields["status"]._description_selection(self.env))
        Currency = self.env["res.currency"]
        shown = [
            (datetime.fromisoformat(month), status or "", Currency.browse(currency_id), amounts)
            for (month, status, currency_id), amounts in rows.items()
        ]
        return [
            (month, labels.get(status, ""), currency, *amounts)
            for month, status, currency, amounts in sorted(shown, key=lambda row: (*row[:2], row[2].name))
        ]


def _shown(kind, labels):
    """What makes a cell of a value and the currency of its row."""
    if kind == "money":
        return lambda value, currency: None if value is None else Money(value, currency)
    if labels:
        return lambda value, currency: labels.get(value, value)
    return lambda value, currency: value
