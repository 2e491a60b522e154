from odoo import models
from odoo.exceptions import UserError


class PaylinkSendRun(models.TransientModel):
    """Making and sending the links, once everything is checked."""

    _inherit = "paylink.send"

    def _send(self):
        """Make the links, send them, return them."""
        single = len(self.line_ids) == 1
        lines = self.line_ids if single else self.line_ids.filtered(lambda line: not line.problem)
        groups = lines._groups(self) if self.kind != "free" else {}
        if self.kind != "free" and (gone := lines.filtered(lambda line: line.key not in groups)):
            raise UserError(
                self.env._("%(documents)s: paid meanwhile. Close this and start again.", documents=gone[0].documents)
            )
        existing = lines._existing_links({line.key: groups[line.key] for line in lines}) if groups else {}
        reused = {line: line._reused_link(existing[line.key]) for line in lines if line.key in existing}
        again = lines.filtered(reused.get)
        (lines - again)._check_nothing_chosen()
        links = self.env["paylink.link"].union(*(reused[line] for line in again))
        links.filtered(lambda link: link.attach_pdf != self.attach_pdf).attach_pdf = self.attach_pdf
        links |= self._make_links(lines - again, groups)
        if single:
            self._apply_single(links)
        if self.save_on_contact:
            lines._save_on_contacts()
        texts = {"subject": self.subject, "body": self.body, "sms_body": self.sms_body} if single else {}
        links._issue()
        if self.send_email or self.send_sms:
            links._queue_messages(
                mail_template=self.template_id,
                sms_template=self.sms_template_id,
                **texts,
            )
        return links

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
        """Put on the only link what was chosen for it."""
        values = {"email": self.email, "phone": self.phone, "lang": self.lang}
        values |= {"send_email": self.send_email, "send_sms": self.send_sms}
        order = link.sudo().sale_order_id
        expires_at = order._paylink_expires_at(self.expires_at) if order else self.expires_at
        if link.expires_at and (not expires_at or expires_at > link.expires_at):
            values["expires_at"] = expires_at  # a link used again never gets a shorter life
        link.write(values)
