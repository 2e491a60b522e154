from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount

from ...tools.gsm import sms_size, sms_text
from ...tools.hooks import named_hook
from ...tools.rows import insert_rows

# How much of what is to be asked for an open link already asks for, best first.
COVERS = [
    ("same", "The same"),
    ("more", "The same and more"),
    ("part", "A part of it"),
    # It is addressed to that contact, by name, and answers go there: it can't be sent to this one.
    ("other", "Of another contact"),
]
RANKS = {cover: rank for rank, (cover, _label) in enumerate(COVERS)}


class Existing(NamedTuple):
    """An open link (or none), and how much of a group of items it asks for."""

    link: models.Model
    cover: str | None = None
    # What to say of colleagues' links, which the user may not read.
    colleagues: str | bool = False

    def line_values(self):
        """The values of the wizard's line: only a link that asks for just the same is used again unless told so."""
        return {
            "existing_link_id": self.link.id,
            "existing_cover": self.cover,
            "reuse": self.cover in (None, "same"),
            "colleagues_text": self.colleagues,
        }


class PaylinkSendLine(models.TransientModel):
    """One link that the wizard will make: who is asked, for what, where and with which words, what speaks against it.

    Of a new line a client says the key, addresses, texts and choices; what only we write is read again by its key. The
    hooks by kind are listed at ``paylink.send``.
    """

    _name = "paylink.send.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Collection Link to Send"

    wizard_id = fields.Many2one("paylink.send", required=True, ondelete="cascade", index=True)
    # Which group of items it is (see _groups): what is asked for is read from there, never from the client.
    key = fields.Char()
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", domain=[("active", "=", True)])
    documents = fields.Char(readonly=True)
    document_count = fields.Integer(string="Number of documents", readonly=True)
    amount_due = fields.Monetary(string="Due", readonly=True)
    amount_later = fields.Monetary(string="Due later", readonly=True, help="What is not due yet of installments.")
    amount = fields.Monetary()
    can_limit = fields.Boolean(compute="_compute_can_limit")
    email = fields.Char(string="E-mail")
    phone = fields.Char(string="Mobile")
    lang = fields.Selection(selection=lambda self: self.env["res.lang"].get_installed(), string="Language")
    reference = fields.Char()
    blocked = fields.Char(string="Why not", readonly=True)
    problem = fields.Char(compute="_compute_problem")
    warning = fields.Char(string="To know", compute="_compute_warning")
    by_email = fields.Boolean(compute="_compute_problem", help="Sent by e-mail.")
    by_sms = fields.Boolean(compute="_compute_problem", help="Sent by SMS.")
    is_amount_missing = fields.Boolean(
        compute="_compute_problem", help="Nothing is wrong: the amount has only not been entered yet."
    )
    existing_link_id = fields.Many2one("paylink.link", string="Open link", readonly=True)
    existing_cover = fields.Selection(COVERS, readonly=True)
    colleagues_text = fields.Char(string="Links of colleagues", readonly=True)
    existing_text = fields.Char(string="Already asked", compute="_compute_existing_text")
    reuse = fields.Boolean(string="Send it again", default=True)
    # What the token is made of, and all that a client has to say of it.
    seed = fields.Char(default=lambda self: self.env["paylink.link"]._new_token())
    access_token = fields.Char(compute="_compute_access_token")
    # The texts of the only message, as the templates say them, to be changed before sending.
    subject = fields.Char(compute="_compute_subject", store=True, readonly=False)
    body = fields.Html(
        string="Content",
        compute="_compute_body",
        store=True,
        readonly=False,
        sanitize_style=True,
        help="The amount, the button and your company's details are added around this text.",
    )
    sms_body = fields.Text(string="SMS text", compute="_compute_sms_body", store=True, readonly=False)
    sms_count = fields.Char(compute="_compute_sms_count")
    sms_warning = fields.Char(compute="_compute_sms_count")
    sms_problem = fields.Char(compute="_compute_sms_count")

    # === COMPUTE METHODS === #

    @api.depends("wizard_id.kind", "company_id")
    def _compute_can_limit(self):
        for line in self:
            line.can_limit = line._of_kind("can_limit")

    @api.depends(
        *("blocked", "amount", "currency_id", "email", "phone", "reuse"),
        *("wizard_id.kind", "wizard_id.send_email", "wizard_id.send_sms", "wizard_id.is_single"),
    )
    def _compute_problem(self):
        """Of many, who can be reached by one of the channels chosen is sent by that one; the only one is corrected."""
        for line in self:
            wizard, reach = line.wizard_id, line._reach()
            line.by_email, line.by_sms = reach.by_email, reach.by_sms
            line.is_amount_missing = wizard.is_free and not line.amount
            line.problem = (
                line.blocked
                or line._of_kind("amount_problem")
                or reach.problem
                or (wizard.is_single and line._channel_problem())
            )

    @api.depends(
        *("blocked", "amount", "currency_id", "email", "phone", "colleagues_text"),
        *("wizard_id.send_email", "wizard_id.send_sms", "wizard_id.is_single"),
    )
    def _compute_warning(self):
        """What the sender should know: nobody reads it of what is sent."""
        unwanted = self.env["paylink.send"]._unwanted_emails(self.mapped("email"))
        version = self.env["payment.provider"]._paylink_version() if self else None
        for line in self:
            wizard, reach = line.wizard_id, line._reach()
            texts = [
                line.colleagues_text,
                not wizard.is_single and reach.left_out,
                *wizard._doubts(reach, line.partner_id, line.email, line.phone, unwanted),
                line._online_warning(version),
            ]
            line.warning = not line.blocked and " ".join(filter(None, texts))

    def _reach(self):
        wizard = self.wizard_id
        return wizard._reach(self.partner_id, self.email, self.phone, wizard.send_email, wizard.send_sms)

    def _channel_problem(self):
        """Why one of the channels chosen does not work."""
        wizard = self.wizard_id
        return self.env["paylink.link"]._recipient_problem(
            self.partner_id, self.email, self.phone, wizard.send_email, wizard.send_sms
        )

    @api.depends("seed")
    def _compute_access_token(self):
        """The link made of this line gets the token that the preview shows: one that no client can choose."""
        token_of = self.env["paylink.link"].sudo()._token_of
        for line in self:
            line.access_token = token_of(f"{self.env.uid} {line.seed}")

    @api.depends(
        *("amount", "currency_id", "lang", "reference", "reuse"),
        *("wizard_id.is_single", "wizard_id.template_id", "wizard_id.expires_at"),
    )
    def _compute_subject(self):
        for line in self:
            line.subject = line._preview(line.wizard_id.template_id, "subject")

    @api.depends(
        *("amount", "currency_id", "lang", "reference", "reuse"),
        *("wizard_id.is_single", "wizard_id.template_id", "wizard_id.expires_at"),
    )
    def _compute_body(self):
        for line in self:
            line.body = line._preview(line.wizard_id.template_id, "body_html")

    @api.depends(
        *("amount", "currency_id", "lang", "reference", "reuse"),
        *("wizard_id.is_single", "wizard_id.sms_template_id", "wizard_id.expires_at"),
    )
    def _compute_sms_body(self):
        for line in self:
            text = line._preview(line.wizard_id.sms_template_id, "body")
            line.sms_body = text and sms_text(text, [(line.currency_id.symbol, line.currency_id.name)])

    @api.depends("sms_body", "wizard_id.is_single", "wizard_id.send_sms")
    def _compute_sms_count(self):
        requests = self.env["paylink.link"]
        only = self.filtered(lambda line: line.wizard_id.is_single)
        (self - only).update({"sms_count": False, "sms_warning": False, "sms_problem": False})
        for line in only:
            sent = line.wizard_id.send_sms
            size = sms_size(sms_text(line.sms_body or ""))
            line.sms_count = (
                self.env._("%(length)s of %(limit)s characters of one SMS", length=size.length, limit=size.limit)
                if size.parts == 1
                else self.env._("%(length)s characters; one SMS holds %(limit)s", length=size.length, limit=size.limit)
            )
            line.sms_warning = sent and requests._sms_warning(line.sms_body)
            line.sms_problem = sent and requests._sms_problem(line.sms_body, line.partner_id.display_name)

    @api.depends("existing_link_id", "existing_cover")
    def _compute_existing_text(self):
        readable = self.existing_link_id._filtered_access("read")
        due = readable._due_amounts()
        for line in self:
            link = line.existing_link_id & readable
            line.existing_text = link and line._existing_text(link, due[link.id])

    # === CRUD METHODS === #

    @api.model
    def _complete(self, vals_list):
        """Read again what only we write; in sudo mode, it may have been read."""
        bare = [vals for vals in vals_list if not any(map(self._is_guarded, vals))]
        wizards = self.env["paylink.send"].browse({vals["wizard_id"] for vals in bare if vals.get("wizard_id")})
        for wizard in wizards:
            own = [vals for vals in bare if vals.get("wizard_id") == wizard.id]
            for vals, known in zip(own, wizard._with_known(own), strict=True):
                vals.update(known)

    @api.model
    def _create_rows(self, wizard, vals_list):
        """Make the lines of ``wizard`` as rows of the table. As records, with all that Odoo computes and remembers of
        each, they would take longer than the links. What is not for clients to say is refused here as well.
        """
        self.check_access("create")
        vals_list = [dict(vals) for vals in vals_list]
        for vals in vals_list:
            self._check_written(vals)
        if not self.env.su:
            vals_list = wizard._with_known(vals_list)
        names = [name for name, field in self._fields.items() if field.store and name != "seed"]
        common, new_token = self.default_get(names), self.env["paylink.link"]._new_token
        own = {"wizard_id": wizard.id}
        insert_rows(self, [common | {"seed": new_token()} | vals | own for vals in vals_list])
        wizard.invalidate_recordset()

    def _completed(self, values):
        """A line that is not stored yet, whose wizard may be stored or not."""
        if self or "key" not in values:
            return values
        wizard = self.new({"wizard_id": values.get("wizard_id")}).wizard_id
        return wizard._with_known([values])[0]

    # === WHAT IS ASKED FOR === #

    def _of_kind(self, hook, *args):
        """What the hook of the wizard's kind answers: ``_<hook>_<kind>``, or ``_<hook>_general``."""
        self.ensure_one()
        return named_hook(self, hook, self.wizard_id.kind)(*args)

    def _can_limit_general(self):
        return True

    def _can_limit_open_items(self):
        return self.company_id.paylink_allow_partial

    def _online_warning(self, version):
        """See ``payment.provider._paylink_online_warning``."""
        if not self.currency_id or self.amount <= 0:
            return False
        line, company = self.sudo(), self.company_id.sudo() or self.env.company.sudo()
        return self.env["payment.provider"]._paylink_online_warning(
            company, line.currency_id, line.amount, line.partner_id, version
        )

    def _amount_problem_general(self):
        """Why the amount can't be asked for, or ``False``."""
        if not self.currency_id or self.currency_id.compare_amounts(self.amount, 0) <= 0:
            return self.env._("Enter the amount to ask for: it must be more than zero.")
        return False

    def _amount_problem_open_items(self):
        if problem := self._amount_problem_general():
            return problem
        difference = self.currency_id.compare_amounts(self.amount, self.amount_due)
        if difference > 0:
            due = self.currency_id.format(self.amount_due)
            return self.env._("You can't ask for more than what is due (%(due)s).", due=due)
        if difference < 0 and not self.can_limit:
            return self.env._("Your company does not allow partial payments: ask for all that is due.")
        return False

    @api.model
    def _group_origin(self, items):
        """Who owes these items to whom: the contact invoiced, or the customer where there are several."""
        contacts = items.move_id.partner_id
        partner = contacts if len(contacts) == 1 else items.partner_id.commercial_partner_id[:1]
        return {"partner_id": partner.id, "company_id": items.company_id.id, "currency_id": items.currency_id.id}

    def _link_values(self, group):
        """What is particular to the link of this line.

        :param group: what it asks for, read again: see ``_groups`` of ``paylink.send``
        """
        wizard = self.wizard_id
        names = ("email", "phone", "lang", "reference", "access_token")
        values = {name: self[name] for name in names} | self._of_kind("asked_values", group)
        values |= {"send_email": self.by_email, "send_sms": self.by_sms}
        # The account chosen is one company's: the links of another one offer that one's own.
        if self.company_id == wizard.company_id:
            values["bank_account_id"] = wizard.bank_account_id.id
        return values

    def _asked_values_general(self, partner):
        company = self.wizard_id.company_id
        return {
            "kind": self.wizard_id.kind,
            "partner_id": partner.id,
            "company_id": company.id,
            "currency_id": (self.currency_id or company.currency_id).id,
            "amount": self.amount,
        }

    def _asked_values_open_items(self, items):
        limited = self.currency_id.compare_amounts(self.amount, self.amount_due) < 0
        return self._group_origin(items) | ({"amount": self.amount, "is_limited": True} if limited else {})

    # === CHANGED MEANWHILE === #
    # What the one message says was written when the dialog was opened.

    def _has_changed_general(self, _known):
        """The sender says what is asked for."""
        return False

    def _has_changed_open_items(self, known):
        """:param dict known: the values of the line, as it would be made now"""
        is_other = self.currency_id.compare_amounts(self.amount_due, known["amount_due"])
        return bool(is_other) or self.documents != known["documents"]

    def _has_changed_renewal(self, known):
        return self._has_changed_open_items(known)

    # === SENT AGAIN === #
    # The successor of a link that is over.

    def _can_limit_renewal(self):
        return False

    def _amount_problem_renewal(self):
        """What is still due is read again."""
        return False

    def _asked_values_renewal(self, link):
        names = ("partner_id", "company_id", "currency_id")
        return {name: link[name].id for name in names} | {"kind": link.kind, "amount": link._check_renewable()}

    def _preview_values_renewal(self, link):
        own = self._asked_values_renewal(link).keys() | self._renewal_choices().keys()
        return {name: value for name, value in link.sudo()._successor_values().items() if name not in own}

    def _renewal_choices(self):
        """What was chosen for a successor in the dialog."""
        wizard = self.wizard_id
        chosen = {name: self[name] for name in ("email", "phone", "lang", "reference", "access_token")}
        chosen |= {"send_email": self.by_email, "send_sms": self.by_sms, "attach_pdf": wizard.attach_pdf}
        if self.company_id == wizard.company_id:
            chosen["bank_account_id"] = wizard.bank_account_id.id
        return chosen

    @api.model
    def _existing_links_renewal(self, groups):
        """What was made of each link meanwhile, and is still open."""
        made = {key: link.sudo()._live_successor().with_env(self.env) for key, link in groups.items()}
        readable = {key: link._filtered_access("read") for key, link in made.items()}
        return {
            key: Existing(link, "same" if link else None, (made[key] - link)._colleagues_text())
            for key, link in readable.items()
        }

    # === ADDRESSES === #

    def _save_on_contacts(self):
        """Keep the addresses typed here on the contacts."""
        for line in self:
            if values := line._contact_values():
                line.partner_id.write(values)

    def _contact_values(self):
        """The addresses given here that the contact lacks, where the user may save them."""
        self.ensure_one()
        used = {"email": self.by_email, "phone": self.by_sms}
        partner = self.partner_id
        values = {name: self[name] for name, sent in used.items() if sent and self[name] and not partner[name]}
        return values if values and partner and partner.has_access("write") else {}

    # === TEXTS === #

    def _preview(self, template, field):
        """What the template says for the only link; an edited text is sent as it is, never rendered again."""
        link = template and self.wizard_id.is_single and self._preview_link()
        if not link:
            return False
        link._check_templates(template)
        # The user may have no right to read all that a message tells the customer.
        return template.sudo().with_context(lang=self.lang)._render_field(field, [link.id])[link.id]

    def _preview_link(self):
        """The link as it would be, in memory, to render texts with; the open one if that is sent again."""
        self.ensure_one()
        wizard = self.wizard_id
        Link = self.env["paylink.link"]
        # What is asked and of whom is read again: a client could have changed the line.
        group = self.partner_id and not self.blocked and wizard._of_kind("groups").get(self.key)
        if not group:
            return Link
        if link := self._reused_links({self.key: group})[self]:
            return link
        values = wizard._common_values() | self._link_values(group) | self._of_kind("preview_values", group)
        return Link.sudo().new(values)

    def _preview_values_general(self, _partner):
        return {}

    def _preview_values_open_items(self, items):
        commands = [fields.Command.create(values) for values in items._paylink_line_values()]
        return {"kind": "open_items", "amount": self.amount, "line_ids": commands, "in_installments": False}

    def _texts(self):
        """The texts of the only message, as they are in the dialog; of several messages the templates say each."""
        return {"subject": self.subject, "body": self.body, "sms_body": self.sms_body} if len(self) == 1 else {}

    # === OPEN LINKS === #
    # The open link that already asks for the items of a line, or for some of them.

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
    def _existing_links_general(self, _groups):
        return {}

    @api.model
    def _existing_links_open_items(self, groups):
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
        colleagues = Link._colleagues_texts(groups, live)
        return {
            key: self._best_link(group, by_item)._replace(colleagues=colleagues.get(key, False))
            for key, group in groups.items()
        }

    @api.model
    def _best_link(self, items, by_item):
        """The link that fits ``items`` best: the same, else all of them, else most of them, else the newest.

        :param dict by_item: the ids of all items of each link, by link, by item id
        """
        found = {link: asked for item_id in items.ids for link, asked in by_item.get(item_id, {}).items()}
        if not found:
            return Existing(self.env["paylink.link"])
        wanted, partner_id = set(items.ids), self._group_origin(items)["partner_id"]
        ranked = sorted(
            (RANKS[self._cover(link, asked, wanted, partner_id)], -len(asked & wanted), -link.id)
            for link, asked in found.items()
        )
        rank, _overlap, negative_id = ranked[0]
        return Existing(self.env["paylink.link"].browse(-negative_id), COVERS[rank][0])

    @api.model
    def _cover(self, link, asked, wanted, partner_id):
        if link.partner_id.id != partner_id:
            return "other"
        if link.is_limited or not wanted <= asked:
            return "part"
        return "same" if asked == wanted else "more"

    def _reused_links(self, groups):
        """The open link that is sent again for each line instead of a new one, by line; empty for a new one.

        :param dict groups: what these lines ask for, by key, read again
        """
        if not self:
            return {}
        existing = self[0]._of_kind("existing_links", groups)
        return {line: line._reused_link(existing.get(line.key)) for line in self}

    def _reused_link(self, existing):
        """:param existing: what asks for it now: a link that only overlaps must be the one chosen"""
        if not existing or not self.reuse or existing.cover == "other":
            return self.existing_link_id.browse()
        if existing.cover != "same":
            return existing.link & self.existing_link_id
        changed = self.currency_id.compare_amounts(self.amount, self.amount_due)
        return existing.link.browse() if changed else existing.link

    def _check_nothing_chosen(self):
        """Make no new link where another one was to be sent again, but has changed since: its amount would differ."""
        for line in self:
            if line.existing_cover in ("more", "part") and line.reuse:
                raise UserError(
                    self.env._("The open link has changed in the meantime. Close this window and start again.")
                )

    def _update_link(self, link):
        """Put on an open link that is sent again what was chosen for it now. It never gets a shorter life."""
        wizard = self.wizard_id
        values = {name: self[name] for name in ("email", "phone", "lang")}
        values |= {"send_email": self.by_email, "send_sms": self.by_sms, "attach_pdf": wizard.attach_pdf}
        expires_at = self._of_kind("expires_at", link)
        if link.expires_at and (not expires_at or expires_at > link.expires_at):
            values["expires_at"] = expires_at
        link.write(values)

    def _expires_at_general(self, _link):
        return self.wizard_id.expires_at
