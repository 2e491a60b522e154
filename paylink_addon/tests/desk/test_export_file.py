import io
from datetime import timedelta
from unittest.mock import patch

import psycopg2
from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger
from openpyxl import load_workbook

from ...models.desk import paylink_export_file
from ...tools import spreadsheet
from ...wizards.desk import paylink_export
from .test_export import ExportCommon

CODES = (
    *("name", "documents", "status", "amount_asked", "amount_due", "amount_kept"),
    *("reasons", "consolidated", "create_date"),
)
JOB = "ir_cron_paylink_export"


class ExportJobCommon(ExportCommon):
    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(paylink_export, "CELLS_AT_ONCE", 1))
        self.startPatcher(patch.object(paylink_export_file, "STEP_CELLS", 300))  # six links
        self.invoice = self._invoice(amount=0.1)
        foreign = self.setup_other_currency("JPY", rounding=1.0)
        self.links = self._link(self.invoice, user_id=self.seller.id) + self._free(5000, currency_id=foreign.id)
        for number in range(20):
            self.links += self._free(number + 0.07, reference=f"={number}")
        refused = self._free(7)
        refused._issue()
        self._attempt(refused)._set_error("Card declined")
        self.links += refused
        self._pay(self.links[0])

    def _asked(self, domain=None):
        """The file that a dialog has asked for."""
        self.env.flush_all()
        domain = [["id", "in", self.links.ids]] if domain is None else domain
        dialog = self._dialog(domain=domain, **self._columns(*CODES))
        action = dialog.action_export()
        self.assertEqual((action["res_model"], action["target"]), ("paylink.export.file", "new"))
        return dialog, self.env["paylink.export.file"].with_user(self.boss).browse(action["res_id"])

    def _cells(self, content):
        book = load_workbook(io.BytesIO(content))
        return [
            [
                [(cell.value, cell.number_format, cell.font.b, cell.quotePrefix) for cell in row]
                for row in sheet.iter_rows()
            ]
            for sheet in book.worksheets
        ], [(sheet.title, sheet.freeze_panes, sheet.auto_filter.ref) for sheet in book.worksheets]


@tagged("post_install", "-at_install")
class TestExportJob(ExportJobCommon):
    """What takes longer than a request may last is made by a job, in steps, and kept for its user."""

    def test_made_in_steps_it_is_the_same_file(self):
        dialog, file = self._asked()
        self.assertEqual((file.state, file.count, file.progress), ("waiting", 23, 0))
        file.sudo()._make_step()
        self.assertEqual((file.state, file.done), ("waiting", 6))
        self.assertEqual(round(file.progress), 26)
        self._run_cron(JOB)
        self.assertEqual((file.state, file.done), ("ready", 23))
        expected = self._cells(b"".join(spreadsheet.stream(dialog._as_table())))
        self.assertEqual(self._cells(b"".join(file._parts())), expected)
        rows = [[cell[0] for cell in row] for row in expected[0][0]]
        for link, row in zip(self.links.sorted("id", reverse=True), rows[1:24], strict=True):
            self.assertEqual((row[0], row[3], row[5]), (link.name, link.amount, link.amount_due))
        self.assertEqual((rows[1][6], rows[1][8]), ("Card declined", "No"))
        totals = {row[0]: row[3:6] for row in rows[25:]}
        own = self.links.filtered(lambda link: link.currency_id == self.company.currency_id)
        for field, total in zip(("amount_asked", "amount_kept", "amount_due"), totals["Total USD"], strict=True):
            self.assertAlmostEqual(total, sum(own.mapped(field)), places=7)
        self.assertEqual(totals["Total JPY"], [5000, 0, 5000])
        told = self.env["mail.message"].sudo().search([("partner_ids", "in", self.boss.partner_id.ids)], limit=1)
        self.assertIn(f"/paylink/export/file/{file.id}", told.body)

    def test_both_sheets_are_of_the_same_links(self):
        """Also of those that do not fit the filter anymore, and of none that are made meanwhile."""
        domain = [["id", ">=", min(self.links.ids)], ["cancelled_at", "=", False]]
        _dialog, file = self._asked(domain=domain)
        file.sudo()._make_step()
        written = self.links.sorted("id", reverse=True)[1]
        written._cancel()
        self._free(3)
        self._run_cron(JOB)
        first, second = self._cells(b"".join(file._parts()))[0]
        rows = [[cell[0] for cell in row] for row in second[1:]]
        self.assertEqual((file.done, sum(row[3] for row in rows)), (23, 23))
        asked = [sum(row[4] for row in rows if row[2] == name) for name in ("USD", "JPY")]
        totals = {row[0][0]: row[3][0] for row in first[24:]}
        for name, amount in zip(("USD", "JPY"), asked, strict=True):
            self.assertAlmostEqual(totals[f"Total {name}"], amount, places=7)

    def test_one_piece_at_a_time_is_in_memory(self):
        _dialog, file = self._asked()
        self._run_cron(JOB)
        pieces = file._kept()
        self.env.invalidate_all()
        read, read_file = [], type(pieces)._file_read

        def counted(attachment, fname, size=None):
            read.append(fname)
            return read_file(attachment, fname, size)

        with patch.object(type(pieces), "_file_read", counted):
            counts = [len(read) for _part in file._parts()]
        # The rest of the file comes before the first part, then a piece before each other one but the last.
        self.assertEqual(counts, [*range(1, len(pieces) + 1), len(pieces)])

    def test_what_others_hold_is_made_soon(self):
        _dialog, file = self._asked()
        with patch.object(type(self.env["paylink.job.mixin"]), "_each", lambda *_args, **_options: True):
            self._run_cron(JOB)
        job = self.env.ref(f"paylink_addon.{JOB}").sudo()
        self.assertEqual((file.state, job.interval_type, job.interval_number <= 10), ("waiting", "minutes", True))

    def test_one_at_a_time_kept_for_some_days(self):
        dialog, file = self._asked()
        with self.assertRaisesRegex(UserError, "Another file"):
            dialog.action_export()
        with (  # what neither of two clicks has seen of the other
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(psycopg2.IntegrityError, "waiting_unique"),
            self.cr.savepoint(),
        ):
            file.sudo().copy({"user_id": self.boss.id}).flush_recordset()
        with self.assertRaisesRegex(UserError, "not ready"):
            file.action_download()
        later = self._free(3)
        self._run_cron(JOB)
        self.assertNotIn(later.name, str(self._cells(b"".join(file._parts()))))
        self.assertFalse(self.env["paylink.export.file"].with_user(self.seller).search([]))
        pieces = file._kept()
        self.assertTrue(pieces)
        self.env.flush_all()
        self.cr.execute("UPDATE paylink_export_file SET create_date = %s", [fields.Datetime.now() - timedelta(days=8)])
        self.env.invalidate_all()
        self.env["paylink.export.file"].sudo()._gc_files()
        self.assertFalse(file.exists() or pieces.exists())

    def test_dropped(self):
        """Who has asked for the wrong file need not wait for it; nobody else drops it."""
        dialog, file = self._asked()
        made = file.sudo()
        made._make_step()
        pieces = made._kept()
        self.assertTrue(pieces)
        with self.assertRaises(AccessError):
            file.with_user(self.seller).action_drop()
        file.action_drop()
        self.assertFalse(file.exists() or pieces.exists())
        self._run_cron(JOB)
        self.assertTrue(dialog.action_export())

    def test_files_do_not_outlive_rights(self):
        """Who may see less than then gets no file of then; who may see more does."""
        _dialog, file = self._asked()
        self._run_cron(JOB)
        names = ("group_payment_manager", "group_paylink_all", "group_paylink_user")
        more, everyone, seller = (self.env.ref(f"paylink_addon.{name}") for name in names)
        self.boss.group_ids += more
        self.assertTrue(file.action_download())
        other = self.env["res.company"].sudo().create({"name": "Other"})
        for values in (
            {"company_ids": [Command.set(other.ids)], "company_id": other.id},
            {"group_ids": [Command.unlink(more.id), Command.unlink(everyone.id), Command.link(seller.id)]},
        ):
            with self.subTest(values), self.cr.savepoint() as savepoint:
                self.boss.sudo().write(values)
                with self.assertRaisesRegex(UserError, "rights"):
                    file.action_download()
                savepoint.rollback()
                self.env.invalidate_all()

    def test_what_fails_is_told_once(self):
        _dialog, file = self._asked()
        with (
            patch.object(type(file), "_make_step", side_effect=ValueError("No room")),
            mute_logger("odoo.addons.paylink_addon.models.desk.paylink_export_file"),
        ):
            self._run_cron(JOB)
        self.assertEqual((file.state, file.error), ("failed", "No room"))
        told = self.env["mail.message"].sudo().search([("partner_ids", "in", self.boss.partner_id.ids)])
        self.assertEqual(len(told.filtered(lambda message: "No room" in message.body)), 1)
        self._run_cron(JOB)
        self.assertEqual(file.state, "failed")


@tagged("post_install", "-at_install")
class TestExportDownload(HttpCase, ExportJobCommon):
    """The file of the job as a browser gets it: its user's, once it is ready."""

    def test_download(self):
        """Of a list without a filter: all that the user may see."""
        _dialog, file = self._asked(domain=[])
        self.assertGreaterEqual(file.count, len(self.links))
        url = f"/paylink/export/file/{file.id}"
        self.authenticate("boss", "boss")
        with mute_logger("odoo.http"):
            self.assertEqual(self.url_open(url).status_code, 404)
        while file.state == "waiting":
            file.sudo()._make_step()
        answer = self.url_open(file.action_download()["params"]["url"])
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(len(self._cells(answer.content)[0][0]), file.count + 4)
        with mute_logger("odoo.http"):
            for login in ("seller", None):
                self.authenticate(login, login)
                self.assertNotIn(b"PK", self.url_open(url).content[:2])
