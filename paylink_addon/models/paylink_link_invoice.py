from odoo import api, fields, models


class PaylinkLinkInvoice(models.Model):
    """The link that goes out with an invoice: in the e-mail of Odoo's *Send*, and on the PDF.

    An invoice is kept until it is paid, and so is its link: it does not expire.
    """

    _inherit = "paylink.link"

    @api.model
    def _links_of_invoices(self, moves, user=None):
        """The open link that asks for exactly what is open of each invoice.

        :param user: who must be able to read it; anybody's by default
        :return: links in sudo mode, by move
        """
        groups = self._askable_items(moves)
        live = self._live_links_by_items(self.env["account.move.line"].union(*groups.values()))
        readable = self.sudo().union(*live)
        if user and not user._is_superuser():
            readable = readable.with_user(user)._filtered_access("read").sudo()
        fitting = self._links_to_use_again({link: asked for link, asked in live.items() if link in readable})
        found = {move: fitting.get((frozenset(items.ids), move.partner_id)) for move, items in groups.items()}
        return {move: link for move, link in found.items() if link}

    @api.model
    def _links_to_use_again(self, live):
        """The newest live link for all of just these items of a contact.

        One made for another contact can't go out instead: its page shows the saved payment methods of that one.

        :param dict live: see :meth:`_live_links_by_items`
        :return: links by ``(frozenset of item ids, contact)``
        """
        return {
            (frozenset(asked), link.partner_id): link
            for link, asked in reversed(live.items())
            if not link.is_limited and not link.cancel_requested_at
        }

    @api.model
    def _askable_items(self, moves):
        """What can be asked of each of these invoices: nothing of those paid, being paid, or not a customer's; nor
        where the customer would find no way to pay.
        """
        moves = moves.sudo().filtered(lambda move: move.paylink_can_send and move.partner_id)
        companies = moves.company_id.filtered(lambda company: company._paylink_can_be_paid())
        moves = moves.filtered(lambda move: move.company_id in companies)
        items = moves._paylink_open_items()
        in_flight = items._paylink_in_flight().move_id
        due = items._paylink_due()
        return {
            move: own
            for move, own in items.grouped("move_id").items()
            if move not in in_flight and move.currency_id.compare_amounts(sum(due[item.id] for item in own), 0) > 0
        }

    @api.model
    def _links_for_invoices(self, owners):
        """The open link of each invoice, made where there is none. Their documents are being sent: links do not expire.

        :param dict owners: ``res.users`` by ``account.move``: who sends it
        :return: links in sudo mode, by move; none for invoices that nothing can be asked for
        """
        found = {}
        for user, moves in self.env["account.move"].union(*owners).grouped(lambda move: owners[move]).items():
            links = self._links_of_invoices(moves, user)
            groups = {move: items for move, items in self._askable_items(moves).items() if move not in links}
            made = self.sudo()._create_for_items(
                [(move._paylink_link_values(), items) for move, items in groups.items()],
                user_id=user.id,
                expires_at=False,
            )
            found |= links | dict(zip(groups, made, strict=True))
        links = self.sudo().union(*found.values())
        links.filtered("expires_at").expires_at = False
        links._issue()
        return found

    def _register_sent(self, text, email):
        """Note that the link has gone out with its document.

        :param str text: what the time line says
        :param str email: the addresses it was sent to
        """
        self.ensure_one()
        link = self.sudo()
        link.write({"sent_at": fields.Datetime.now(), "send_email": True, "email": email or link.email})
        link._log_events("sent", {link.id: text})
