from markupsafe import Markup
from odoo import api, models
from odoo.tools import LazyTranslate, email_normalize

_lt = LazyTranslate(__name__)


class AccountMoveSend(models.AbstractModel):
    """Odoo's *Send* (single, batch, automatic) adds a collection link to the e-mail, and to the PDF it makes."""

    _inherit = "account.move.send"

    # === SETTINGS === #

    @api.model
    def _get_default_sending_settings(self, move, from_cron=False, **custom_settings):
        """Whether a link is added: as chosen in the dialog, else as the company says."""
        settings = super()._get_default_sending_settings(move, from_cron=from_cron, **custom_settings)
        chosen = custom_settings.get("paylink_add_link", self.env.context.get("paylink_add_link"))
        if chosen is None and from_cron:
            chosen = (move.sending_data or {}).get("paylink_add_link")
        if chosen is None:
            chosen = move.company_id.sudo().paylink_on_invoice_mail
        author = self.env["res.users"].browse(settings["author_user_id"])
        may = author._is_superuser() or author.has_group("paylink_addon.group_paylink_user")
        settings["paylink_add_link"] = bool(chosen and may)
        return settings

    @api.model
    def _paylink_askable(self, moves):
        """Those of the invoices to be sent for which a link can be added, as far as the user may read them."""
        readable = moves._filtered_access("read")
        return moves.browse(move.id for move in self.env["paylink.link"]._askable_items(readable))

    @api.model
    def _paylink_colleagues_text(self, moves):
        """What to say of colleagues' open links for these invoices, which the user may not read: a line for each."""
        Link = self.env["paylink.link"]
        groups = Link._askable_items(moves._filtered_access("read"))
        texts = Link._colleagues_texts({move.name: items for move, items in groups.items()})
        return "\n".join(texts.values() if len(moves) == 1 else (f"{name}: {text}" for name, text in texts.items()))

    # === DOCUMENTS === #

    @api.model
    def _generate_invoice_documents(self, invoices_data, allow_fallback_pdf=False):
        """The link of an invoice is there before its PDF is made: the PDF shows it."""
        owners = {
            move: self._paylink_owner(move, data)
            for move, data in invoices_data.items()
            if self._paylink_wanted(move, data)
        }
        for move, link in self.env["paylink.link"]._links_for_invoices(owners).items():
            link.filtered("expires_at").expires_at = False  # the document is kept until it is paid
            invoices_data[move]["paylink_link"] = link
        moves = self.env["account.move"].union(*invoices_data).sudo()
        with (moves.partner_id | moves.commercial_partner_id)._paylink_speaking():
            return super()._generate_invoice_documents(invoices_data, allow_fallback_pdf=allow_fallback_pdf)

    @api.model
    def _paylink_wanted(self, move, data):
        """Whether sending this invoice needs its link: for the e-mail, or for a PDF that is to be made now.

        A customer who opens the PDF sends nothing: see ``account.move._paylink_pdf_lacks_link``. Whoever sends links
        has them: see ``account.move._paylink_on_pdf``.
        """
        if self.env.context.get("paylink_customer_asks") or self.env.context.get("paylink_sent_ids"):
            return False
        by_mail = data.get("paylink_add_link") and "email" in (data.get("sending_methods") or ())
        on_pdf = move.company_id.sudo().paylink_on_invoice_pdf and not move.invoice_pdf_report_id
        return bool(by_mail or on_pdf)

    @api.model
    def _paylink_owner(self, move, data):
        """Whoever sends the invoice owns the link; where Odoo does it by itself, the salesperson."""
        author = self.env["res.users"].browse(data.get("author_user_id") or self.env.uid)
        return move.invoice_user_id if author._is_superuser() and move.invoice_user_id else author

    # === THE E-MAIL === #

    @api.model
    def _get_mail_params(self, move, move_data):
        """Put the button below the text, of the e-mail only: the invoice's chatter says which link went out with it.

        Whoever may read the invoice reads that; the address is for who may read the link, and for the customer.
        """
        params = super()._get_mail_params(move, move_data)
        link = self._paylink_mailed(move_data)
        if params and link:
            env = self.with_context(lang=move_data.get("mail_lang") or link.lang).env
            place = Markup("<p>%s</p>") % env._("With the collection link %(name)s.", name=link.name)
            params["body"] = Markup("%s%s") % (Markup(params["body"] or ""), place)  # noqa: S704
            params["paylink_button"] = (place, self._paylink_button(link, move_data))
        return params

    @api.model
    def _send_mail(self, move, mail_template, **kwargs):
        """Tell the invoice what its e-mail has in the place of what its chatter says."""
        button = kwargs.pop("paylink_button", None)
        return super()._send_mail(move.with_context(paylink_button=button), mail_template, **kwargs)

    @api.model
    def _paylink_mailed(self, move_data):
        """The link that this e-mail is to have, or ``None``."""
        return move_data.get("paylink_link") if move_data.get("paylink_add_link") else None

    @api.model
    def _paylink_button(self, link, move_data):
        """The button with the amount and the address, in the language of the e-mail."""
        told = link._read_in(move_data.get("mail_lang") or link.lang)
        return told._wrap_email("paylink_addon.mail_invoice_button")

    @api.model
    def _send_mails(self, moves_data):
        """Note on each link that it has been sent, and to whom."""
        result = super()._send_mails(moves_data)
        for move, data in moves_data.items():
            link = self._paylink_mailed(data)
            partners = self.env["res.partner"].browse(data.get("mail_partner_ids") or ())
            if link and partners:
                addresses = ", ".join(filter(None, map(email_normalize, partners.mapped("email"))))
                text = _lt("with %(document)s to %(emails)s", document=move.name, emails=addresses)
                link._register_sent(text, addresses)
        return result
