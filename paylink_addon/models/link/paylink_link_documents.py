"""Stage of ``paylink.link``: the documents that links ask for and follow."""

from functools import partial

from odoo import api, models

from ...const import LIVE_STATES, Task


class PaylinkLinkDocuments(models.Model):
    """How links follow documents that were reset to draft, changed and posted again.

    Odoo then writes over, deletes or makes receivable items as it needs. A link that was made for all that was open of
    a document asks for all of it again; one for chosen installments, for those that are left.
    """

    _inherit = "paylink.link"

    def _follow_documents(self, moves):
        """Bring the lines of links up to date with documents just posted again.

        :param moves: ``account.move``; those without a link cost nothing
        """
        lines = self.line_ids.filtered(lambda line: line.move_id in moves)
        if not lines:
            return
        before = {link: link._asked() for link in lines.link_id}
        open_items = lines.move_id._paylink_open_items()
        values = (open_items | lines.move_line_id)._paylink_line_values()
        values = {vals["move_line_id"]: vals for vals in values}
        kept = lines.filtered(lambda line: line.link_id._fits(line.move_line_id))
        for line in kept:
            line._refresh(values[line.move_line_id.id])
        lines._add_items(open_items, values)
        links = lines.link_id
        links._drop_lines(lines - kept)
        links._refresh_amount()
        changed = links.filtered(lambda link: link._asked() != before[link])
        changed._log_events("documents_changed")

    def _leave_out_canceled(self, before):
        """Ask for the rest, where there is any: documents of these were canceled.

        :param dict before: what they asked for (see :meth:`_asked`); those that are over are left as they were
        """
        left = self.filtered(lambda link: link in before and link.line_ids._not_canceled())
        left._refresh_amount()
        self.env.add_to_compute(left._fields["state"], left)  # also where its items were gone before
        left.filtered(lambda link: link._asked() != before[link])._log_events("documents_changed")

    def _asked(self):
        """What the link asks for, to compare."""
        lines = self.line_ids._standing()
        return self.amount, {(line.move_line_id.id, line.name, line.amount) for line in lines}

    def _fits(self, item):
        """Whether the link may ask for ``item``: a receivable, its customer's, in its currency."""
        return item.account_id.account_type == "asset_receivable" and self._fits_open(item)

    def _fits_open(self, item):
        """The same of an open item, which is a receivable (see ``account.move._paylink_open_items``)."""
        return self._is_customers(item) and item.currency_id == self.currency_id and item.company_id == self.company_id

    def _is_customers(self, item):
        """Whether the link's customer still owes ``item``: its document may have been given to somebody else."""
        return bool(item) and item.partner_id.commercial_partner_id == self.partner_id.commercial_partner_id

    def _drop_lines(self, gone):
        """Take off lines whose items are gone; a link of which nothing else is left keeps them, to show what it was.

        :param gone: ``paylink.link.line`` of these links
        """
        for link, lost in gone.grouped("link_id").items():
            left = link.line_ids - lost
            names = lost.filtered(lambda line, left=left: line.move_id not in left.move_id).mapped("name")
            if left:
                lost.unlink()
            else:
                lost.move_line_id = False
            if names:
                link._report_lost(names)

    def _refresh_amount(self):
        """Ask for what is due now; an amount that was chosen stays."""
        due = self._due_amounts()
        for link in self:
            amount = due[link.id] + link._received_amount()
            if due[link.id] and not link.is_limited and link.currency_id.compare_amounts(link.amount, amount):
                link.amount = amount

    def _report_lost(self, names):
        """Give the owner the task to look at a link that can't ask for some documents anymore.

        :param list names: what the customer knows them by
        """
        if self.state in LIVE_STATES:
            self._give_task(Task.LOST_DOCUMENTS, partial(self._lost_texts, names))

    def _lost_texts(self, names, env):
        return env._("A collection link has nothing left to ask for"), env._(
            "%(name)s has nothing left to ask for on %(documents)s: check the link, then cancel it or send a new one.",
            name=self.name,
            documents=", ".join(names),
        )

    # === LINKS OF COLLEAGUES === #

    @api.model
    def _colleagues_texts(self, groups, live=None):
        """What to say of colleagues' live links that ask for items of a group, and that the user may not read.

        :param dict groups: ``account.move.line`` by key
        :param dict live: see :meth:`_live_links_by_items`, where the caller has it already
        :return: the texts, by key, see :meth:`_colleagues_text`; keys without any are left out
        """
        if live is None:
            live = self._live_links_by_items(self.env["account.move.line"].sudo().union(*groups.values()))
        links = self.sudo(False).browse(link.id for link in live)
        hidden = (links - links._filtered_access("read")).sudo()
        if not hidden:
            return {}
        found = {
            key: hidden.filtered(lambda link, wanted=set(items.ids): live[link] & wanted)
            for key, items in groups.items()
        }
        return {key: own._colleagues_text() for key, own in found.items() if own}

    def _colleagues_text(self):
        """That links of colleagues, which the user may not read, ask for the same already: nothing else of them, and
        their owners' names only if the user may know them; ``False`` if there is none.
        """
        if not self:
            return False
        env = self.env(su=False)
        names = ", ".join(self.sudo().user_id.with_env(env)._filtered_access("read").mapped("name"))
        if names:
            return env._(
                "An open link of %(names)s already asks for this, or for a part of it: ask them first.", names=names
            )
        return env._("An open link of a colleague already asks for this, or for a part of it: ask around first.")

    # === LINKS SENT WITH INVOICES === #
    # The link that goes out with an invoice: in the e-mail of Odoo's *Send*, and on the PDF.
    #
    # An invoice is kept until it is paid, and so is its link: it does not expire.

    @api.model
    def _links_of_invoices(self, moves, user=None, among=None):
        """The open link that asks for exactly what is open of each invoice.

        :param user: who must be able to read it; anybody's by default
        :param among: the only links that it may be; any by default
        :return: links in sudo mode, by move
        """
        groups = self._askable_items(moves)
        live = self._live_links_by_items(self.env["account.move.line"].union(*groups.values()))
        readable = self.sudo().union(*live)
        if among is not None:
            readable &= among
        if user and not user._is_superuser():
            readable = readable._seen_by(user)._filtered_access("read").sudo()
        fitting = self._links_to_use_again({link: asked for link, asked in live.items() if link in readable})
        found = {move: fitting.get((frozenset(items.ids), move.partner_id)) for move, items in groups.items()}
        return {move: link for move, link in found.items() if link}

    @api.model
    def _links_to_use_again(self, live):
        """The newest live link for all of just these items of a contact.

        One made for another contact can't go out instead: its page is in that one's name and language.

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
        """The open link of each invoice, made where there is none; those that are made do not expire.

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
        links._issue()
        return found

    def _register_sent(self, text, email):
        """Note that the link has gone out with its document.

        :param str text: what the timeline says
        :param str email: the addresses it was sent to
        """
        self.ensure_one()
        link = self.sudo()
        link._note_sent()
        link.write({"send_email": True, "email": email or link.email})
        link._log_events("sent", {link.id: text})
        link._end_tasks_of_sending()
