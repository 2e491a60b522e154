"""Stage of ``paylink.card.request``: what a new customer has stored is linked to a customer."""

import re
from functools import partial

import phonenumbers
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, email_normalize

from ...const import LIVE_STATES, Task
from ...tools.addresses import parse_phone
from ...tools.locks import hold_and_touch

# How much a likeness says, and in which order it is told.
WEIGHTS = {"email": 8, "vat": 4, "phone": 2, "name": 1}
MAX_SUGGESTIONS = 10
# Shorter ones are no VAT numbers.
SHORTEST_VAT = 5


class PaylinkCardRequestLink(models.Model):
    """Who may see a request links it to a customer whom they may read; nothing is linked by itself."""

    _inherit = "paylink.card.request"

    linking = fields.Selection(
        [("to_link", "To link"), ("linked", "Linked")],
        string="Customer Link",
        compute="_compute_linking",
        store=True,
        index="btree_not_null",
        help="What a new customer has stored waits until somebody says whose it is.",
    )
    linked_at = fields.Datetime(string="Linked on", readonly=True, copy=False)
    linked_by_id = fields.Many2one("res.users", string="Linked by", readonly=True, copy=False)

    # === COMPUTE METHODS === #

    @api.depends("is_new", "token_id.active", "linked_at")
    def _compute_linking(self):
        for request in self:
            stored = request.sudo().token_id.active
            request.linking = stored and ("to_link" if request.is_new else request.linked_at and "linked")

    # === ACTIONS === #

    def action_link(self):
        """Open the dialog that says to whom it may belong."""
        self.ensure_one()
        self._check_may_link()
        return self.env["paylink.card.link"]._action_open(self)

    def action_create_customer(self):
        """Create the customer from what was said; where there are some like it, show them first."""
        self.ensure_one()
        self._check_may_link()
        if self._suggestions()[self]:
            return self.env["paylink.card.link"]._action_open(self)
        self._create_customer()
        return True

    def action_undo_link(self):
        """Put what was linked to the wrong customer back among what is to be linked."""
        self.ensure_one()
        self.check_access("write")
        self.partner_id.check_access("read")
        request, tokens = self.sudo(), self._stored_tokens()
        hold_and_touch(request, tokens)
        if request.linking != "linked":
            raise UserError(self.env._("%(name)s is not linked.", name=self.name))
        self._check_not_charged(tokens)
        customer = request.partner_id
        request._move_to(request.company_id._paylink_newcomer(), tokens)
        request.write({"linked_at": False, "linked_by_id": False})
        tokens._paylink_stripe_note_owner()
        self._log_events("unlinked", {self.id: customer.display_name})
        return True

    # === LINKING === #

    def _check_may_link(self):
        """Whether it waits to be linked, and by this user.

        :raises UserError: it does not
        """
        self.check_access("write")
        if self.linking != "to_link":
            raise UserError(self.env._("%(name)s does not wait to be linked: reload the page.", name=self.name))

    def _link_to(self, partner):
        """Give what was stored, with its consent, to a customer.

        :raises UserError: it can't be
        """
        self.ensure_one()
        partner.check_access("read")
        request, tokens = self.sudo(), self._stored_tokens()
        hold_and_touch(request, tokens)
        self._check_may_link()
        self._check_customer(partner)
        tokens._paylink_stripe_check_owner(partner)
        request._move_to(partner, tokens)
        request.write({"linked_at": fields.Datetime.now(), "linked_by_id": self.env.uid})
        tokens._paylink_stripe_note_owner()
        for token in tokens.filtered("active"):
            token._paylink_be_default()
        self._log_events("linked", {self.id: partner.display_name})

    def _check_customer(self, partner):
        company, owner = self.company_id, partner.sudo().company_id
        if owner and owner != company:
            raise UserError(
                self.env._(
                    "%(partner)s belongs to another company than %(name)s.",
                    partner=partner.display_name,
                    name=self.name,
                )
            )
        if not partner.active:
            raise UserError(self.env._("%(name)s is archived: restore the contact first.", name=partner.display_name))

    def _check_not_charged(self, tokens):
        domain = [("token_id", "in", tokens.ids), ("operation", "!=", "validation")]
        domain.append(("state", "not in", ("cancel", "error")))
        if charge := self.env["payment.transaction"].sudo().search(domain, limit=1):
            raise UserError(
                self.env._(
                    "%(method)s has been charged for this customer (%(reference)s), so it stays theirs. If that was "
                    "wrong, refund the payment, and ask for the method again.",
                    method=charge.token_id.display_name,
                    reference=charge.reference,
                )
            )

    def _stored_tokens(self):
        """All that was stored by this request: a method that came too late as well."""
        domain = [("paylink_card_request_id", "=", self.id)]
        return self.env["payment.token"].sudo().with_context(active_test=False).search(domain, order="id")

    def _move_to(self, partner, tokens):
        """Make it ``partner``'s; where it was sent to stays as it is. Whom it belonged to is asked for nothing else in
        its place, and relies on it no longer.
        """
        before = self.partner_id.commercial_partner_id
        domain = [("replaces_id", "in", tokens.ids), ("state", "in", ("draft", *LIVE_STATES))]
        self.search(domain).action_cancel()
        # Not what follows from the customer: it was sent where it was sent.
        self.write({"partner_id": partner.id, "email": self.email, "phone": self.phone, "lang": self.lang})
        self.transaction_ids.write({"partner_id": partner.id})
        tokens.write({"partner_id": partner.id})
        for token in tokens:
            customer = before.with_company(token.company_id)
            # Nothing is charged instead of it: nobody has chosen what.
            if customer.paylink_token_id == token:
                customer.paylink_token_id = False

    def _create_customer(self):
        """Make the customer of what was said, with the company as its parent if there is one; link to it."""
        self.ensure_one()
        common = {"lang": self.lang}
        person = {"name": self.given_name or self.customer_name, "email": self.given_email, "phone": self.given_phone}
        business = {"name": self.given_company, "is_company": True, "vat": self.given_vat} if self.given_company else {}
        if business:
            person["parent_id"] = self._create_contact(common | business).id
        elif self.given_vat:
            person["vat"] = self.given_vat
        self._link_to(self._create_contact(common | person))

    @api.model
    def _create_contact(self, values):
        """A contact; without its VAT number, which nobody has checked, where Odoo refuses that."""
        try:
            with self.env.cr.savepoint():
                return self.env["res.partner"].create(values)
        except ValidationError:
            if not values.get("vat"):
                raise
            return self.env["res.partner"].create(values | {"vat": False})

    # === SUGGESTIONS === #

    def _suggestions(self):
        """Whom these may belong to, of the customers whom the user may read, the likeliest first.

        One query, however many.

        :return: by request a list of ``(partner, reasons)``; the reasons are keys of :data:`WEIGHTS`
        """
        found = {request: [] for request in self}
        asked = [row for request in self.filtered("is_new") for row in request._likenesses()]
        if not asked:
            return found
        Partner = self.env["res.partner"]
        Partner.flush_model()
        for request_id, partner_id, *same in self.env.execute_query(self._suggestion_query(asked)):
            reasons = [name for name, is_same in zip(WEIGHTS, same, strict=True) if is_same]
            found[self.browse(request_id)].append((Partner.browse(partner_id), reasons))
        return found

    def _likenesses(self):
        """What is compared of this one, as rows ``(request, company, kind, value)``."""
        emails = {email_normalize(text) for text in (self.given_email, self.email) if text}
        phones = {self._e164(text) for text in (self.given_phone, self.phone) if text}
        names = {text.lower() for text in (self.given_name, self.given_company) if text}
        vat = _bare_vat(self.given_vat or "")
        values = {"email": emails, "phone": phones, "name": names, "vat": {vat} if len(vat) >= SHORTEST_VAT else ()}
        return [
            (self.id, self.company_id.id, kind, value)
            for kind, found in values.items()
            for value in filter(None, found)
        ]

    def _e164(self, text):
        try:
            parsed = parse_phone(text, self.company_id.sudo().country_id.code)
        except phonenumbers.NumberParseException:
            return False
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)

    @api.model
    def _suggestion_query(self, asked):
        """Who has the same, and what; at most :data:`MAX_SUGGESTIONS` of each request."""
        allowed = self.env["res.partner"]._search(Domain.TRUE)
        rows = SQL(", ").join(SQL("(%s::int, %s::int, %s, %s)", *row) for row in asked)
        same = SQL(", ").join(SQL("bool_or(a.kind = %s) AS %s", kind, SQL.identifier(kind)) for kind in WEIGHTS)
        weight = SQL(" + ").join(
            SQL("%s * (%s)::int", points, SQL.identifier(kind)) for kind, points in WEIGHTS.items()
        )
        return SQL(
            """
            WITH asked (request_id, company_id, kind, value) AS (VALUES %(rows)s),
            found AS (
                SELECT a.request_id, p.id AS partner_id, %(same)s
                  FROM res_partner p
                  JOIN asked a
                    ON CASE a.kind
                       WHEN 'email' THEN p.email_normalized = a.value
                       WHEN 'phone' THEN p.phone_sanitized = a.value
                       WHEN 'name' THEN lower(%(name)s) = %(value)s
                       ELSE p.id = p.commercial_partner_id AND %(vat)s = a.value
                       END
                 WHERE p.id IN %(allowed)s AND (p.company_id IS NULL OR p.company_id = a.company_id)
              GROUP BY a.request_id, p.id),
            ranked AS (
                SELECT *, row_number() OVER (PARTITION BY request_id ORDER BY %(weight)s DESC, partner_id) AS place
                  FROM found)
            SELECT request_id, partner_id, %(kinds)s FROM ranked WHERE place <= %(limit)s ORDER BY request_id, place
            """,
            rows=rows,
            same=same,
            name=self.env.registry.unaccent(SQL("p.name")),
            value=self.env.registry.unaccent(SQL("a.value")),
            vat=SQL("regexp_replace(regexp_replace(upper(p.vat), '[^A-Z0-9]', '', 'g'), '^[A-Z]{2}', '')"),
            allowed=allowed.subselect(),
            weight=weight,
            kinds=SQL(", ").join(map(SQL.identifier, WEIGHTS)),
            limit=MAX_SUGGESTIONS,
        )

    @api.model
    def _reason_texts(self, reasons):
        """Why a customer is suggested, in words."""
        texts = {
            "email": self.env._("same e-mail address"),
            "vat": self.env._("same VAT number"),
            "phone": self.env._("same phone number"),
            "name": self.env._("same name"),
        }
        return ", ".join(texts[reason] for reason in reasons)

    # === WHO IS TOLD === #

    def _give_link_task(self, token):
        """What a new customer has stored waits for somebody: where the owner has left, for the payment managers."""
        if self.is_new and not self.user_id.active:
            managers = self.company_id._paylink_managers()
            texts = partial(self._link_texts, token)
            self.env["paylink.task.mixin"]._give(self, Task.CARD_TO_LINK, texts, managers)

    def _link_texts(self, token, env):
        return env._("A stored payment method waits to be linked"), self.with_env(env)._stored_text(token)

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"linking"}

    def _paylink_done_card_to_link(self, _task):
        return self.linking != "to_link"

    def _stored_text(self, token):
        """What the owner is told of a method that was stored."""
        text = self.env._("%(method)s (%(name)s)", method=token.display_name, name=self.name)
        if not self.is_new:
            return self.env._("%(who)s has stored %(method)s.", who=self.customer_name, method=text)
        return self.env._(
            "%(who)s has stored %(method)s. Link it to a customer, or create the customer from it.",
            who=self.customer_name,
            method=text,
        )


def _bare_vat(text):
    """A VAT number without spaces, signs and the letters of its country."""
    return re.sub(r"^[A-Z]{2}", "", re.sub(r"[^A-Z0-9]", "", text.upper()))
