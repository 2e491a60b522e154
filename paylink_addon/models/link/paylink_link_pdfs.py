"""Stage of ``paylink.link``: the documents that the customer opens as a PDF."""

from odoo import api, models
from odoo.exceptions import UserError

from ...tools.locks import a_slot

# Who only looks makes no addresses, and has not modified the document.
LOOKING = {"paylink_customer_asks": True, "skip_is_manually_modified": True}


class PaylinkLinkPdfs(models.Model):
    """The documents. Callers have checked the token; everything is in sudo mode.

    Each is made once, then kept. Nothing else is changed by it: that a customer looks at a document is no reason to
    make a link for it, or to have one last longer.
    """

    _inherit = "paylink.link"

    # === THE DOCUMENTS === #

    def _document_pdf(self, line_id):
        """The PDF of the invoice of one line of this link: see :meth:`_invoice_pdf`; ``None`` if the line has none: it
        is not the link's, or its document is a draft or has become another customer's.
        """
        line = self.line_ids.filtered(lambda line: line.id == line_id and line._has_pdf())
        return self._invoice_pdf(line.move_id) if line else None

    @api.model
    def _invoice_pdf(self, move):
        """The PDF of an invoice that its customer may open: that which is sent with it, where it may be made.

        :return: ``{filename, content_type, content}``; ``False`` while another request makes it
        """
        version = f"{move.write_date} {move.partner_id.lang}"
        may_be_sent = self._can_make_pdf() and not move._paylink_pdf_lacks_link()
        is_made = move.invoice_pdf_report_id or move._kept_pdf("paylink_document_pdf", version)
        if may_be_sent and not is_made and not self._make_missing_pdf(move):
            return False
        if stored := move.invoice_pdf_report_id:
            return {"filename": stored.name, "content_type": "application/pdf", "content": stored.raw}
        name = f"{move._get_report_base_filename() or move.name}"
        report = "account.account_invoices"
        return move._keep_pdf("paylink_document_pdf", version, lambda: self._render_report(report, move, name))

    def _make_missing_pdf(self, move):
        """Make the PDF of ``move``, unless another request does, or as many are being made as may be. Commits: no row
        is held meanwhile, and whoever comes next finds it.

        :return: whether it was tried
        """
        with a_slot(self.env.cr, f"account.move.pdf.{move.id}") as is_free:
            if is_free:
                move.invalidate_recordset(["invoice_pdf_report_id"])
                if not move.invoice_pdf_report_id:  # made since this request began
                    self._make_pdf(move)
                self.env.cr.commit()  # pylint: disable=invalid-commit
        return is_free

    def _make_pdf(self, move):
        """Make and keep the PDF as Odoo does when it sends the invoice, electronic formats included; nothing is sent.

        What an administration has to be told first (``extra_edis``) is left to who sends the invoice. If it can't be
        made so, nothing is kept: the customer gets the plain document.
        """
        Send = self.env["account.move.send"].sudo().with_context(**LOOKING)
        move = move.sudo()
        was_sent = move.is_move_sent
        try:
            with self.env.cr.savepoint():
                settings = Send._get_default_sending_settings(move, sending_methods=[], extra_edis=[])
                Send._generate_invoice_documents({move: settings})
        except UserError:
            move.invalidate_recordset(["invoice_pdf_report_id"])
        if move.is_move_sent != was_sent:
            move.with_context(**LOOKING).is_move_sent = was_sent

    # === MADE ONCE === #

    def _render_report(self, report, records, name):
        """A report as PDF, or as HTML where wkhtmltopdf is missing. What Odoo writes when it prints is undone."""
        with self.env.cr.savepoint() as savepoint:
            made = self._render(report, records, name.replace("/", "-"))
            savepoint.rollback()
        return made

    def _render(self, report, records, name):
        Report = self.env["ir.actions.report"].sudo()
        # In the language of what is printed: so is the letter around it.
        Report = Report.with_context(paylink_customer_asks=True, lang=records.env.lang)
        if not self._can_make_pdf():
            content = Report._render_qweb_html(report, records.ids)[0]
        else:
            content = Report._render_qweb_pdf(report, records.ids)[0]
        if content[:4] == b"%PDF":
            return {"filename": f"{name}.pdf", "content_type": "application/pdf", "content": content}
        return {"filename": f"{name}.html", "content_type": "text/html; charset=utf-8", "content": content}
