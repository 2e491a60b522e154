import re

from odoo import models

from ...tools.locks import take_name, take_slot

PDF = "application/pdf"
HTML = "text/html; charset=utf-8"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KEPT_TYPES = (PDF, EXCEL)
# What a name of a file or a sheet can't have.
SHEET_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")


class PaylinkPdfMixin(models.AbstractModel):
    """Records with PDFs that customers open: each is made once of each version, and kept. Where the server can't make
    PDFs they are HTML, until it can. So are other files that customers get.
    """

    _name = "paylink.pdf.mixin"
    _description = "PDFs for Customers"

    def _kept_pdf(self, field, version):
        """The PDF in a binary field, if it is of this version.

        :param str version: what changes whenever the PDF would
        :return: ``{filename, content_type, content}``, or ``None``
        """
        kept = self.env["ir.attachment"].sudo().search([*self._pdfs_in(field), ("description", "=", version)], limit=1)
        is_file = kept.mimetype in KEPT_TYPES
        if not kept or (not is_file and self.env["paylink.server.mixin"]._can_make_pdf()):
            return None
        # Whoever asks first may be a stranger, who may store no HTML: Odoo calls it plain text.
        return {"filename": kept.name, "content_type": kept.mimetype if is_file else HTML, "content": kept.raw}

    def _keep_pdf(self, field, version, make):
        """The PDF in a binary field, which is made if there is none of this version.

        Making one takes a second or more and needs a second worker, and whoever holds an address of ours may ask as
        often as he likes: nobody waits for it, and a worker is left for the others.

        :param make: a function that makes it
        :return: see :meth:`_kept_pdf`; ``False`` while others make theirs
        """
        self.ensure_one()
        if kept := self._kept_pdf(field, version):
            return kept
        cr, Attachment = self.env.cr, self.env["ir.attachment"].sudo()
        if not take_name(cr, f"{self._name}.{field}.{self.id}") or not take_slot(cr):
            return False
        made = make()
        Attachment.search(self._pdfs_in(field)).unlink()
        Attachment.create(
            {
                "name": made["filename"],
                "raw": made["content"],
                "mimetype": made["content_type"],
                "res_model": self._name,
                "res_field": field,
                "res_id": self.id,
                "description": version,
            }
        )
        return made

    def _pdfs_in(self, field):
        return [("res_model", "=", self._name), ("res_field", "=", field), ("res_id", "=", self.id)]
