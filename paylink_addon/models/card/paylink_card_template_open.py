"""Stage of ``paylink.card.template``: the page with an address of its own, which anyone may open."""

import secrets
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ...const import CARD_OPEN_PATH, TOKEN_BYTES, Task
from ...tools.locks import take_free, unless_busy
from ..messaging.paylink_request_mixin import TOKEN_PATTERN

# How often it is told at most that too many have come by a page.
TOLD_AGAIN = timedelta(days=1)


class PaylinkCardTemplateOpen(models.Model):
    """An address for a site, a signature, a poster. Who comes by it proves an e-mail address by a code; only then
    anything is made: a request, of the one customer who has that address, else of somebody who is none yet.
    """

    _inherit = "paylink.card.template"

    public_token = fields.Char(
        string="Token of the Page",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: secrets.token_urlsafe(TOKEN_BYTES),
    )
    public_url = fields.Char(string="Address of the Page", compute="_compute_public_url")
    is_open = fields.Boolean(
        string="Page is on", default=True, copy=False, help="Anyone who has the address can use it."
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        domain=[("share", "=", False)],
        help="Gets the requests that come by the page. Empty: a payment manager.",
    )
    visit_count = fields.Integer(string="Visits", readonly=True, copy=False)
    full_at = fields.Datetime(string="Has refused visitors since", readonly=True, copy=False)
    is_full = fields.Boolean(compute="_compute_is_full", help="More codes were asked for than it sends in an hour.")
    submission_count = fields.Integer(string="Submissions", compute="_compute_submission_count")

    _public_token_unique = models.UniqueIndex("(public_token)")

    # === COMPUTE METHODS === #

    @api.depends("public_token", "kind", "company_id")
    def _compute_public_url(self):
        for template in self:
            base = template.company_id.sudo()._paylink_base_url()
            is_public = template.kind == "generic" and template.public_token
            template.public_url = is_public and f"{base}{CARD_OPEN_PATH}/{template.public_token}"

    @api.depends("full_at")
    def _compute_is_full(self):
        for template in self:
            template.is_full = template._was_told_full()

    def _compute_submission_count(self):
        """How many have proved an address on the page."""
        Request = self.env["paylink.card.request"].sudo()
        domain = [("template_id", "in", self.ids), ("kind", "=", "generic")]
        counts = dict(Request._read_group(domain, ["template_id"], ["__count"]))
        for template in self:
            template.submission_count = counts.get(template, 0)

    # === CONSTRAINTS === #

    @api.constrains("kind", "company_id", "user_id")
    def _check_open(self):
        for template in self.filtered(lambda template: template.kind == "generic"):
            if not template.company_id:
                raise ValidationError(self.env._("A page that anyone may open is of one company: choose it."))
            if template.user_id and template.company_id not in template.user_id.sudo().company_ids:
                raise ValidationError(
                    self.env._(
                        "%(user)s does not work in %(company)s: choose somebody else.",
                        user=template.user_id.name,
                        company=template.company_id.name,
                    )
                )

    # === ACTIONS === #

    def action_copy_address(self):
        """Return the address to the client, which copies it."""
        self.ensure_one()
        self.check_access("read")
        if self.kind != "generic" or not self.is_open:
            raise UserError(self.env._("The page of “%(name)s” is switched off.", name=self.name))
        if not self._can_store():
            raise UserError(self._nowhere_text(self.company_id.sudo()))
        return {"type": "ir.actions.client", "tag": "paylink_addon.copy", "params": {"text": self.public_url}}

    def action_qr_png(self):
        """Show the QR code of the address, to be printed."""
        return self._action_qr("png")

    def action_qr_svg(self):
        """Likewise, in any size."""
        return self._action_qr("svg")

    def _action_qr(self, kind):
        self.ensure_one()
        self.check_access("read")
        return {"type": "ir.actions.act_url", "url": f"{CARD_OPEN_PATH}/{self.public_token}/qr.{kind}", "target": "new"}

    def action_replace_address(self):
        """Give the page another address: whoever has the old one can't use it anymore."""
        self.ensure_one()
        self.check_access("write")
        self.sudo().write({"public_token": secrets.token_urlsafe(TOKEN_BYTES), "full_at": False})
        return True

    def action_switch(self):
        """Switch the page off, or on again."""
        self.ensure_one()
        self.check_access("write")
        self.is_open = not self.is_open
        return True

    # === THE PAGE === #
    # Callers have checked the token; all is in sudo mode.

    @api.model
    def _find_open(self, token):
        """The template whose page has this token, whether it is on or not, in sudo mode; or an empty record set.

        :param token: as it came in a URL: anything
        """
        if not isinstance(token, str) or not TOKEN_PATTERN.fullmatch(token):
            return self.sudo().browse()
        return self.sudo().search([("public_token", "=", token), ("kind", "=", "generic")], limit=1)

    def _is_usable(self):
        """Whether the page is on, and there is something to store a method with."""
        return bool(self.is_open and self.active and self.company_id and self._can_store())

    def _can_store(self):
        return bool(self._options(self.company_id.sudo(), self.env["res.partner"])[1])

    def _note_visit(self):
        """Count a person who has touched the page. Nobody waits for it, and nothing is run again for it: of two at the
        same moment one may not count.
        """
        query = SQL(
            """
            UPDATE paylink_card_template SET visit_count = coalesce(visit_count, 0) + 1
             WHERE id IN (SELECT id FROM paylink_card_template WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED)
            """,
            self.id,
        )
        with unless_busy(self.env):
            self.env.cr.execute(query, log_exceptions=False)
        self.invalidate_recordset(["visit_count"])

    def _note_full(self, count):
        """The page has sent as many codes as it may: its people are told, once a day; one visitor may be the cause.
        Nobody waits for it: who finds the template held leaves that to the next one.

        :param int count: how many may be sent in an hour
        """
        if self._was_told_full() or not take_free(self):
            return
        self.full_at = fields.Datetime.now()
        self.flush_recordset(["full_at"])
        users = self.company_id._paylink_managers()
        self.env["paylink.task.mixin"]._give(
            None, Task.CARD_PAGE_FULL, partial(self._full_texts, count), users, about=self
        )

    def _was_told_full(self):
        return bool(self.full_at and self.full_at > fields.Datetime.now() - TOLD_AGAIN)

    def _full_texts(self, count, env):
        name = self.with_env(env).name
        return env._("Too many visitors: %(page)s", page=name), env._(
            "The page “%(page)s” has sent %(count)s codes within an hour, and sends no more for now. Somebody may be "
            "abusing it: give the page another address, or switch it off for a time (Card Request Templates).",
            page=name,
            count=count,
        )

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"full_at", "is_open"}

    def _paylink_done_card_page_full(self, _task):
        """The page has another address, or is off, or a day has gone by."""
        return not self.is_open or not self._was_told_full()

    def _spoken(self, lang):
        """The language of the page: ``lang``, if the template says all in it."""
        own = self.company_id._paylink_lang()
        installed = [code for code, _name in self.env["res.lang"].get_installed()]
        return next((code for code in (lang, own, *installed) if code and not self._wording_problem(code)), "en_US")

    def _open_values(self):
        """The values of all states of the page, in the language of the context."""
        return {
            "link": None,
            "storing_help": True,
            "is_open": True,
            "company": self.company_id,
            "base": f"{CARD_OPEN_PATH}/{self.public_token}",
            "title": self.title,
            "text": self.text,
        }

    # === WHO HAS PROVED AN ADDRESS === #

    def _new_request(self, email, said):
        """The request of whoever has proved an e-mail address: only now it is looked up.

        :param str email: normalized
        :param dict said: what was said on the page
        """
        company = self.company_id
        customer = self._known_customer(email)
        values = {"given_email": email, **said} if not customer else {"linked_at": fields.Datetime.now()}
        request = self.env["paylink.card.request"].create(
            {
                **values,
                "template_id": self.id,
                "company_id": company.id,
                "partner_id": (customer or company._paylink_newcomer()).id,
                "user_id": self._responsible().id,
                "email": email,
                "phone": customer.phone or said.get("given_phone"),
                "lang": self.env.lang,
                "verified_at": fields.Datetime.now(),
            }
        )
        request._issue()
        request._mark_opened()
        return request

    def _responsible(self):
        """Who gets the requests of the page."""
        user = self.user_id.filtered(lambda user: user.active and self.company_id in user.company_ids)
        return user or self.company_id._paylink_managers()[:1]

    def _known_customer(self, email):
        """The contact with this address, if it is of exactly one customer of the company; else an empty record set."""
        Partner = self.env["res.partner"]
        domain = [("email_normalized", "=", email), ("company_id", "in", [False, self.company_id.id])]
        # Employees are no customers, nor are the companies themselves.
        domain += [("user_ids", "not any", [("share", "=", False)]), ("ref_company_ids", "=", False)]
        found = Partner.search(domain, order="id")
        if len(found.commercial_partner_id) != 1:
            return Partner
        return (found & found.commercial_partner_id) or found[:1]
