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


class PaylinkSendLine(models.TransientModel):
    """One link that the wizard will make: who is asked, for what, where it is sent, and what speaks against it."""

    _name = "paylink.send.line"
    _description = "Collection Link to Send"

    wizard_id = fields.Many2one("paylink.send", required=True, ondelete="cascade", index=True)
    # Which group of items it is (see _groups): what is asked for is read from there, never from the client.
    key = fields.Char(readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    documents = fields.Char(readonly=True)
    document_count = fields.Integer(string="Number of documents", readonly=True)
    amount = fields.Monetary(readonly=True)
    email = fields.Char(string="E-mail")
    phone = fields.Char(string="Mobile")
    lang = fields.Selection(selection=lambda self: self.env["res.lang"].get_installed(), string="Language")
    blocked = fields.Char(string="Why not", readonly=True)
    problem = fields.Char(compute="_compute_problem")
    warning = fields.Char(compute="_compute_problem")
    existing_link_id = fields.Many2one("paylink.link", string="Open link", readonly=True)
    existing_cover = fields.Selection(COVERS, readonly=True)
    existing_text = fields.Char(string="Already asked", compute="_compute_existing_text")
    reuse = fields.Boolean(string="Send it again", default=True)

    @api.depends("blocked", "email", "phone", "wizard_id.send_email", "wizard_id.send_sms")
    def _compute_problem(self):
        requests = self.env["paylink.link"]
        for line in self:
            wizard = line.wizard_id
            line.problem = line.blocked or requests._recipient_problem(
                line.partner_id, line.email, line.phone, wizard.send_email, wizard.send_sms
            )
            line.warning = requests._recipient_warning(line.partner_id, line.email, wizard.send_email)

    # === WHAT IS ASKED FOR === #

    @api.model
    def _groups(self, wizard):
        """The open items of each link to make, by key: one per company, currency and customer (and document).

        Items are in sudo mode; the user's right to the selected records is checked by :meth:`paylink.send._sources`.
        """
        sources = wizard._sources()
        if sources._name == "res.partner":
            items = sources._paylink_open_items(wizard.env.companies)
        else:
            items = sources.filtered(lambda move: move.company_id in wizard.env.companies)._paylink_open_items()
        items -= items._paylink_in_flight()
        per_document = wizard.grouping == "document"
        return items.grouped(
            lambda item: "-".join(
                map(
                    str,
                    (
                        item.company_id.id,
                        item.currency_id.id,
                        item.partner_id.commercial_partner_id.id,
                        item.move_id.id if per_document else 0,
                    ),
                )
            )
        )

    @api.model
    def _prepare_lines(self, wizard):
        """The values of the lines of ``wizard``: what can be asked first, then what can't, with the reason."""
        sources = wizard._sources()
        if wizard.kind == "free":
            return [self._free_values(wizard, partner) for partner in sources if sources._name == "res.partner"]
        groups = self._groups(wizard)
        items = self.env["account.move.line"].sudo().union(*groups.values())
        due = items._paylink_due()
        existing = self._existing_links(groups)
        labels = items._paylink_labels()
        values = [
            self._group_values(key, group, due, existing)
            | {
                "documents": ", ".join(labels[item.id] for item in group[:3])
                + (f" +{len(group) - 3}" if len(group) > 3 else ""),
            }
            for key, group in groups.items()
        ]
        return values + self._blocked_values(sources, items)

    @api.model
    def _group_values(self, key, items, due, existing):
        """The values of the line of one group of items."""
        documents = items.move_id
        amount = sum(due[item.id] for item in items)
        nothing = items[:1].currency_id.compare_amounts(amount, 0) <= 0
        origin = self._group_origin(items)
        return (
            self._partner_values(self.env["res.partner"].browse(origin["partner_id"]))
            | origin
            | {
                "key": key,
                "document_count": len(documents),
                "amount": amount,
                "blocked": (nothing and self.env._("Nothing is due: credits cover the invoices."))
                or (not origin["partner_id"] and self.env._("The entry has no customer.")),
            }
            | existing[key].line_values()
        )

    @api.model
    def _group_origin(self, items):
        """Who owes these items to whom: the contact invoiced, or the customer where there are several."""
        contacts = items.move_id.partner_id
        partner = contacts if len(contacts) == 1 else items.partner_id.commercial_partner_id[:1]
        return {"partner_id": partner.id, "company_id": items.company_id.id, "currency_id": items.currency_id.id}

    @api.model
    def _free_origin(self, wizard):
        """Who is asked for a free amount, and by which company."""
        return {
            "partner_id": wizard._sources()[:1].id,
            "company_id": wizard.company_id.id,
            "currency_id": (wizard.currency_id or wizard.company_id.currency_id).id,
        }

    @api.model
    def _free_values(self, wizard, partner):
        return self._partner_values(partner) | {
            "key": f"free-{partner.id}",
            "company_id": wizard.company_id.id,
            "currency_id": wizard.company_id.currency_id.id,
        }

    @api.model
    def _partner_values(self, partner):
        return {
            "partner_id": partner.id,
            "email": partner.email,
            "phone": partner.phone,
            "lang": partner.lang or self.env.lang,
        }

    @api.model
    def _blocked_values(self, sources, items):
        """A line for each selected record that nothing can be asked for, saying why."""
        used = items.move_id if sources._name == "account.move" else items.partner_id.commercial_partner_id
        return [
            self._partner_values(record if sources._name == "res.partner" else record.partner_id)
            | {
                "documents": record.display_name,
                "company_id": self.env.company.id,
                "currency_id": self.env.company.currency_id.id,
                "blocked": self._why_blocked(record),
            }
            for record in sources
            if (record if sources._name == "account.move" else record.commercial_partner_id).sudo() not in used.sudo()
        ]

    @api.model
    def _why_blocked(self, record):
        if record._name == "res.partner":
            return self.env._("Nothing is due, or a payment is in progress.")
        if record.state != "posted":
            return self.env._("Not posted yet: confirm it first.")
        if record.move_type not in ("out_invoice", "out_refund", "out_receipt"):
            return self.env._("Not a customer invoice.")
        if record.company_id not in self.env.companies:
            return self.env._("It belongs to another company: switch to it.")
        if record._paylink_open_items():
            return self.env._("A payment is in progress.")
        return self.env._("Already paid.")

    def _link_values(self):
        """What is particular to the link of this line."""
        self.ensure_one()
        wizard = self.wizard_id
        values = {"email": self.email, "phone": self.phone, "lang": self.lang}
        if len(wizard.line_ids) == 1:
            limited = wizard.kind == "open_items" and self.currency_id.compare_amounts(wizard.amount, self.amount) < 0
            values |= wizard._single_values()
            if wizard.kind == "free":
                values["amount"] = wizard.amount
            elif limited:
                values |= {"amount": wizard.amount, "is_limited": True}
        # The account chosen is one company's: the links of another one offer that one's own.
        if self.company_id == wizard.company_id:
            values["bank_account_id"] = wizard.bank_account_id.id
        return values

    def _save_on_contacts(self):
        """Keep the addresses typed here on the contacts."""
        for line in self:
            if values := line._contact_values():
                line.partner_id.write(values)

    def _contact_values(self):
        """The addresses given here that the contact lacks, where the user may save them."""
        self.ensure_one()
        wizard = self.wizard_id
        given = wizard if len(wizard.line_ids) == 1 else self
        used = {"email": wizard.send_email, "phone": wizard.send_sms}
        partner = self.partner_id
        values = {name: given[name] for name, sent in used.items() if sent and given[name] and not partner[name]}
        return values if values and partner and partner.has_access("write") else {}

    # === OPEN LINKS === #
    # The open link that already asks for the items of a line, or for some of them.

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
                raise UserError(
                    self.env._("The open link has changed in the meantime. Close this window and start again.")
                )
