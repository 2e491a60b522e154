"""Stage of ``paylink.statement``: what is open as a PDF and as an Excel file, for the customer and from its card."""

import hashlib

from odoo import fields, models
from odoo.tools import format_date

from ...tools import spreadsheet
from ...tools.spreadsheet import Column, Money, Table
from ..messaging.paylink_pdf_mixin import EXCEL, SHEET_FORBIDDEN


class PaylinkStatementFiles(models.Model):
    """Both say what the page says, in the customer's language. On the page each is made once, then kept.

    Who prints it in Odoo gets what they may see of the customer's items; the customer gets all.
    """

    _name = "paylink.statement"
    _inherit = ["paylink.statement", "paylink.pdf.mixin"]

    # Made by us alone, and what the customer gets: nobody else reads or changes them.
    statement_pdf = fields.Binary(attachment=True, copy=False, readonly=True, groups="base.group_system")
    statement_excel = fields.Binary(attachment=True, copy=False, readonly=True, groups="base.group_system")

    # === FROM THE CUSTOMER'S CARD === #

    def action_print(self):
        """The statements as a PDF."""
        self._check_rights()
        return self.env.ref("paylink_addon.report_statement").report_action(self)

    def action_excel(self):
        """The statement as an Excel file."""
        self.ensure_one()
        self._check_rights()
        url = f"/paylink/statement/{self.id}/excel"
        return {"type": "ir.actions.act_url", "url": url, "target": "self"}

    def _printed(self):
        """What the PDFs of these say, each in the language of its customer, for who may read the customer."""
        self._check_rights()
        return [statement._in_customers_language()._file_values() for statement in self]

    def _in_customers_language(self):
        lang = self.partner_id._paylink_lang(self.lang)
        return self.with_context(lang=lang, tz=self.sudo()._timezone())

    # === ON THE PAGE === #

    def _page_pdf(self):
        """The PDF: see :meth:`_keep_pdf`."""
        own = self._in_customers_language()
        values = own._file_values()
        name = own._file_name(values)
        make = self.env["paylink.link"]._render_report
        return own._keep_pdf(
            "statement_pdf",
            own._file_version(values),
            lambda: make("paylink_addon.report_statement", own, name),
        )

    def _page_excel(self):
        """The Excel file, likewise."""
        own = self._in_customers_language()
        values = own._file_values()
        return own._keep_pdf("statement_excel", own._file_version(values), lambda: own._excel(values))

    def _file_version(self, values):
        """What changes whenever the files do: what they say, and whose letter it is written on."""
        company = self.company_id
        letter = company.write_date, company.partner_id.write_date
        said = sorted((name, value) for name, value in values.items() if name != "statement")
        return hashlib.sha256(repr((said, letter)).encode()).hexdigest()

    # === WHAT THEY SAY === #

    def _file_values(self):
        """What is open, in the language of the context: the sections of the page, without what is only for clicking."""
        self.ensure_one()
        names = ("name", "date", "due", "day", "due_day", "amount", "value")
        return {
            "statement": self,
            "lang": self.env.lang,
            "customer": self.partner_id.name,
            "date": format_date(self.env, self._today()),
            "sections": [
                {
                    "currency": section["currency"].name,
                    "total": section["total"],
                    "now": section["now"],
                    "sum": section["sum"],
                    "rows": [
                        {name: row[name] for name in names} | {"status": self._row_status(row)}
                        for row in section["rows"]
                    ],
                }
                for section in self._page_sections()
            ],
        }

    def _file_name(self, values):
        return self.env._("Statement of %(customer)s, %(date)s", customer=values["customer"], date=self._today())

    def _excel(self, values):
        """The file: ``{filename, content_type, content}``."""
        name = SHEET_FORBIDDEN.sub("-", self._file_name(values))
        content = b"".join(spreadsheet.stream(self._excel_table(values)))
        return {"filename": f"{name}.xlsx", "content_type": EXCEL, "content": content}

    def _excel_table(self, values):
        """The open items, with a total for each currency."""
        currencies = self.env["res.currency"].search([("name", "in", [own["currency"] for own in values["sections"]])])
        rows = [self._excel_row(row, section["currency"]) for section in values["sections"] for row in section["rows"]]
        return Table(
            title=self.env._("Statement"),
            columns=[
                Column(self.env._("Document"), width=34),
                Column(self.env._("Date"), "date", 12),
                Column(self.env._("Due on"), "date", 12),
                Column(self.env._("Status"), width=26),
                Column(self.env._("Amount"), "money", 16),
            ],
            rows=[rows],
            count=len(rows),
            totals=[
                [
                    self.env._("Total on %(date)s", date=values["date"]),
                    None,
                    None,
                    None,
                    Money(section["sum"], section["currency"]),
                ]
                for section in values["sections"]
            ],
            currencies=spreadsheet.currency_formats(currencies),
            is_turned=self.env["res.lang"]._paylink_direction(self.env.lang) == "rtl",
        )

    def _excel_row(self, row, currency):
        return [
            row["name"],
            row["day"],
            row["due_day"] if row["due"] else None,
            row["status"],
            Money(row["value"], currency),
        ]

    def _row_status(self, row):
        """What is to know of an open item, as the page says it."""
        labels = {
            "busy": self.env._("Payment in progress"),
            "agreed": row["agreed"],
            "overdue": self.env._("Overdue"),
            "credit": self.env._("Credit"),
        }
        found = next((label for name, label in labels.items() if row[name]), "")
        return ", ".join(filter(None, (found, row["coming"])))
