import io
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from openpyxl import load_workbook

from ...tools import spreadsheet
from ..common import PaylinkCommon

GROUPS = "paylink_addon.group_paylink_user"


@tagged("post_install", "-at_install")
class TestStatementFiles(PaylinkCommon, HttpCase):
    """What is open, as a PDF and as an Excel file: on the customer's page, and from its card."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("seller", GROUPS)
        cls.statement = cls.env["paylink.statement"]._for_customers(cls.marie)
        cls.statement._activate()
        cls.foreign = cls.setup_other_currency("JPY", rounding=1.0)
        cls.moves = cls._invoice(
            amount=1234.56, invoice_date="2026-01-05", invoice_date_due="2026-01-05"
        ) + cls._invoice(amount=0.1)
        cls.moves += cls._invoice(amount=34.5, move_type="out_refund")
        cls.moves += cls._invoice(amount=5000, currency_id=cls.foreign.id, invoice_date_due="2099-01-01")
        cls.others = cls._invoice(cls.john, amount=77.77)

    def _get(self, path):
        return self.url_open(f"/account/{self.statement.access_token}{path}")

    def _rows(self, answer):
        self.assertEqual(answer.status_code, 200)
        sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        empty = next(number for number, row in enumerate(rows) if not any(row))
        return sheet, rows[1:empty], rows[empty + 1 :]

    def _assert_agrees(self, answer):
        """The file says what the database says, to the cent, in cells that Excel can reckon with."""
        sheet, rows, totals = self._rows(answer)
        items = self._items(self.moves)
        found = {(row[4], row[1].date()) for row in rows}
        self.assertEqual(found, {(item.amount_residual_currency, item.date) for item in items})
        for row in rows:
            self.assertTrue(any(move.name in row[0] for move in self.moves), row[0])
        expected = {
            round(sum(group.mapped("amount_residual_currency")), 2) for group in items.grouped("currency_id").values()
        }
        self.assertEqual({row[4] for row in totals}, expected)
        self.assertEqual(sheet.freeze_panes, "A2")
        formats = {sheet.cell(row, 5).number_format for row in range(2, len(rows) + 2)}
        self.assertEqual(formats, {"[$¥]#,##0", "[$$]#,##0.00"})
        return rows

    def test_page(self):
        self._attempt(self._link(self.moves[1]))._set_pending()
        rows = self._assert_agrees(self._get("/excel"))
        status = {row[4]: row[3] for row in rows}
        self.assertEqual(status[0.1], "Paiement en cours")
        self.assertEqual([bool(status[amount]) for amount in (1234.56, -34.5, 5000)], [True, True, False], status)
        pdf = self._get("/statement")
        for text in ("234,56", "Paiement en cours", *self.moves.mapped("name")):
            self.assertIn(text, pdf.text)
        for answer in (pdf, self._get("/excel")):
            self.assertNotIn(self.others.name.encode(), answer.content)
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
            self.assertIn("noindex", answer.headers["X-Robots-Tag"])

    def test_made_once_until_something_changes(self):
        made, stream = [], spreadsheet.stream
        with patch.object(spreadsheet, "stream", lambda table: made.append(table) or stream(table)):
            for query in ("", "?lang=en_US", "?lang=fr_FR", "?x=1"):
                self.assertEqual(self._get(f"/excel{query}").status_code, 200)
            self.assertEqual(len(made), 1)
            self._invoice(amount=3)
            self.assertEqual(len(self._rows(self._get("/excel"))[1]), 5)
        self.assertEqual(len(made), 2)

    def test_workers_are_left_to_who_pays(self):
        with self._busy():
            for path in ("/excel", "/statement"):
                answer = self._get(path)
                self.assertEqual((answer.status_code, answer.headers["Refresh"]), (202, "2"))

    def test_revoked_page_gives_nothing(self):
        self.statement.action_revoke()
        for path in ("/excel", "/statement"):
            self.assertEqual(self._get(path).status_code, 404)

    def test_from_the_card(self):
        url = self.marie.with_user(self.seller).action_paylink_excel_statement()["url"]
        self.authenticate("seller", "seller")
        self._assert_agrees(self.url_open(url))
        report = self.marie.with_user(self.seller).action_paylink_print_statements()
        self.assertEqual(report["report_name"], "paylink_addon.statement")
        Report = self.env["ir.actions.report"].with_user(self.seller)
        page = Report._render_qweb_html(report["report_name"], self.statement.ids)[0].decode()
        for text in ("234,56", *self.moves.mapped("name")):
            self.assertIn(text, page)
        self.env["ir.rule"].create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {self.marie.id})]",
            }
        )
        self.env.flush_all()
        with self.assertRaises(AccessError):
            Report._render_qweb_html(report["report_name"], self.statement.ids)
        self.assertGreaterEqual(self.url_open(url).status_code, 400)
