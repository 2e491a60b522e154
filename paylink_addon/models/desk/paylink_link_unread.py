"""Stage of ``paylink.link``: what its owner has not seen yet, in the top bar."""

from odoo import api, models

# What changes how much is unread of whom.
WATCHED = {"unread", "user_id"}
# The number in the top bar goes up to this; it says that there are more.
MOST = 100
# How many the menu in the top bar shows.
LATEST = 8


class PaylinkLinkUnread(models.Model):
    """What its owner has not seen yet: told to the browser as it happens, and shown in the top bar.

    Who has no right to links has no such menu, and nobody sees or marks what is a colleague's.
    """

    _inherit = "paylink.link"

    _unread_index = models.Index("(user_id, news_at) WHERE unread IS TRUE")

    # === CRUD METHODS === #

    def write(self, vals):
        """Browsers of whoever has more, or less, to read than before are told so, once it is committed."""
        before = self._readers(vals)
        result = super().write(vals)
        (before | self._readers(vals))._bus_send("paylink_addon.unread", {})
        return result

    def _readers(self, vals):
        """Whose number of unread links ``vals`` may change, in sudo mode."""
        if not WATCHED & vals.keys():
            return self.env["res.users"]
        links = self.sudo()
        return (links if "unread" in vals else links.filtered("unread")).user_id

    # === THE TOP BAR === #

    @api.model
    def unread_count(self):
        """How many of the user's own links have something new, at most :data:`MOST`."""
        return self.search_count(self._unread_domain(), limit=MOST)

    @api.model
    def unread_latest(self):
        """The latest of the user's own links that have something new, as the menu shows them.

        :return: a list of dicts: ``id``, ``customer``, ``amount`` (a text), ``news_at``, ``status`` and its ``label``
        """
        names = ["partner_id", "amount", "amount_kept", "currency_id", "news_at", "status"]
        labels = dict(self._fields["status"]._description_selection(self.env))
        links = self.search_fetch(self._unread_domain(), names, limit=LATEST, order="news_at DESC NULLS LAST, id DESC")
        return [
            {
                "id": link.id,
                "customer": link.partner_id.sudo().display_name,
                "amount": link._amount_text(max(link.amount_kept, 0) or link.amount),
                "news_at": link.news_at,
                "status": link.status,
                "label": labels[link.status],
            }
            for link in links
        ]

    @api.model
    def action_mark_all_read(self):
        """Mark all of the user's own links as read."""
        self.search(self._unread_domain()).action_mark_read()
        return True

    @api.model
    def _unread_domain(self):
        return [("unread", "=", True), ("user_id", "=", self.env.uid)]
