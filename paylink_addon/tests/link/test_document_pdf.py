from unittest.mock import patch

from odoo.tests import HttpCase, tagged

from ...tools import qr
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestDocumentPdf(PaylinkCommon, HttpCase):
    """The PDF of a document is made at the first request, and kept."""

    def setUp(self):
        super().setUp()
        self.rendered = []
        Send = type(self.env["account.move.send"])
        prepare = Send._prepare_invoice_pdf_report

        def spy(records, invoices_data):
            self.rendered.extend(invoice.id for invoice in invoices_data)
            return prepare(records, invoices_data)

        self.patch(Send, "_prepare_invoice_pdf_report", spy)
        self.patch(type(self.env["paylink.link"]), "_can_make_pdf", lambda _link: True)

    def _get(self, link, line=None):
        return self.url_open(f"/pay/{link.access_token}/document/{(line or link.line_ids[:1]).id}")

    def _stored(self, invoice):
        return self.env["ir.attachment"].search_count(
            [
                ("res_model", "=", "account.move"),
                ("res_id", "=", invoice.id),
                ("res_field", "=", "invoice_pdf_report_file"),
            ]
        )

    def test_made_once_and_kept(self):
        invoice = self._invoice()
        link, other = self._link(invoice), self._link(invoice)
        answers = [self._get(link), self._get(link), self._get(other)]
        self.assertEqual(
            {(answer.status_code, answer.headers["Content-Type"]) for answer in answers}, {(200, "application/pdf")}
        )
        self.assertEqual(len({answer.content for answer in answers}), 1)
        self.assertEqual((self.rendered, self._stored(invoice)), (invoice.ids, 1))
        self.env.invalidate_all()
        self.assertTrue(invoice.invoice_pdf_report_id)
        self.assertFalse(invoice.is_move_sent)

    def test_sent_invoice_stays_sent(self):
        invoice = self._invoice()
        invoice.is_move_sent = True
        link = self._link(invoice)
        self._get(link)
        self.env.invalidate_all()
        self.assertTrue(invoice.is_move_sent)

    def test_nothing_is_made_of_drafts(self):
        invoice = self._invoice()
        link = self._link(invoice)
        self._get(link)
        invoice.button_draft()
        self.assertEqual(self._get(link).status_code, 404)
        self.assertEqual(len(self.rendered), 1)
        self.assertFalse(link._page_documents(link.line_ids)[0]["url"])
        invoice.action_post()
        self.assertEqual(self._get(link).status_code, 200)
        self.assertEqual(len(self.rendered), 2, "The kept PDF was the old document's")

    def test_other_request_makes_it(self):
        """Who comes second does not make it again, and does not wait either: the page asks again by itself."""
        invoice = self._invoice()
        link = self._link(invoice)
        with self._busy(f"account.move.pdf.{invoice.id}"):
            answer = self._get(link)
        self.assertEqual((answer.status_code, answer.headers["Refresh"]), (202, "2"))
        self.assertIn(link.company_id.name, answer.text)
        self.assertFalse(self.rendered)
        self.assertEqual(self._get(link).status_code, 200)

    def test_others_make_as_many_as_may_be(self):
        """Of several documents as well: each takes another worker."""
        link = self._link(self._invoice())
        with self._busy():
            answer = self._get(link)
        self.assertEqual((answer.status_code, answer.headers["Refresh"], self.rendered), (202, "2", []))
        self.assertEqual(self._get(link).status_code, 200)

    def test_electronic_formats_are_kept_with_it(self):
        """As when Odoo sends the invoice: what it embeds in the PDF must not be missing later."""
        invoice = self._invoice()
        link = self._link(invoice)
        hooked = []
        Send = type(self.env["account.move.send"])
        self.patch(
            Send,
            "_hook_invoice_document_after_pdf_report_render",
            lambda _send, move, _data: hooked.append(move.id),
        )
        self._get(link)
        self.assertEqual(hooked, invoice.ids)

    def test_without_wkhtmltopdf_nothing_is_kept(self):
        invoice = self._invoice()
        link = self._link(invoice)
        self.patch(type(link), "_can_make_pdf", lambda _link: False)
        self.assertEqual(self._get(link).status_code, 200)
        self.assertEqual(self._stored(invoice), 0)

    # === THE OTHERS === #

    def _render(self):
        """Count what is rendered, instead of rendering it."""
        rendered = []

        def render(_link, report, _records, name):
            rendered.append(report)
            return {
                "filename": f"{name}.pdf",
                "content_type": "application/pdf",
                "content": b"%PDF-1.4 " + name.encode(),
            }

        self.patch(type(self.env["paylink.link"]), "_render_report", render)
        return rendered

    def test_receipt_is_made_once_until_it_says_something_else(self):
        link = self._link(self._invoice(amount=100))
        transaction = self._pay(link)
        rendered, path = self._render(), f"/pay/{link.access_token}/receipt"
        for query in ("", "?lang=en_US", "?x=1", "?lang=fr_FR"):
            answer = self.url_open(path + query)
            self.assertEqual((answer.status_code, answer.headers["Content-Type"]), (200, "application/pdf"))
        self.assertEqual(len(rendered), 1)
        refund = transaction._create_child_transaction(40, is_refund=True)
        refund._set_done()
        self.url_open(path)
        self.assertEqual(len(rendered), 2)
        self.company.phone = "+33 1 23 45 67 89"
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_company SET write_date = write_date + interval '1 second'")
        self.env.invalidate_all()
        self.url_open(path)
        self.assertEqual(len(rendered), 3)
        kept = [("res_model", "=", "paylink.link"), ("res_field", "=", "receipt_pdf"), ("res_id", "=", link.id)]
        self.assertEqual(self.env["ir.attachment"].search_count(kept), 1)

    def test_page_in_the_place_of_a_pdf_is_made_once_until_there_can_be_one(self):
        link, made = self._link(self._invoice()), []
        self._pay(link)
        kinds = {False: ("text/html; charset=utf-8", b"<!DOCTYPE html><html><body>\xc3\xa9</body></html>")}
        kinds[True] = ("application/pdf", b"%PDF-1.4 x")
        for can_make in (False, True):
            content_type, content = kinds[can_make]

            def render(_link, _report, _records, _name, content_type=content_type, content=content):
                made.append(content_type)
                return {"filename": "Receipt", "content_type": content_type, "content": content}

            self.patch(type(self.env["paylink.server.mixin"]), "_can_make_pdf", lambda _any, can=can_make: can)
            self.patch(type(link), "_render_report", render)
            for _time in range(2):
                answer = self.url_open(f"/pay/{link.access_token}/receipt")
                self.assertEqual((answer.headers["Content-Type"], answer.content), (content_type, content))
        self.assertEqual(made, [kinds[False][0], kinds[True][0]])

    def test_document_that_is_not_to_be_sent_is_made_once_too(self):
        """Its electronic format can't be made: that is not tried again either."""
        link, tried = self._link(self._invoice()), []
        self.patch(type(link), "_make_pdf", lambda _link, move: tried.append(move))
        rendered = self._render()
        for _time in range(3):
            self.assertEqual(self._get(link).status_code, 200)
        self.assertEqual((len(rendered), len(tried)), (1, 1))

    def test_one_worker_is_left(self):
        """Whoever asks while as many PDFs are being made as may be is told to wait, and asks again by himself."""
        link = self._link(self._invoice())
        self._pay(link)
        rendered = self._render()
        for path in ("receipt", f"document/{link.line_ids.id}"):
            with self.subTest(path), self._busy():
                answer = self.url_open(f"/pay/{link.access_token}/{path}")
                self.assertEqual((answer.status_code, answer.headers["Refresh"], rendered), (202, "2", []))

    def test_picture_is_drawn_once_for_who_keeps_it(self):
        link = self._link(self._invoice(currency_id=self.currency_euro.id), allow_partial=True)
        path = f"/pay/{link.access_token}/qr"
        first = self.url_open(path)
        self.assertEqual((first.status_code, first.content[:4]), (200, b"\x89PNG"))
        self.assertEqual(first.headers["Cache-Control"], "private, no-cache")
        again = self.url_open(path, headers={"If-None-Match": first.headers["ETag"]})
        self.assertEqual((again.status_code, again.content), (304, b""))
        with patch.object(qr.qrcode, "QRCode") as drawing:
            self.assertEqual(self.url_open(path).content, first.content)
        drawing.assert_not_called()
        self._pay(link, 40)
        other = self.url_open(path, headers={"If-None-Match": first.headers["ETag"]})
        self.assertEqual(other.status_code, 200)
        self.assertNotEqual(other.content, first.content)
