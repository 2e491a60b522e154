from odoo import models

# Above this many links no missing PDF is made: each takes a second.
MAX_NEW_PDFS = 20


class PaylinkSendRun(models.TransientModel):
    """Making and sending the links, once everything is checked."""

    _inherit = "paylink.send"

    def _send(self):
        """Make the links, send them, return them."""
        single = len(self.line_ids) == 1
        lines = self.line_ids if single else self.line_ids.filtered(lambda line: not line.problem)
        again = lines.filtered(lambda line: line.existing_link_id and (self.reuse if single else line.reuse))
        links = again.existing_link_id | self._make_links(lines - again)
        if single:
            self._apply_single(links)
        texts = {}
        if single:
            texts = {"subject": self.subject, "body": self.body, "sms_body": self.sms_body}
        links._issue()
        if self.send_email or self.send_sms:
            links._queue_messages(
                mail_template=self.template_id,
                sms_template=self.sms_template_id,
                attachments=self._attachments(links) if self.attach_pdf and self.send_email else None,
                **texts,
            )
        return links

    def _make_links(self, lines):
        """New links for ``lines``, in one batch."""
        Link = self.env["paylink.link"]
        if not lines:
            return Link
        common = self._common_values()
        if self.kind == "free":
            partner = self._sources()
            return Link._create_for_user([common | line._link_values() | {"partner_id": partner.id} for line in lines])
        groups = self.env["paylink.send.line"]._groups(self)
        return Link._create_for_items(
            [(line._link_values() | line._group_origin(groups[line.key]), groups[line.key]) for line in lines], **common
        )

    def _common_values(self):
        """What all links of this wizard have in common."""
        return {
            "user_id": self.env.user.id,
            "send_email": self.send_email,
            "send_sms": self.send_sms,
            "expires_at": self.expires_at,
            "bank_account_id": self.bank_account_id.id,
            "attach_pdf": self.attach_pdf,
        }

    def _single_values(self):
        """What was chosen for the only link."""
        return {
            "email": self.email,
            "phone": self.phone,
            "lang": self.lang,
            "reference": self.reference,
            "access_token": self.access_token,
        }

    def _apply_single(self, link):
        """Put on the only link what was chosen for it, and a new address on the contact."""
        values = {"email": self.email, "phone": self.phone, "lang": self.lang} | {
            key: self._common_values()[key] for key in ("send_email", "send_sms", "expires_at")
        }
        link.write(values)
        if self.is_new_address and self.save_on_contact:
            known = self.partner_id
            known.write(
                {
                    name: value
                    for name, value in (("email", self.email), ("phone", self.phone))
                    if value and not known[name]
                }
            )

    def _attachments(self, links):
        """The PDFs of each link's invoices: those stored; a few missing ones are made."""
        moves = links.sudo().line_ids.move_id.filtered(lambda move: move.is_sale_document())
        missing = moves.filtered(lambda move: not move.invoice_pdf_report_id)
        if len(missing) <= MAX_NEW_PDFS:
            for move in missing:
                self.env["account.move.send"].sudo()._generate_and_send_invoices(
                    move, sending_methods=[], allow_fallback_pdf=False
                )
        return {link.id: link.sudo().line_ids.move_id.invoice_pdf_report_id.ids for link in links}
