from odoo import models
from odoo.exceptions import UserError

# Above this many links no missing PDF is made: each takes a second.
MAX_NEW_PDFS = 20


class PaylinkSendRun(models.TransientModel):
    """Making and sending the links, once everything is checked."""

    _inherit = "paylink.send"

    def _send(self):
        """Make the links, send them, return them."""
        single = len(self.line_ids) == 1
        lines = self.line_ids if single else self.line_ids.filtered(lambda line: not line.problem)
        groups = lines._groups(self) if self.kind != "free" else {}
        if groups and (gone := lines.filtered(lambda line: line.key not in groups)):
            raise UserError(
                self.env._("%(documents)s: paid meanwhile. Close this and start again.", documents=gone[0].documents)
            )
        reusable = lines._reusable_links({line.key: groups[line.key] for line in lines}) if groups else {}
        again = lines.filtered(lambda line: reusable.get(line.key) and self._wants_again(line, single))
        links = self.env["paylink.link"].union(*(reusable[line.key] for line in again))
        links |= self._make_links(lines - again, groups)
        if single:
            self._apply_single(links)
        texts = {"subject": self.subject, "body": self.body, "sms_body": self.sms_body} if single else {}
        links._issue()
        if self.send_email or self.send_sms:
            links._queue_messages(
                mail_template=self.template_id,
                sms_template=self.sms_template_id,
                attachments=self._attachments(links) if self.attach_pdf and self.send_email else None,
                **texts,
            )
        return links

    def _wants_again(self, line, single):
        """Whether the open link is used again: not if another amount is asked."""
        if not single:
            return line.reuse
        return self.reuse and not self.currency_id.compare_amounts(self.amount, self.amount_due)

    def _make_links(self, lines, groups):
        """New links for ``lines``, in one batch."""
        Link = self.env["paylink.link"]
        if not lines:
            return Link
        common = self._common_values()
        if self.kind == "free":
            return Link._create_for_user([common | line._link_values() | line._free_origin(self) for line in lines])
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
        values = {"email": self.email, "phone": self.phone, "lang": self.lang}
        values |= {"send_email": self.send_email, "send_sms": self.send_sms}
        if link.expires_at and (not self.expires_at or self.expires_at > link.expires_at):
            values["expires_at"] = self.expires_at  # a link used again never gets a shorter life
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
