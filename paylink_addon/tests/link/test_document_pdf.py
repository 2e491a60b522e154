from odoo.tests import HttpCase, tagged

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
        self.assertFalse(link._page_documents()[0]["url"])
        invoice.action_post()
        self.assertEqual(self._get(link).status_code, 200)
        self.assertEqual(len(self.rendered), 2, "The kept PDF was the old document's")

    def test_other_request_makes_it(self):
        """Who comes second does not make it again, and does not wait either: the page asks again by itself."""
        link = self._link(self._invoice())
        self.patch(type(link), "_may_make_pdf", lambda _link, _move: False)
        answer = self._get(link)
        self.assertEqual((answer.status_code, answer.headers["Refresh"]), (202, "2"))
        self.assertIn(link.company_id.name, answer.text)
        self.assertFalse(self.rendered)

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
