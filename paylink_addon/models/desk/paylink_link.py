import functools
from collections import Counter, defaultdict
from datetime import datetime, time

from odoo import models
from odoo.tools import SQL

from ...tools import days
from ...tools.spreadsheet import Column, Money, Table

BATCH = 2000


class PaylinkLink(models.Model):
    _inherit = "paylink.link"

    # === EXCEL === #
    # Read by SQL as it is written, over one cursor of the database: neither the rows nor the file are ever in memory.

    def _excel_table(self, domain, columns):
        """The links of ``domain`` that the user may see, for an Excel file.

        It holds as long as the transaction in which it is made.

        :param domain: as a list of links is filtered
        :param columns: ``paylink.export.column`` records, at least one
        :rtype: Table
        """
        columns = columns.with_env(self.env)
        self.flush_model()
        self.env["payment.transaction"].flush_model()
        totals = self._excel_totals(domain, columns)
        return Table(
            title=self.env._("Collection Links"),
            columns=[Column(column.name, column._kind(), column.width) for column in columns],
            rows=self._excel_rows(domain, columns),
            count=sum(total["count"] for total in totals),
            totals=[self._excel_total(total, columns) for total in totals],
            currencies=_patterns(self.env["res.currency"].browse(total["currency_id"] for total in totals)),
            finish=functools.partial(self._add_months, domain),
        )

    def _excel_rows(self, domain, columns):
        """Yield the rows, some at a time."""
        query = self._search(domain, order="id desc")
        timezone = days.in_database(self.env.cr, self._excel_timezone())
        selected = [column._sql(query, timezone) for column in columns]
        currency = self._excel_currency(query)
        self.env.cr.execute(SQL("DECLARE paylink_export NO SCROLL CURSOR FOR %s", query.select(currency, *selected)))
        show = [_shown(column._kind(), column._labels()) for column in columns]
        while True:
            self.env.cr.execute(SQL("FETCH %s FROM paylink_export", BATCH))
            batch = self.env.cr.fetchall()
            if not batch:
                break
            yield [
                [write(value, currency) for write, value in zip(show, values, strict=True)]
                for currency, *values in batch
            ]
        self.env.cr.execute("CLOSE paylink_export")

    def _excel_timezone(self):
        """The reader's."""
        return days.known(self.env.user.tz, self.env.company.paylink_tz)

    @staticmethod
    def _excel_currency(query):
        alias = query.make_alias(query.table, "currency")
        condition = SQL("%s = %s", SQL.identifier(alias, "id"), SQL.identifier(query.table, "currency_id"))
        query.add_join("JOIN", alias, "res_currency", condition)
        return SQL.identifier(alias, "name")

    def _excel_totals(self, domain, columns):
        """How many links there are, and the sum of each column of amounts, for each currency."""
        names = [column.code for column in columns if column._kind() == "money"]
        groups = self._read_group(domain, ["currency_id"], ["__count", *(f"{name}:sum" for name in names)])
        return [
            {
                "currency_id": currency.id,
                "currency": currency.name,
                "count": count,
                **dict(zip(names, sums, strict=True)),
            }
            for currency, count, *sums in groups
        ]

    def _excel_total(self, total, columns):
        row = [Money(total[column.code], total["currency"]) if column.code in total else None for column in columns]
        label = next((index for index, column in enumerate(columns) if column._kind() == "text"), None)
        if label is not None:
            row[label] = self.env._("Total %(currency)s", currency=total["currency"])
        return row

    def _add_months(self, domain, workbook):
        """A second sheet: what was asked and received, by month, status and currency."""
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
        rows = self._months(domain)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(rows), len(titles) - 1)
        sheet.set_column(0, len(titles) - 1, 18)
        sheet.write_row(0, 0, titles, bold)
        patterns = _patterns(self.env["res.currency"].union(*(currency for _month, _status, currency, *_rest in rows)))
        formats = {name: workbook.add_format({"num_format": pattern}) for name, pattern in patterns.items()}
        for index, (month, status, currency, count, *amounts) in enumerate(rows, 1):
            sheet.write_datetime(index, 0, month, month_format)
            sheet.write_string(index, 1, status)
            sheet.write_string(index, 2, currency.name)
            sheet.write_number(index, 3, count)
            for column, amount in enumerate(amounts, 4):
                sheet.write_number(index, column, amount, formats[currency.name])

    def _months(self, domain):
        """``(month, status, currency, count, asked, received)``: links are of the month in which they were made, money
        is of that in which it moved, as in *Receipts*.
        """
        links = self.with_context(tz=self._excel_timezone())
        rows = defaultdict(lambda: [0, 0.0, 0.0])
        made = links._read_group(domain, ["create_date:month", "status", "currency_id"], ["__count", "amount:sum"])
        for month, status, currency, count, asked in made:
            rows[month.replace(tzinfo=None), status, currency][:2] = count, asked
        # What has come for links is whose they are: the links that are asked for are those that the user may see.
        receipts = self.env["paylink.receipt"].sudo()
        of_links = [("link_id", "in", self._search(domain))]
        came = receipts._read_group(of_links, ["date:month", "link_id.status", "currency_id"], ["amount:sum"])
        for month, status, currency, received in came:
            rows[datetime.combine(month, time()), status, currency.sudo(False)][2] = received
        labels = dict(self._fields["status"]._description_selection(self.env))
        return [
            (month, labels.get(status, ""), currency, *rows[month, status, currency])
            for month, status, currency in sorted(rows, key=lambda key: (key[0], key[1] or "", key[2].name))
        ]


def _patterns(currencies):
    """How Excel writes amounts of these currencies, by name; where one symbol stands for several, with their codes."""
    symbols = Counter(currency.symbol for currency in currencies)
    return {
        currency.name: _pattern(currency, currency.symbol if symbols[currency.symbol] == 1 else currency.name)
        for currency in currencies
    }


def _pattern(currency, symbol):
    """A currency has any symbol; some signs would end it in a pattern, or begin a language."""
    symbol = (symbol or "").replace('"', "") or currency.name
    symbol = f'"{symbol}"' if set(symbol) & set("[]-") else f"[${symbol}]"
    digits = "#,##0" + ("." + "0" * currency.decimal_places if currency.decimal_places else "")
    return f"{symbol}{digits}" if currency.position == "before" else f"{digits} {symbol}"


def _shown(kind, labels):
    """What makes a cell of a value and the currency of its row."""
    if kind == "money":
        return lambda value, currency: None if value is None else Money(value, currency)
    if labels:
        return lambda value, currency: labels.get(value, value)
    return lambda value, currency: value
