import re
from datetime import timedelta
from io import BytesIO
from unittest.mock import patch

import openpyxl
from lxml import html
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.web.controllers.export import ExportXlsxWriter

from ...models.answer import paylink_answer_objection, paylink_link_objection
from ...tools import uploads
from ..reminder.reminder_common import ReminderCommon
from .answer_common import AnswerCommon

PDF = b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj"
SCRIPT = "<script>alert('x')</script>"


@tagged("post_install", "-at_install")
class TestObjection(ReminderCommon, AnswerCommon):
    """A customer says on the page that something is wrong."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.paylink_reminder_gap_days = 0
        cls.day = cls.company._paylink_today()
        cls.seller = cls._user("seller", "paylink_addon.group_paylink_user", lang="fr_FR", email="s@example.com")
        cls.clerk = cls._user("clerk", "paylink_addon.group_paylink_all", email="clerk@example.com")

    def _late(self, partner=None):
        due = self.day - timedelta(days=5)
        return self._invoice(partner, invoice_date=due - timedelta(days=30), invoice_date_due=due)

    def _object(self, link, *lines, file=("", b""), **said):
        """Send the form as a browser does, of these lines; what has changed is read anew."""
        said = {"reason": "amount", "note": "", **said, "line": [getattr(line, "id", line) for line in lines]}
        path = f"/pay/{link.access_token}/answer/objection"
        response = self.url_open(path, data=said, files={"file": file}, allow_redirects=False)
        self.env.invalidate_all()
        return response

    def _tasks(self, link):
        return link.activity_ids.filtered(lambda task: task.paylink_key.startswith("answer_objection:"))

    def _picked(self):
        """The documents that are charged automatically today."""
        rules = self.env["paylink.autopay.rule"].search([("company_id", "=", self.company.id)])
        return {due.move_id for due in rules._pick(self.day)}

    def _with_autopay(self):
        self.company.paylink_autopay = True
        values = {"name": "All", "company_id": self.company.id, "notice_days": 0, "ignore_before": False}
        self.env["paylink.autopay.rule"].create(values | {"user_id": self.manager.id})
        token = (
            self.env["payment.token"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.payment_method_id,
                    "partner_id": self.marie.id,
                    "payment_details": "4242",
                    "provider_ref": "demo",
                    "demo_simulated_state": "done",
                }
            )
        )
        marie = self.marie.sudo().with_company(self.company)
        marie.write({"paylink_autopay": True, "paylink_token_id": token.id})

    def test_objection_stops_reminders_and_charges(self):
        """Of what it is about, and of nothing else; until its owner takes it back."""
        self._rule(days=(3,), autopay="any", remind_autopay=True)
        self._with_autopay()
        wrong, right = self._late(), self._late()
        link = self._link(wrong | right, user_id=self.seller.id)
        self.assertEqual(self._picked(), {wrong.id, right.id})
        _response, page = self._page(link, "/answer")
        boxes = page.xpath("//form[contains(@action, '/answer/objection')]//input[@name='line']/@value")
        self.assertEqual(boxes, [*(str(line.id) for line in link.line_ids), "all"])
        self.assertEqual(len(page.xpath("//form[contains(@action, '/answer/objection')]//textarea")), 1)
        line = link.line_ids.filtered(lambda one: one.move_id == wrong)
        response = self._object(link, line, note="La porte\nest rayée", file=("photo.exe", PDF))
        self.assertEqual(response.status_code, 303)
        self.assertEqual(self._picked(), {right.id})
        self.assertEqual(self._remind(self.day).reminder_ids.move_id, right)
        [answer] = self._answers(link)
        self.assertEqual((answer.reason, answer.note, answer.line_ids), ("amount", "La porte\nest rayée", line))
        shown = self._page(link)[1].get_element_by_id("pl-answers").text_content()
        self.assertIn(wrong.name, shown)
        for hidden in ("rayée", "photo", right.name):
            self.assertNotIn(hidden, shown)
        self.assertTrue(wrong.paylink_has_objection)
        self.assertIn(wrong.name, wrong.paylink_last_answer)
        self.assertFalse(right.paylink_last_answer)
        self.assertTrue(self.marie.paylink_last_answer)
        self.assertTrue(link.last_answer and link.unread)
        self.assertEqual(len(self._time_line(link, "objected")), 1)
        task = self._tasks(link)
        self.assertEqual(task.user_id, self.seller)
        self.assertIn("rayée", task.note)
        answer.with_user(self.seller).action_lift()
        self.env.cr.flush()
        self.assertFalse(self._tasks(link))
        self.assertEqual(self._picked(), {wrong.id, right.id})
        self.assertEqual(self._remind(self.day).reminder_ids.move_id, wrong)

    def test_paying_ends_it(self):
        """The document alone, by whatever way."""
        wrong, right = self._late(), self._late()
        link = self._link(wrong | right, user_id=self.seller.id)
        self._object(link, link.line_ids.filtered(lambda one: one.move_id == wrong))
        context = {"active_model": "account.move", "active_ids": wrong.ids}
        self.env["account.payment.register"].with_context(**context).create({})._create_payments()
        self.env.cr.flush()
        self.assertEqual(self._answers(link).state, "kept")
        self.assertFalse(self._tasks(link))
        self.assertFalse(link.last_answer)
        self.env.ref("paylink_addon.ir_cron_paylink_remind").method_direct_trigger()
        wrong.line_ids.remove_move_reconcile()  # a bank has taken it back, say
        self.env.invalidate_all()
        self.assertEqual((self._answers(link).state, wrong.paylink_has_objection), ("kept", False))
        self.assertFalse(self._time_line(link, "answer_lifted"), "Nobody has taken it back")

    def test_links_without_documents(self):
        """Are objected to as a whole, by customers who are asked for nothing but that."""
        link = self._free_link(user_id=self.seller.id)
        [form] = self._page(link, "/answer")[1].xpath("//form[contains(@action, '/answer/objection')]")
        self.assertFalse(form.xpath(".//input[@name='line']"))
        self.assertEqual(self._object(link, reason="not_received").status_code, 303)
        [hold] = self._answers(link).hold_ids
        self.assertEqual((hold.kind, hold.link_id, hold.move_id.id), ("objection", link, False))

    def test_who_answers(self):
        """Whom the company has named, unless that person cannot see the link; the owner is told all the same."""
        stranger = self._user("stranger", "paylink_addon.group_paylink_user")
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        gone = self._user("gone", "paylink_addon.group_paylink_all", elsewhere)
        nobody = self.env["res.users"]
        for chosen, asked in (
            (self.clerk, self.clerk),
            (stranger, self.seller),
            (gone, self.seller),
            (nobody, self.seller),
        ):
            with self.subTest(chosen=chosen.login):
                self.company.paylink_objection_user_id = chosen
                link = self._link(self._late(), user_id=self.seller.id)
                self._object(link)
                self.assertEqual(self._tasks(link).user_id, asked)
                self.assertIn(self.seller.partner_id, self._told(link).partner_ids)
        link = self._link(self._late())
        link.sudo().user_id = gone  # has left the company, and not Odoo
        self._object(link)
        self.assertTrue(self._tasks(link))

    def test_what_is_no_objection(self):
        """Answers 422, with what is wrong and what was typed, and stores nothing."""
        link, other = self._link(self._late() | self._late()), self._link(self._late())
        first, foreign = link.line_ids[0], other.line_ids
        large = PDF.ljust(uploads.LARGEST + 1)
        cases = {
            "no document": ([], {}),
            "another's document": ([foreign], {}),
            "also another's": ([first, foreign], {}),
            "a file in place of texts": ([], {"reason": "x", "file": ("a.pdf", PDF)}),
            "no id": ([first, "1 OR 1=1"], {}),
            "no reason": ([first], {"reason": ""}),
            "an invented reason": ([first], {"reason": "x\0"}),
            "nothing said": ([first], {"reason": "other"}),
            "large": ([first], {"file": ("a.pdf", large)}),
            "empty": ([first], {"file": ("a.pdf", b"")}),
            "web page": ([first], {"file": ("a.pdf", SCRIPT.encode(), "application/pdf")}),
            "picture with scripts": ([first], {"file": ("a.png", b"<svg onload='alert(1)'/>", "image/png")}),
        }
        before = self.env["ir.attachment"].sudo().search_count([])
        for name, (lines, said) in cases.items():
            with self.subTest(name):
                response = self._object(link, *lines, **{"note": "" if name == "nothing said" else SCRIPT, **said})
                self.assertEqual(response.status_code, 422)
                page = html.fromstring(response.text)
                self.assertTrue(page.xpath("//form[contains(@action, '/answer/objection')]//*[@role='alert']"))
                self.assertFalse(page.xpath("//script[contains(text(), 'alert')]"))
                if name != "nothing said":
                    self.assertEqual(page.xpath("//textarea")[0].text, SCRIPT)
        self.assertFalse(self._answers(link | other))
        self.assertEqual(self.env["ir.attachment"].sudo().search_count([]), before)

    def test_size(self):
        """A file of 5 MB comes through; more than the form takes, and more than other forms do, is our own page."""
        link = self._link(self._late())
        token = f"/pay/{link.access_token}"
        for path, size in (
            ("/answer/objection", 7 * 1024 * 1024),
            ("/answer/promise", 70_000),
            ("/answer/plan", 70_000),
        ):
            with self.subTest(path):
                response = self.url_open(f"{token}{path}", files={"file": ("a.pdf", b"x" * size)})
                self.assertEqual(response.status_code, 413)
                self.assertIn(f'href="{token}/answer"', response.text)
        self.assertFalse(self._answers(link))
        self.assertEqual(self._object(link, file=("a.pdf", PDF.ljust(uploads.LARGEST))).status_code, 303)
        self.assertEqual(self._answers(link).attachment_ids.file_size, uploads.LARGEST)

    def test_file_is_for_readers_of_the_link(self):
        """As something to save, of the type that it is; nobody else gets it."""
        link = self._link(self._late(), user_id=self.seller.id)
        self._object(link, file=(f"../{SCRIPT}.html", PDF, "text/html"))
        [answer] = self._answers(link)
        attachment = answer.attachment_ids
        self.assertEqual((attachment.name, attachment.mimetype), ("script.pdf", "application/pdf"))
        self.assertFalse(attachment.public or attachment.access_token)
        stranger = self._user("stranger", "paylink_addon.group_paylink_user")
        for name, user in (("stranger", stranger), ("public", self.env.ref("base.public_user"))):
            with self.subTest(name), self.assertRaises(AccessError):
                answer.with_user(user).action_download_file()
            with self.subTest(name), self.assertRaises(AccessError):
                attachment.with_user(user).read(["raw"])
        with self.assertRaises(AccessError):
            attachment.with_user(self.seller).write({"public": True})
        url = answer.with_user(self.seller).action_download_file()["url"]
        self.assertEqual(self.url_open(url, allow_redirects=False).status_code, 404)
        self.authenticate("seller", "seller")
        response = self.url_open(url)
        self.assertEqual(response.content, PDF)
        headers = response.headers
        self.assertTrue(headers["Content-Disposition"].startswith("attachment"))
        self.assertEqual((headers["Content-Type"], headers["X-Content-Type-Options"]), ("application/pdf", "nosniff"))

    def test_scripts_are_text(self):
        """In the chatter, in messages, tasks and Excel files; addresses of pages are not quoted."""
        link = self._link(self._late(), user_id=self.seller.id)
        note = f'=HYPERLINK("https://bad.example")\n{SCRIPT}\n{link.url}'
        self._object(link, note=note, reason="other")
        [answer] = self._answers(link)
        texts = [*link.message_ids.mapped("body"), *self._told(link).mapped("body"), *self._tasks(link).mapped("note")]
        texts += (
            self.env["mail.mail"]
            .sudo()
            .search([("model", "=", "paylink.link"), ("res_id", "=", link.id)])
            .mapped("body_html")
        )
        for text in map(str, texts):
            self.assertNotIn("<script", text)
            self.assertNotIn(link.access_token, text)
        self.assertNotIn(link.access_token, answer.note)
        exporter = self._user("exporter", "paylink_addon.group_paylink_all,base.group_allow_export")
        [[value]] = answer.with_user(exporter).export_data(["note"])["datas"]
        book = self._workbook(value)
        self.assertEqual(book["A2"].data_type, "s")
        self.assertIn(SCRIPT, book["A2"].value)

    def _workbook(self, value):
        """A sheet with this cell, as Odoo writes it."""
        with patch("odoo.addons.web.controllers.export.request", self):
            writer = ExportXlsxWriter([{"type": "text"}], ["Note"], 1)
            with writer:
                writer.write_cell(1, 0, value)
        return openpyxl.load_workbook(BytesIO(writer.value)).active

    def test_second_click(self):
        """Says nothing new; with another file it does, also where it has the same name, as pictures of phones have."""
        link = self._link(self._late(), user_id=self.seller.id)
        other = PDF + b"%"
        for name, content in (("a.pdf", PDF), ("a.pdf", PDF), ("b.pdf", PDF), ("b.pdf", other)):
            self.assertEqual(self._object(link, file=(name, content)).status_code, 303)
        answers = self._answers(link).sorted("id")
        self.assertEqual([answer.attachment_ids.raw for answer in answers], [PDF, PDF, other])
        self.assertEqual(len(self._tasks(link)), 3)

    def test_many_files(self):
        """There are so many of a link; what is said is taken all the same."""
        link = self._link(self._late())
        with patch.object(paylink_link_objection, "MOST_FILES", 1):
            for name, status in (("a.pdf", 303), ("b.pdf", 422)):
                self.assertEqual(self._object(link, file=(name, PDF), note=name).status_code, status)
            self.assertEqual(self._object(link, note="b").status_code, 303)
        self.assertEqual(self._answers(link).sorted("id").mapped("note"), ["a.pdf", "b"])

    def test_what_was_paid_meanwhile(self):
        """Needs no objection; the rest is objected to."""
        link = self._link(self._late() | self._late(), user_id=self.seller.id)
        paid, wrong = link.line_ids
        self._register_payment(paid.move_id)
        self.assertEqual(self._object(link, paid, wrong).status_code, 303)
        self.assertEqual(self._answers(link).line_ids, wrong)

    @mute_logger("odoo.http")
    def test_crash(self):
        """All of it is there, or nothing is."""
        link = self._link(self._late(), user_id=self.seller.id)
        link.sudo()._mark_opened()  # as whoever sends the form has
        before = len(link.message_ids)
        with patch.object(type(self.env["paylink.answer"]), "_ask_about_objection", side_effect=RuntimeError):
            self.assertEqual(self._object(link, file=("a.pdf", PDF)).status_code, 500)
        self.assertFalse(self._answers(link))
        self.assertFalse(self._holds(link.line_ids.move_id))
        self.assertEqual(len(link.message_ids), before)
        self.assertFalse(self.env["ir.attachment"].sudo().search([("res_model", "=", "paylink.answer")]))

    def test_too_many(self):
        link = self._link(self._late())
        with patch.object(paylink_answer_objection, "PER_LINK", 1):
            self.assertEqual(self._object(link).status_code, 303)
            self.assertEqual(self._object(link, reason="already_paid").status_code, 429)
        self.assertEqual(len(self._answers(link)), 1)

    def test_what_is_being_charged(self):
        """can't be stopped anymore: customer and staff read so."""
        charged, other = self._late(), self._late()
        link = self._link(charged | other, user_id=self.seller.id)
        self._attempt(self._link(charged))._set_pending()
        for lines, is_charging in (
            (link.line_ids, True),
            (link.line_ids.filtered(lambda one: one.move_id == other), False),
        ):
            self._object(link, *lines)
            answer = self._answers(link)[:1]
            self.assertEqual(answer.is_charging, is_charging)
        texts = re.findall(r'role="status">([^<]+)', self._page(link)[0].text)
        self.assertEqual(len({len(text) for text in texts}), 2)

    def test_while_it_is_paid(self):
        """Whoever pays by mistake, or is charged, says so on the page that tells that money is on its way."""
        own, charged = self._link(self._late()), self._link(self._late())
        self._attempt(own)._set_pending()
        self._attempt(self._link(charged.line_ids.move_id))._set_pending()
        for link, view in ((own, "progress"), (charged, "closed")):
            with self.subTest(view):
                self.assertEqual(link._page_view(), view)
                way = f"/pay/{link.access_token}/answer?kind=objection"
                self.assertTrue(self._page(link)[1].xpath(f"//a[@href='{way}']"))
                forms = self._page(link, "/answer")[1].xpath("//form[contains(@action, '/answer/')]/@action")
                self.assertEqual(forms, [f"/pay/{link.access_token}/answer/objection"])
                self.assertEqual(self._object(link).status_code, 303)
                self.assertTrue(self._answers(link).is_charging)
                self.assertEqual(len(self._page(link)[1].xpath("//p[@role='status']")), 1)
                self._send(link, "objection/undo", answer=self._answers(link).id)
                self.assertEqual(self._answers(link).state, "lifted")
                self.assertEqual(self._send(link, "forward", email="compta@cabinet.fr").status_code, 303)
                self.assertFalse(self._answers(link).filtered(lambda one: one.kind == "forward"))

    def test_as_many_queries_for_many_documents(self):
        """Their chatter is written in sets."""
        counts = []
        for number in (2, 12):
            link = self._link(self.env["account.move"].union(*(self._late() for _one in range(number))))
            lines, before = link.line_ids, self.env.cr.sql_log_count
            answer = link.sudo()._note_answer("objection", "objected", reason="amount", line_ids=lines.ids)
            answer._pause("objection", link.sudo()._paused_together(lines))
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(len(answer.hold_ids), number)
        self.assertLess(counts[1] - counts[0], 20)
