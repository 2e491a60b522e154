from odoo import models

from ..const import LIVE_STATES


class PaylinkLinkDocuments(models.Model):
    """How links follow documents that were reset to draft, changed and posted again.

    Odoo then writes over, deletes or makes receivable items as it needs. A link that was made for all that was open of
    a document asks for all of it again; one for chosen instalments, for those that are left.
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

    def _asked(self):
        """What the link asks for, to compare."""
        return self.amount, {(line.move_line_id.id, line.name, line.amount) for line in self.line_ids}

    def _fits(self, item):
        """Whether the link may ask for ``item``: its customer's, in its currency."""
        return (
            item.account_id.account_type == "asset_receivable"
            and self._is_customers(item)
            and item.currency_id == self.currency_id
            and item.company_id == self.company_id
        )

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
        """Give the owner the task to look at a link that can't ask for some documents any more.

        :param list names: what the customer knows them by
        """
        if self.state not in LIVE_STATES:
            return
        env = self._owner_env()
        self._schedule(
            env._("What a collection link asked for is gone"),
            env._(
                "Nothing that %(name)s could ask for is left of %(documents)s: look at the link, cancel it or send a "
                "new one.",
                name=self.name,
                documents=", ".join(names),
            ),
        )


class PaylinkLinkLine(models.Model):
    _inherit = "paylink.link.line"

    def _add_items(self, items, values):
        """Make lines for those of ``items`` that their links, made for whole documents, do not ask for yet."""
        wholes = self.filtered("is_whole").grouped(lambda line: (line.link_id, line.move_id))
        self.create(
            [
                values[item.id] | {"link_id": link.id, "is_whole": True}
                for (link, move), lines in wholes.items()
                for item in items
                if item.move_id == move and item not in lines.move_line_id and link._fits(item)
            ]
        )

    def _refresh(self, values):
        """Take over what the customer knows the item by, and what is open of it, from the changed document."""
        if not values["amount"]:
            values = values | {"amount": self.amount}  # paid already: what was asked then
        changed = {name: value for name, value in values.items() if name != "move_line_id" and self[name] != value}
        if changed:
            self.write(changed)
