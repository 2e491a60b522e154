from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount

# How much of what is to be asked for an open link already asks for, best first.
COVERS = [
    ("same", "The same"),
    ("more", "The same and more"),
    ("part", "A part of it"),
    # Its page shows the saved payment methods of that contact: it can't be sent to this one.
    ("other", "Of another contact"),
]
RANKS = {cover: rank for rank, (cover, _label) in enumerate(COVERS)}


class Existing(NamedTuple):
    """An open link (or none), and how much of a group of items it asks for."""

    link: models.Model
    cover: str | None = None

    def line_values(self):
        """The values of the wizard's line: only a link that asks for just the same is used again unless told so."""
        return {
            "existing_link_id": self.link.id,
            "existing_cover": self.cover,
            "reuse": self.cover in (None, "same"),
        }


class PaylinkSendLineReuse(models.TransientModel):
    """The open link that already asks for the items of a line, or for some of them."""

    _inherit = "paylink.send.line"

    existing_link_id = fields.Many2one("paylink.link", string="Open link", readonly=True)
    existing_cover = fields.Selection(COVERS, readonly=True)
    existing_text = fields.Char(string="Already asked", compute="_compute_existing_text")
    reuse = fields.Boolean(string="Send it again", default=True)

    @api.depends("existing_link_id", "existing_cover")
    def _compute_existing_text(self):
        readable = self.existing_link_id._filtered_access("read")
        due = readable._due_amounts()
        for line in self:
            link = line.existing_link_id & readable
            line.existing_text = link and line._existing_text(link, due[link.id])

    def _existing_text(self, link, due):
        values = {
            "link": link.name,
            "amount": format_amount(self.env, due, link.currency_id),
            "documents": link._documents_text(self.env, link.line_ids),
        }
        texts = {
            "same": self.env._("%(link)s already asks for this and is still open.", **values),
            "more": self.env._("%(link)s already asks for this and for more: %(amount)s for %(documents)s.", **values),
            "part": self.env._("%(link)s already asks for a part of this: %(amount)s for %(documents)s.", **values),
            "other": self.env._(
                "%(link)s already asks %(partner)s: %(amount)s for %(documents)s.",
                **values,
                partner=link.partner_id.display_name,
            ),
        }
        return texts[self.existing_cover or "same"]

    @api.model
    def _existing_links(self, groups):
        """The best of the live links that ask for items of each group and that the user may read.

        :param dict groups: items by key
        :return: :class:`Existing` by key
        """
        Link = self.env["paylink.link"]
        live = Link._live_links_by_items(self.env["account.move.line"].sudo().union(*groups.values()))
        readable = Link.browse([link.id for link in live])._filtered_access("read")
        asked = {link: live[link.sudo()] for link in readable}
        by_item = {}
        for link, item_ids in asked.items():
            for item_id in item_ids:
                by_item.setdefault(item_id, {})[link] = item_ids
        return {key: self._best_link(group, by_item) for key, group in groups.items()}

    @api.model
    def _best_link(self, items, by_item):
        """The link that fits ``items`` best: the same, else all of them, else most of them, else the newest.

        :param dict by_item: the ids of all items of each link, by link, by item id
        """
        wanted, partner_id = set(items.ids), self._group_origin(items)["partner_id"]
        found = {link: asked for item_id in items.ids for link, asked in by_item.get(item_id, {}).items()}
        ranked = sorted(
            (RANKS[self._cover(link, asked, wanted, partner_id)], -len(asked & wanted), -link.id)
            for link, asked in found.items()
        )
        if not ranked:
            return Existing(self.env["paylink.link"])
        rank, _overlap, negative_id = ranked[0]
        return Existing(self.env["paylink.link"].browse(-negative_id), COVERS[rank][0])

    @api.model
    def _cover(self, link, asked, wanted, partner_id):
        if link.partner_id.id != partner_id:
            return "other"
        if link.is_limited or not wanted <= asked:
            return "part"
        return "same" if asked == wanted else "more"

    def _reused_link(self, existing):
        """The open link that is sent again for this line instead of a new one; empty for a new one.

        :param existing: what :meth:`_existing_links` finds now: a link that only overlaps must be the one chosen
        """
        wizard = self.wizard_id
        if not self._wants_again() or existing.cover == "other":
            return existing.link.browse()
        if existing.cover != "same":
            return existing.link & self.existing_link_id
        changed = wizard._only_line() == self and wizard.currency_id.compare_amounts(wizard.amount, wizard.amount_due)
        return existing.link.browse() if changed else existing.link

    def _wants_again(self):
        self.ensure_one()
        wizard = self.wizard_id
        return wizard.reuse if wizard._only_line() == self else self.reuse

    def _check_nothing_chosen(self):
        """Make no new link where another one was to be sent again, but has changed since: its amount would differ."""
        for line in self:
            if line.existing_cover in ("more", "part") and line._wants_again():
                raise UserError(self.env._("The open link has changed meanwhile. Close this and start again."))


class PaylinkSendReuse(models.TransientModel):
    """The same for the only link of the wizard."""

    _inherit = "paylink.send"

    existing_link_id = fields.Many2one("paylink.link", compute="_compute_existing")
    existing_text = fields.Char(compute="_compute_existing")
    existing_cover = fields.Selection(COVERS, compute="_compute_existing")
    has_existing = fields.Boolean(compute="_compute_existing")
    reuse = fields.Boolean(
        string="Send this link again as it is, instead of making a new one",
        compute="_compute_reuse",
        store=True,
        readonly=False,
    )

    @api.depends("line_ids")
    def _compute_existing(self):
        for wizard in self:
            line = wizard._only_line()
            wizard.existing_link_id = line.existing_link_id
            wizard.existing_text = line.existing_text
            wizard.existing_cover = line.existing_cover
            wizard.has_existing = bool(wizard.line_ids.existing_link_id)

    @api.depends("line_ids")
    def _compute_reuse(self):
        for wizard in self:
            line = wizard._only_line()
            wizard.reuse = line.reuse or not line
