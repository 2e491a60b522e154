from collections import defaultdict

from odoo import models


class AccountMove(models.Model):
    """What becomes of collection links when their documents are changed.

    Only what has been posted before can have links: making and posting new documents costs nothing.
    """

    _inherit = "account.move"

    def _post(self, soft=True):
        """Links follow what is posted again: its receivable items may be others now."""
        known = self.filtered("posted_before")
        links = known._paylink_locked_links()
        posted = super()._post(soft)
        if links:
            links._follow_documents(posted & known)
        return posted

    def button_draft(self):
        """Nobody pays what is being changed: attempts that wait for the customer are closed."""
        links = self.filtered("posted_before")._paylink_locked_links()
        result = super().button_draft()
        links._close_attempts(self.env._("A document is being changed."))
        return result

    def unlink(self):
        """The owners of links that asked for these documents get a task."""
        links = self.filtered("posted_before")._paylink_locked_links()
        lost = {link: link.line_ids.filtered(lambda line: line.move_id in self).mapped("name") for link in links}
        result = super().unlink()
        for link, names in lost.items():
            link._report_lost(names)
        return result

    def _paylink_locked_links(self):
        """The links, not paid yet, that ask for these documents; locked before the documents, as payers do."""
        if not self:
            return self.env["paylink.link"].sudo()
        lines = self.env["paylink.link.line"].sudo().search([("move_id", "in", self.ids)])
        links = lines.link_id.filtered(lambda link: not link.paid_at)
        if links:
            links._lock()
        return links

    def _paylink_items_by_debtor(self):
        """The ids of the open receivable items of these moves, by document and debtor."""
        found = defaultdict(set)
        for item in self._paylink_open_items():
            found[item._paylink_debtor()].add(item.id)
        return found
