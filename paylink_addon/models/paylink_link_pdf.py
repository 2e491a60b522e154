from odoo import models
from odoo.exceptions import UserError


class PaylinkLinkPdf(models.Model):
    """The documents that the customer can open: each PDF is made once, then kept as Odoo's Send & Print keeps it."""

    _inherit = "paylink.link"

    def _document_pdf(self, line_id):
        """The PDF of the invoice of one line of this link.

        :return: ``{filename, content_type, content}``; ``False`` while another request makes it; ``None`` if the line
            has none: it is not the link's, or its document is a draft or has become another customer's
        """
        line = self.line_ids.filtered(lambda line: line.id == line_id and line._has_pdf())
        if not line:
            return None
        move = line.move_id
        if not move.invoice_pdf_report_id and self._can_make_pdf():
            if not self._hold_document(move):
                return False
            self._make_pdf(move)
        if stored := move.invoice_pdf_report_id:
            return {"filename": stored.name, "content_type": "application/pdf", "content": stored.raw}
        name = f"{move._get_report_base_filename() or move.name}"
        return self._render_report("account.account_invoices", move, name)

    def _can_make_pdf(self):
        return self.env["ir.actions.report"].sudo().get_wkhtmltopdf_state() != "install"

    def _hold_document(self, move):
        """Take the right to make the PDF of ``move``, or return ``False`` where another request has it.

        Nobody waits for it: making one takes a second or more and needs a second worker, and whoever holds a link may
        ask as often as he likes. The rows are touched: who gets them later, with an old view of the data, is run again
        and finds the PDF (a request that meets a conflict is).
        """
        lines = self.env["paylink.link.line"].sudo().search([("move_id", "=", move.id)], order="id")
        if lines.try_lock_for_update(allow_referencing=True) != lines:
            return False
        self.env.cr.execute("UPDATE paylink_link_line SET write_date = write_date WHERE id IN %s", [tuple(lines.ids)])
        return True

    def _make_pdf(self, move):
        """Make and keep the PDF as Odoo does when it sends the invoice, electronic formats included; nothing is sent.

        What an administration has to be told first (``extra_edis``) is left to who sends the invoice. If it can't be
        made so, nothing is kept: the customer gets the plain document.
        """
        Send = self.env["account.move.send"].sudo()
        move = move.sudo()
        was_sent = move.is_move_sent
        try:
            with self.env.cr.savepoint():
                settings = Send._get_default_sending_settings(move, sending_methods=[], extra_edis=[])
                Send._generate_invoice_documents({move: settings})
        except UserError:
            move.invalidate_recordset(["invoice_pdf_report_id"])
        move.is_move_sent = was_sent


class PaylinkLinkLine(models.Model):
    _inherit = "paylink.link.line"

    def _has_pdf(self):
        """Whether the customer may open the document: a posted invoice that is still this customer's."""
        self.ensure_one()
        item = self.move_line_id
        return self.is_invoice and item.parent_state == "posted" and self.link_id._is_customers(item)
