import io
import zipfile
from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger
from openpyxl import load_workbook

from ...tools import spreadsheet
from ...wizards.desk import paylink_export
from ..browser_common import ToursCommon
from ..common import PaylinkCommon


class ExportCommon(PaylinkCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not getattr(cls, "seller", None):
            cls.seller = cls._user("seller", "paylink_addon.group_paylink_user,base.group_allow_export", lang="fr_FR")
        cls.boss = cls._user("boss", "paylink_addon.group_paylink_all,base.group_allow_export", tz="America/Toronto")

    def _free(self, amount, user=None, **values):
        """A link of its own amount, of ``user``."""
        values = {"partner_id": self.marie.id, "amount": amount, "user_id": (user or self.seller).id, **values}
        return self.env["paylink.link"].create(values)

    def _dialog(self, user=None, domain=None, **values):
        export = self.env["paylink.export"].with_user(user or self.boss)
        return export.with_context(lang=export.env.user.lang, paylink_export_domain=domain or []).create(values)

    def _columns(self, *codes):
        found = self.env["paylink.export.column"].search([("code", "in", codes)])
        return {"column_ids": [Command.set(found.ids)]}

    def _file(self, dialog):
        """The file of a dialog, opened, without the server."""
        return load_workbook(io.BytesIO(b"".join(spreadsheet.stream(dialog._as_table()))))

    def _rows(self, dialog):
        return [[cell.value for cell in row] for row in self._file(dialog).worksheets[0].iter_rows()]


@tagged("post_install", "-at_install")
class TestExport(ExportCommon):
    """The Excel file of a list of links."""

    def test_file_agrees_with_the_database(self):
        ours, foreign = self.company.currency_id, self.setup_other_currency("JPY", rounding=1.0)
        invoice = self._invoice(amount=1234.56)
        paid = self._link(invoice, user_id=self.seller.id)
        self._pay(paid)
        links = paid + self._free(0.3) + self._free(5000, currency_id=foreign.id, partner_id=self.john.id)
        links[1]._issue()
        self._attempt(links[1])._set_error("No")
        self.env.flush_all()
        self.cr.execute("UPDATE paylink_link SET create_date = '2026-02-01 03:30' WHERE id = %s", [links[2].id])
        codes = (
            *("name", "partner_id", "documents", "kind", "status"),
            *("amount_asked", "amount_kept", "create_date", "method"),
        )
        book = self._file(self._dialog(domain=[["id", "in", links.ids]], **self._columns(*codes)))
        sheet = book.worksheets[0]
        titles, last, middle, first, _empty, *totals = ([cell.value for cell in row] for row in sheet.iter_rows())
        self.assertEqual(
            titles, ["Number", "Customer", "For", "Kind", "Status", "Asked", "Received", "Payment Method", "Made on"]
        )
        method = paid.transaction_ids.payment_method_id.name
        self.assertEqual(
            first[:8], [paid.name, "Marie Dubois", invoice.name, "Open items", "Paid", 1234.56, 1234.56, method]
        )
        self.assertEqual(middle[5:8], [0.3, 0, method], "of the last attempt, as the list has it")
        self.assertEqual(last[5], 5000)
        self.assertEqual(
            last[8], datetime.fromisoformat("2026-01-31 22:30"), "as the reader's clock in Toronto shows it"
        )
        sums = {row[0]: row[5:7] for row in totals}
        self.assertEqual(sums, {"Total JPY": [5000, 0], f"Total {ours.name}": [1234.86, 1234.56]})
        self.assertEqual(sheet.freeze_panes, "A2")
        self.assertEqual(sheet.auto_filter.ref, "A1:I4")
        formats = [sheet.cell(row, 6).number_format for row in (2, 3)]
        self.assertEqual(formats, ["[$¥]#,##0", "[$$]#,##0.00"])
        self.assertEqual([sheet.cell(2, 9).is_date, sheet.cell(2, 6).data_type], [True, "n"])
        months = [[cell.value for cell in row] for row in book.worksheets[1].iter_rows(min_row=2)]
        self.assertIn([datetime.fromisoformat("2026-01-01"), "Draft", "JPY", 1, 5000, 0], months)
        self.assertEqual(sum(row[3] for row in months), 3)
        self.assertAlmostEqual(sum(row[4] for row in months if row[2] == ours.name), 1234.86)

    def test_who_consolidated_when_and_what_is_due_since_when(self):
        """As the database and the list have it: of what was said by hand, of what was taken back, of what is open."""
        manager = self._user("camus", "paylink_addon.group_payment_manager", name="Albert Camus")
        said, undone, other = (self._free(amount) for amount in (10, 20, 30))
        (said + undone + other)._issue()
        for link in (said, undone, other):
            self._pay(link)
        with freeze_time("2026-03-02 03:30:00"):
            (said + undone).with_user(manager).action_consolidate()
        undone.with_user(manager)._bulk_undo(self.env["paylink.bulk"].new({"reason": "By mistake"}))
        dates = ("2026-01-10", "2026-02-20", "2026-03-31")
        moves = [self._invoice(invoice_date="2026-01-01", invoice_date_due=due) for due in dates]
        due = self._link(self.env["account.move"].concat(*moves), user_id=self.seller.id)
        self._register_payment(moves[0])
        links = said + undone + other + due
        self.env.flush_all()
        self.env.invalidate_all()
        codes = ("name", "due_on", "consolidated", "consolidated_by_id", "consolidated_at")
        dialog = self._dialog(domain=[["id", "in", links.ids]], **self._columns(*codes))
        rows = {row[0]: row[1:] for row in self._rows(dialog)[1 : len(links) + 1]}
        moment, day = datetime.fromisoformat("2026-03-01 22:30"), datetime.fromisoformat("2026-02-20")
        nothing = [None, "No", None, None]
        self.assertEqual(rows[said.name], [None, "Yes", "Albert Camus", moment], "as Toronto's clock shows it")
        self.assertEqual((rows[undone.name], rows[other.name]), (nothing, nothing))
        self.assertEqual(rows[due.name], [day, *nothing[1:]], "the oldest that is still open")
        self.cr.execute(
            """SELECT link.name, min(item.date_maturity) FILTER (WHERE NOT item.reconciled), link.consolidated,
                      partner.name, link.consolidated_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/Toronto'
                 FROM paylink_link link LEFT JOIN paylink_link_line line ON line.link_id = link.id
            LEFT JOIN account_move_line item ON item.id = line.move_line_id
            LEFT JOIN res_users consolidator ON consolidator.id = link.consolidated_by_id
            LEFT JOIN res_partner partner ON partner.id = consolidator.partner_id
                WHERE link.id IN %s GROUP BY link.id, partner.id""",
            [tuple(links.ids)],
        )
        for name, oldest, *stored in self.cr.fetchall():
            since = oldest and datetime.combine(oldest, datetime.min.time())
            self.assertEqual([rows[name][0], rows[name][1] == "Yes", *rows[name][2:]], [since, *stored])
        shown = {"name": {}, "due_on": {}, "consolidated_display": {}}
        listed = links.with_user(self.boss).with_context(tz="America/Toronto").web_read(shown)
        listed = {one["name"]: (one["due_on"], one["consolidated_display"]) for one in listed}
        self.assertEqual(listed[due.name], (day.date(), ""))
        self.assertIn("By Albert Camus on 3/1/26", listed[said.name][1])
        self.assertEqual((listed[undone.name], listed[other.name]), ((False, ""),) * 2)

    def test_what_it_is_for(self):
        """As the list names it: each installment, and what is changed just now."""
        term = self.env["account.payment.term"].create(
            {"name": "Two", "line_ids": [Command.create({"value_amount": 50, "nb_days": days}) for days in (0, 30)]}
        )
        link = self._link(invoice := self._invoice(amount=100, invoice_payment_term_id=term.id))
        for act in (lambda: None, invoice.button_draft):
            act()
            [_titles, [said], *_totals] = self._rows(
                self._dialog(domain=[["id", "in", link.ids]], **self._columns("documents"))
            )
            self.assertEqual(said, f"{invoice.name}-1, {invoice.name}-2")

    def test_rows_come_before_the_second_sheet_is_read(self):
        """It adds up all links: whoever waits for the file sees that it comes."""
        asked = []
        self.patch(type(self.env["paylink.link"]), "_months", lambda *_arguments: asked.append(True) or [])
        parts = spreadsheet.stream(self._dialog(domain=[["id", "=", self._free(1).id]])._as_table())
        begin = next(parts) + next(parts)
        self.assertFalse(asked)
        with zipfile.ZipFile(io.BytesIO(begin + b"".join(parts))) as file:
            names = file.namelist()
        self.assertTrue(asked)
        self.assertEqual(names[:2], [spreadsheet.KINDS_OF_PARTS, spreadsheet.TABLE_SHEET])
        self.assertEqual(len(names), len(set(names)))

    def test_own_amount_of_each_link(self):
        """As the list has it, which may be asked for by other links, too: there is no total of it."""
        link = self._link(self._invoice(amount=100), user_id=self.seller.id)
        link.sudo()._agree_on_plan([(fields.Date.today(), 40.0), (fields.Date.today() + timedelta(days=30), 60.0)])
        dialog = self._dialog(
            domain=[["id", "=", link.id]], **self._columns("name", "amount", "amount_asked", "amount_kept")
        )
        titles, row, _empty, total = self._rows(dialog)
        self.assertEqual(titles[1:], ["Asked", "Amount of the link", "Received"])
        self.assertEqual((row[1:], total[1:]), ([link.amount_asked, 100, 0], [link.amount_asked, None, 0]))

    def test_reasons_in_few_queries(self):
        """Of all attempts of some links together."""
        links = self.env["paylink.link"].concat(*(self._free(amount) for amount in range(1, 5)))
        links._issue()
        for link in (*links, *links):
            self._attempt(link)._set_error(f"Card {link.amount:.0f} declined")
        column = self.env.ref("paylink_addon.paylink_export_column_reasons")
        counts = []
        for some in (links[:1], links[:1], links):  # what is read once is read
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            values = column._computed(some)
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(values[links[2].id], "Card 3 declined; Card 3 declined")
        self.assertEqual(*counts[1:])

    def test_what_the_dialog_counts(self):
        links = self._free(1) + self._free(2)
        for domain, expected in (([["id", "in", links.ids]], True), ([["id", ">", 0]], False), ([], False)):
            self.assertEqual(self._dialog(domain=domain).is_chosen, expected)

    def test_texts_never_become_formulas(self):
        texts = {
            "=1+1": "=1+1",
            "+33 6": "+33 6",
            "-5": "-5",
            "@SUM(A1)": "@SUM(A1)",
            "\t=1": "\t=1",
            "007": "007",
            "a<b>&c \N{GRINNING FACE}": "a<b>&c \N{GRINNING FACE}",
            "bell \x07": "bell ",
            "x" * 40_000: "x" * spreadsheet.MAX_TEXT,
        }
        links = self.env["paylink.link"].concat(*(self._free(1, reference=text) for text in texts))
        dialog = self._dialog(domain=[["id", "in", links.ids]], **self._columns("name", "reference"))
        cells = [row[1] for row in self._file(dialog).worksheets[0].iter_rows(min_row=2, max_row=len(texts) + 1)]
        for cell, text in zip(cells, reversed(texts.values()), strict=True):
            with self.subTest(text[:20]):
                self.assertEqual((cell.value, cell.data_type), (text, "s"))
                self.assertEqual(cell.quotePrefix, text.startswith(spreadsheet.LIKE_FORMULA))

    def test_texts_are_cut_as_excel_counts(self):
        """What Unicode has beyond its first 65,536 characters counts twice; a carriage return alone is kept as one."""
        link = self._free(1, reference="\N{GRINNING FACE}" * 20_000) + self._free(1, reference="a\rb")
        dialog = self._dialog(domain=[["id", "in", link.ids]], **self._columns("reference"))
        with zipfile.ZipFile(io.BytesIO(b"".join(spreadsheet.stream(dialog._as_table())))) as file:
            sheet = file.read(spreadsheet.TABLE_SHEET).decode()
        self.assertEqual(sheet.count("\N{GRINNING FACE}"), spreadsheet.MAX_TEXT // 2)
        self.assertIn("a_x000D_b", sheet)

    def test_huge_file(self):
        """What is larger than a plain archive can say is written as a large one, which readers know."""
        links = self.env["paylink.link"].create([{"partner_id": self.marie.id, "amount": 1}] * 60)
        dialog = self._dialog(domain=[["id", "in", links.ids]])
        with patch.object(zipfile, "ZIP64_LIMIT", 20_000):
            rows = self._rows(dialog)
        self.assertEqual(len(rows), 63)

    def test_one_symbol_of_several_currencies(self):
        """Amounts of US and Canadian dollars can be told apart."""
        for symbol, expected in (("$", {"[$CAD]#,##0.00", "[$USD]#,##0.00"}), ("C-", {'"C-"#,##0.00', "[$$]#,##0.00"})):
            cad = self.setup_other_currency("CAD", symbol=symbol, position="before")
            links = self._free(100) + self._free(100, currency_id=cad.id)
            book = self._file(self._dialog(domain=[["id", "in", links.ids]], **self._columns("amount_asked")))
            for sheet, column in zip(book.worksheets, (1, 5), strict=True):
                found = {sheet.cell(row, column).number_format for row in (2, 3)}
                self.assertEqual(found, expected)

    def test_months_of_the_money(self):
        """Links are of the month in which they were made, money is of that in which it came, for the company; so is the
        day on which a link was paid, whose clock a reader elsewhere would not see.
        """
        self.company.paylink_tz = "Europe/Paris"
        with freeze_time("2026-03-31 22:30:00"):  # in Paris it is April, in Montréal it is March
            link = self._link(self._invoice(amount=500, invoice_date="2026-01-05"))
            self._pay(link)
        self.env.flush_all()
        self.cr.execute("UPDATE paylink_link SET create_date = '2026-01-20 12:00' WHERE id = %s", [link.id])
        book = self._file(self._dialog(domain=[["id", "=", link.id]], **self._columns("name", "paid_at")))
        found = [
            [cell.value for cell in row][:1] + [cell.value for cell in row][3:]
            for row in book.worksheets[1].iter_rows(min_row=2)
        ]
        january, april = (datetime.fromisoformat(f"2026-0{month}-01") for month in (1, 4))
        self.assertEqual(found, [[january, 1, 500, 0], [april, 0, 0, 500]])
        self.assertEqual(book.worksheets[0].cell(2, 2).value, datetime.fromisoformat("2026-04-01 00:30"))

    def test_file_is_in_the_users_language(self):
        self._free(1)
        rows = self._rows(self._dialog(self.seller, **self._columns("name", "status", "amount_asked")))
        self.assertEqual(rows[0], ["Numéro", "Statut", "Demandé"])
        self.assertEqual(rows[1][1], "Brouillon")

    def test_only_what_the_user_may_see(self):
        mine, other = self._free(1), self._free(2, user=self.boss)
        self.assertEqual(self._rows(self._dialog(self.seller, **self._columns("name")))[1:2], [[mine.name]])
        names = [
            row[0]
            for row in self._rows(self._dialog(domain=[["id", "in", (mine + other).ids]], **self._columns("name")))
        ]
        self.assertEqual(names[1:3], [other.name, mine.name])
        dialog = self._dialog(self.seller, domain=[["id", "=", other.id]])
        with self.assertRaisesRegex(UserError, "nothing to export|rien à exporter"):
            dialog.action_export()

    def test_bad_inputs(self):
        self._free(1)
        clerk = self._user("clerk", "paylink_addon.group_paylink_user")
        clerk.group_ids -= self.env.ref("base.group_allow_export")
        cases = (
            (self._dialog(self.boss), {"domain": "nonsense"}, UserError, "can't be read"),
            (self._dialog(self.boss), {"domain": '[["no_field", "=", 1]]'}, UserError, "can't be read"),
            (self._dialog(self.boss), {"domain": '[["id"]]'}, UserError, "can't be read"),
            (self._dialog(self.boss), {"domain": '{"a": 1}'}, UserError, "can't be read"),
            (self._dialog(self.boss), {"domain": '[["id", "in", [[1, 2]]]]'}, UserError, "can't be read"),
            (self._dialog(self.boss), {"domain": '[["create_date", ">", "no day"]]'}, UserError, "can't be read"),
            (self._dialog(self.boss), {"column_ids": [Command.clear()]}, UserError, "at least one column"),
            (self._dialog(self.boss), {"domain": '[["id", "=", 0]]'}, UserError, "nothing to export"),
            (self._dialog(clerk), {"domain": "[]"}, AccessError, "not allowed"),
        )
        for dialog, values, error, message in cases:
            with self.subTest(values), self.assertRaisesRegex(error, message), self.cr.savepoint():
                dialog.write(values)
                dialog.action_export()

    def test_ticked_links(self):
        links = self._free(1) + self._free(2) + self._free(3)
        context = {"active_model": "paylink.link", "active_ids": links[:2].ids, "active_domain": []}
        dialog = self.env["paylink.export"].with_user(self.boss).with_context(**context).create({})
        self.assertEqual(dialog.count, 2)
        self.env["ir.config_parameter"].set_param("web.active_ids_limit", 2)
        context["active_domain"] = [["id", "in", links.ids]]
        dialog = self.env["paylink.export"].with_user(self.boss).with_context(**context).create({})
        self.assertEqual(dialog.count, 3, "a list hands over so many ids at most")

    def test_columns_are_remembered(self):
        self._free(1)
        self._dialog(**self._columns("name", "email")).action_export()
        self.assertEqual(self._dialog().column_ids.mapped("code"), ["name", "email"])
        self.assertIn("amount_asked", self._dialog(self.seller).column_ids.mapped("code"), "of somebody else")

    def test_every_column_can_be_written(self):
        self._pay(self._link(self._invoice()))
        columns = self.env["paylink.export.column"].search([])
        dialog = self._dialog(column_ids=[Command.set(columns.ids)])
        rows = self._rows(dialog)
        self.assertEqual(len(rows[0]), len(columns))
        self.assertIn("Demo", str(rows[1]))

    def test_same_queries_for_any_number(self):
        links = self._free(1)
        counts = []
        for _turn in range(3):  # the first fills what is kept for all
            dialog = self._dialog(domain=[["id", "in", links.ids]])
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self._file(dialog)
            counts.append(self.cr.sql_log_count - before)
            links = self.env["paylink.link"].create([{"partner_id": self.marie.id, "amount": 1} for _ in range(50)])
        self.assertEqual(*counts[1:])


@tagged("post_install", "-at_install")
class TestExportFile(HttpCase, ExportCommon):
    """The file as a browser gets it."""

    def test_download(self):
        self._free(7)
        dialog = self._dialog()
        url = dialog.action_export()["params"]["url"]
        self.authenticate("boss", "boss")
        answer = self.url_open(url)
        self.assertEqual(answer.status_code, 200)
        self.assertRegex(answer.headers["Content-Disposition"], r"Collection%20links%20\d{4}-\d\d-\d\d\.xlsx")
        self.assertEqual(load_workbook(io.BytesIO(answer.content)).worksheets[0]["A1"].value, "Number")

    def test_companies_of_the_list(self):
        """Those that are chosen in the web client, whatever others the user has; its browser asks without them."""
        abroad = self._other_company()
        self.boss.company_ids |= abroad
        own = self._free(7)
        other = self._free(9, company_id=abroad.id, partner_id=self.env["res.partner"].create({"name": "B"}).id)
        self.authenticate("boss", "boss")
        for companies, links in ((self.company, own), (abroad, other), (self.company | abroad, own | other)):
            with self.subTest(companies.mapped("name")):
                domain = [["id", "in", (own | other).ids]]
                dialog = (
                    self.env["paylink.export"]
                    .with_user(self.boss)
                    .with_context(allowed_company_ids=companies.ids, paylink_export_domain=domain)
                )
                dialog = dialog.create(self._columns("name", "amount_asked"))
                self.assertEqual(dialog.count, len(links))
                answer = self.url_open(dialog.action_export()["params"]["url"])
                book = load_workbook(io.BytesIO(answer.content))
                names = {row[0].value for row in book.worksheets[0].iter_rows(min_row=2, max_row=len(links) + 1)}
                self.assertEqual(names, set(links.mapped("name")))
                self.assertEqual(
                    sum(row[4].value for row in book.worksheets[1].iter_rows(min_row=2)), sum(links.mapped("amount"))
                )
        self.boss.company_ids -= abroad
        with mute_logger("odoo.http"):
            self.assertNotEqual(self.url_open(f"/paylink/export/{dialog.id}").status_code, 200)

    def test_export_is_noted(self):
        """As Odoo notes its own: who, how many, what."""
        link = self._free(7)
        dialog = self._dialog(domain=[["id", "=", link.id]], **self._columns("name", "email"))
        self.authenticate("boss", "boss")
        with self.assertLogs("odoo.addons.paylink_addon.controllers.export") as logs:
            self.url_open(dialog.action_export()["params"]["url"])
        expected = f"User {self.boss.id} exported 1 'paylink.link' records from 127.0.0.1. Fields: name,email. Domain: "
        self.assertIn(expected, logs.output[0])

    def test_one_file_at_a_time(self):
        """Whoever has one being made is told so, by the dialog and by the address."""
        dialog = self._dialog(domain=[["id", "=", self._free(7).id]])
        url = dialog.action_export()["params"]["url"]
        self.authenticate("boss", "boss")
        for name in ("take_name", "take_long_slot"):
            with self.subTest(name), patch.object(paylink_export, name, lambda *_args: False):
                with self.assertRaisesRegex(UserError, "Another file"):
                    dialog.action_export()
                with mute_logger("odoo.http"):
                    answer = self.url_open(url)
                self.assertGreaterEqual(answer.status_code, 400)
                self.assertIn("Another file", answer.text)

    def test_only_ones_own(self):
        self._free(7)
        url = self._dialog().action_export()["params"]["url"]
        for login in ("seller", None):
            with self.subTest(login):
                self.authenticate(login, login)
                answer = self.url_open(url, allow_redirects=False)
                self.assertIn(answer.status_code, (303, 404))
                self.assertNotIn(b"PK", answer.content[:2])


@tagged("post_install", "-at_install")
class TestExportTours(ToursCommon, ExportCommon):
    seller_groups = "paylink_addon.group_paylink_user,base.group_allow_export"

    def test_export_what_the_list_shows(self):
        """At once, and by the job, a step of which is made each time when the browser asks how far it is."""
        link = self._link(self._invoice(), user_id=self.seller.id)
        File = type(self.env["paylink.export.file"])
        web_read = File.web_read

        def step_and_read(files, specification):
            for file in files.sudo().filtered(lambda file: file.state == "waiting"):
                file._make_step()
            return web_read(files, specification)

        step_and_read._readonly = False
        self.patch(File, "web_read", step_and_read)
        self.patch(paylink_export, "CELLS_AT_ONCE", 20)  # one that has to be computed is too much
        self.start_tour("/odoo/payment-links", "paylink_export", login="camille")
        exports = self.env["paylink.export"].with_user(self.seller).search([("create_uid", "=", self.seller.id)])
        self.assertEqual(self._rows(exports.sorted("id")[0])[1][0], link.name)
        (file,) = self.env["paylink.export.file"].sudo().search([("user_id", "=", self.seller.id)])
        self.assertEqual((file.state, file.done), ("ready", 1))
        chosen = self.seller.sudo().res_users_settings_ids.paylink_export_columns
        self.assertNotIn("partner_id", chosen)
        self.assertIn("amount_asked", chosen)
