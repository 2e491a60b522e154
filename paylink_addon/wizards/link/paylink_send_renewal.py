"""Stage of ``paylink.send``: links that are over are sent again, as successors."""

from odoo import api, fields, models
from odoo.exceptions import UserError


class PaylinkSendRenewal(models.TransientModel):
    """Kind *renewal*: a new link for what is still due of one that has expired or was cancelled."""

    _inherit = "paylink.send"

    kind = fields.Selection(selection_add=[("renewal", "What is still due")], ondelete={"renewal": "cascade"})

    def _kind_paylink_link(self, _links):
        return "renewal"

    def _choices_paylink_link(self, links):
        """As the only link was sent."""
        names = ("send_email", "send_sms", "attach_pdf")
        return {name: links[name] for name in names} if len(links) == 1 else {}

    def _is_free_renewal(self):
        return False

    def _ended_links(self):
        """The selected links by the keys of their lines."""
        return {f"link-{link.id}": link for link in self._sources() if link._name == "paylink.link"}

    def _groups_renewal(self):
        """The links of which something can be asked for again."""
        return {key: link for key, link in self._ended_links().items() if not self._renewal_of(link)[1]}

    @api.model
    def _renewal_of(self, link):
        """What a successor of ``link`` asks for, and why there can't be one, as a text, or ``False``."""
        if link.company_id not in self.env.companies:
            return 0.0, self.env._("It belongs to another company: switch to it.")
        try:
            return link._check_renewable(), False
        except UserError as error:
            return 0.0, str(error)

    def _lines_renewal(self, _groups):
        links = self._ended_links()
        existing = self.env["paylink.send.line"]._existing_links_renewal(links)
        return [self._renewal_values(link) | {"key": key} | existing[key].line_values() for key, link in links.items()]

    @api.model
    def _renewal_values(self, link):
        """The values of the line of one link: it goes where that one went."""
        amount, problem = self._renewal_of(link)
        documents = link._documents_text(self.env, link.sudo().line_ids)
        return {
            "partner_id": link.partner_id.id,
            "company_id": link.company_id.id,
            "currency_id": link.currency_id.id,
            "email": link.email or link.partner_id.email,
            "phone": link.phone or link.partner_id.phone,
            "lang": link.lang,
            "documents": documents,
            "reference": link.reference,
            "amount_due": amount,
            "amount": amount,
            "blocked": problem,
        }

    def _make_links_renewal(self, lines, groups):
        """Who waited for somebody that sent it again finds that link."""
        ended = self.env["paylink.link"].union(*(groups[line.key] for line in lines))
        ended.check_access("write")
        ended._wait_and_hold()
        made = self.env["paylink.link"]
        for line in lines:
            link = groups[line.key].sudo()
            if successor := link._live_successor():
                raise UserError(
                    self.env._("%(name)s was already replaced by %(link)s.", name=link.name, link=successor.name)
                )
            made |= link._renew(self.expires_at, line._renewal_choices()).with_env(self.env)
        made._check_sendable()
        return made
