import base64
import re
import secrets

from markupsafe import Markup, escape
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, hmac, html2plaintext

from ...const import TOKEN_BYTES
from ...tools import days, quotes
from ...tools.addresses import readable_phone
from ...tools.texts import said

TOKEN_PATTERN = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


class PaylinkRequestMixin(models.AbstractModel):
    """What every request to a customer shares: a URL of its own, recipients, an owner and a timeline.

    A request is *issued* once its URL may be used, *sent* when a message has been queued, *opened* when a person
    (not a mail scanner) has looked at its page.
    """

    _name = "paylink.request.mixin"
    _inherit = [
        "paylink.guard.mixin",
        "paylink.sending.mixin",
        "paylink.task.mixin",
        "mail.thread",
        "mail.activity.mixin",
    ]
    _description = "Request to a Customer"
    _mail_post_access = "read"
    # Where the page of this model is, without the token.
    _page_path = "/"
    # Fields that nobody filters, sorts or groups by: another one says it better, or it is nobody's matter.
    _not_for_filters = ("access_token",)

    name = fields.Char(string="Number", required=True, readonly=True, copy=False, default="/", index="trigram")
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, index=True, check_company=True, ondelete="restrict"
    )
    user_id = fields.Many2one(
        "res.users",
        string="Owner",
        index=True,
        default=lambda self: self.env.user,
        help="Gets the notifications about this request.",
    )
    lang = fields.Selection(
        selection=lambda self: self.env["res.lang"].get_installed(),
        string="Language",
        required=True,
        compute="_compute_recipient",
        store=True,
        readonly=False,
        precompute=True,
    )
    email = fields.Char(
        string="E-mail",
        compute="_compute_recipient",
        store=True,
        readonly=False,
        precompute=True,
        help="Several addresses are separated by commas.",
    )
    phone = fields.Char(string="Mobile", compute="_compute_recipient", store=True, readonly=False, precompute=True)
    send_email = fields.Boolean(string="Send by E-mail", default=True)
    send_sms = fields.Boolean(string="Send by SMS")
    access_token = fields.Char(
        string="Token", required=True, readonly=True, copy=False, default=lambda self: self._new_token()
    )
    url = fields.Char(string="Link", compute="_compute_url")
    issued_at = fields.Datetime(string="Issued on", readonly=True, copy=False)
    sent_at = fields.Datetime(string="Sent on", readonly=True, copy=False)
    is_address_new = fields.Boolean(
        string="New Address", readonly=True, copy=False, help="The address was replaced, and nobody has been given it."
    )
    opened_at = fields.Datetime(string="Opened on", readonly=True, copy=False)
    cancelled_at = fields.Datetime(string="Canceled on", readonly=True, copy=False)
    expires_at = fields.Datetime(
        string="Expires on",
        copy=False,
        default=lambda self: self._default_expires_at(),
        help="The customer can pay until then. Empty: no expiry.",
    )
    unread = fields.Boolean(readonly=True, copy=False, help="Something happened that the owner has not seen yet.")
    news_at = fields.Datetime(
        string="Last News on", readonly=True, copy=False, help="When the owner last had something to see."
    )
    is_mine = fields.Boolean(compute="_compute_is_mine")

    # === COMPUTE METHODS === #

    @api.depends("partner_id")
    def _compute_recipient(self):
        for request in self:
            partner = request.partner_id
            request.lang = partner._paylink_lang(request.lang)
            request.email = partner.email
            request.phone = partner.phone

    @api.depends("access_token", "company_id")
    def _compute_url(self):
        for request in self:
            base = request.company_id.sudo()._paylink_base_url()
            request.url = f"{base}{self._page_path}/{request.access_token}" if request.access_token else False

    @api.depends("user_id.active")
    @api.depends_context("uid")
    def _compute_is_mine(self):
        """The user's own; what is nobody's, or of somebody who has left, is payment managers' to read."""
        is_manager = self.env.user.has_group("paylink_addon.group_payment_manager")
        for request in self:
            owner = request.user_id
            request.is_mine = owner == self.env.user or (is_manager and not owner.sudo().active)

    # === FIELDS === #

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        """What is not for filters is not offered there."""
        described = super().fields_get(allfields, attributes)
        for name in self._not_for_filters:
            for attribute in ("searchable", "sortable", "groupable"):
                if attribute in described.get(name, ()):
                    described[name][attribute] = False
        return described

    # === ACTIONS === #

    def action_replace_token(self):
        """Give the requests new tokens: whoever holds an old URL can't use it anymore."""
        self.check_access("write")
        self._check_own()
        self._replace_token()
        return True

    def action_mark_read(self):
        """Mark the user's own among these as read: nobody reads for somebody else who is still here."""
        mine = self.filtered("is_mine")
        if self and not mine:
            raise UserError(
                self.env._(
                    "Only its owner, %(owner)s, can mark %(name)s as read.",
                    name=self[0].display_name,
                    owner=self[0].user_id.name or "-",
                )
            )
        mine.sudo().unread = False
        return True

    def _action_tell_sent(self):
        """Tell the user, who stays where they are, what has been sent where; one address can be copied there."""
        show = self._get_records_action() if len(self) == 1 else self._get_records_action(view_mode="list,form")
        params = {"message": self._sent_text(), "text": self.url if len(self) == 1 else False, "show": show}
        return {"type": "ir.actions.client", "tag": "paylink_addon.sent", "params": params}

    def _sent_text(self):
        count = len(self)
        sent = self.filtered(lambda request: request.send_email or request.send_sms)
        if not sent:
            ready = self.env._("The link is ready: copy it.")
            return ready if count == 1 else self.env._("%(count)s links are ready.", count=count)
        if count > 1:
            return self.env._("%(count)s messages have been sent.", count=count)
        addresses = [self.send_email and self.email, self.send_sms and readable_phone(self.phone)]
        return self.env._("Sent to %(addresses)s", addresses=", ".join(filter(None, addresses)))

    # === BUSINESS METHODS === #

    def _foreign(self):
        """Those that are somebody else's: who sees them may send them; all else is for payment managers."""
        if self.env.su or self.env.user.has_group("paylink_addon.group_payment_manager"):
            return self.browse()
        return self.filtered(lambda request: request.user_id != self.env.user)

    def _check_own(self):
        if foreign := self._foreign()[:1]:
            raise AccessError(
                self.env._(
                    "%(name)s is the link of %(owner)s: only they, or a payment manager, can do that.",
                    name=foreign.display_name,
                    owner=foreign.user_id.name or "-",
                )
            )

    def _replace_token(self):
        for request in self.sudo():
            request.write({"access_token": self._new_token(), "is_address_new": bool(request.issued_at)})
        self._log_events("replaced")
        self._after_token_replaced()

    def _after_token_replaced(self):
        """Hook: the old addresses of all of these, who were replaced together, are void."""

    def _note_sent(self):
        """The customers have their addresses now."""
        self.sudo().write({"sent_at": fields.Datetime.now(), "is_address_new": False})

    def _hidden_in_chatter(self):
        """The address, which whoever reads a message need not know: see ``paylink.sending.mixin``."""
        return [self.access_token]

    @api.model
    def _new_token(self):
        return secrets.token_urlsafe(TOKEN_BYTES)

    @api.model
    def _token_of(self, seed):
        """The token that follows from ``seed``: nobody else can tell it, nor choose it."""
        digest = hmac(self.sudo().env, "paylink.token", seed)
        return base64.urlsafe_b64encode(bytes.fromhex(digest)[:TOKEN_BYTES]).decode().rstrip("=")

    @api.model
    def _without_tokens(self, texts):
        """What customers write, without the addresses of pages that it quotes: see :mod:`~..tools.quotes`.

        Texts without any cost no query, all the others together one.

        :param list texts: plain or HTML; what is empty stays as it is
        """
        found = [quotes.tokens(text) for text in texts if text]
        known = self._known_tokens(set().union(*(pages for pages, _certain in found)))
        known = known.union(*(certain for _pages, certain in found))
        return [quotes.without(text, known) if known and text else text for text in texts]

    @api.model
    def _known_tokens(self, tokens):
        """Those of ``tokens`` that are of requests, as a set."""
        if not tokens:
            return set()
        names = self.env.registry.descendants([self._name], "_inherit")
        models_ = [self.env[name] for name in names if not self.env[name]._abstract and self.env[name]._auto]
        for model in models_:
            model.flush_model(["access_token"])
        queries = [
            SQL("SELECT access_token FROM %s WHERE access_token IN %s", SQL.identifier(model._table), tuple(tokens))
            for model in models_
        ]
        return {token for (token,) in self.env.execute_query(SQL(" UNION ALL ").join(queries))}

    @api.model
    def _default_expires_at(self):
        """Hook: when a request made now ends, or ``False``."""
        return False

    # === DAYS === #

    def _timezone(self):
        """The name of the customer's time zone."""
        return self.partner_id._paylink_timezone(self.company_id)

    def _today(self):
        """The day it is for the customer."""
        return days.today(self._timezone())

    def _day(self, moment):
        """The day on which a ``moment`` (UTC) falls for the customer."""
        return days.day(moment, self._timezone())

    # === PAGES === #

    @api.model
    def _find_by_token(self, token):
        """The request with this token, in sudo mode, or an empty record set.

        :param str token: as it came in a URL: anything
        """
        if not isinstance(token, str) or not TOKEN_PATTERN.fullmatch(token):
            return self.sudo().browse()
        return self.sudo().search_fetch([("access_token", "=", token)], self._page_fields(), limit=1)

    @api.model
    def _page_fields(self):
        """Hook: what every page shows of the record; ``None``: everything."""
        return

    def _mark_opened(self):
        """Note that a person has opened the page, the first time only."""
        new = self.filtered(lambda request: not request.opened_at)
        new.sudo().opened_at = fields.Datetime.now()
        new._log_events("opened")

    def _awaits_customer(self):
        """Hook: whether its page still offers what was begun there."""
        self.ensure_one()
        return True

    def _customer_is_back(self):
        """Hook: what is done before the page is shown again to who comes back from a provider."""

    def _declined_on_page(self, transaction, message):
        """Hook: a try was declined on the page of a provider, where the customer is still.

        :param transaction: the attempt, which goes on
        :param message: why; see :func:`~..tools.texts.said`
        """
        self._log_events("attempt_failed", {self.id: message})

    # === TIMELINE === #

    def _log_events(self, name, bodies=None, author=None, moments=None):
        """Add one line to each request's chatter; its text is the subtype's description, in the reader's language.

        :param str name: what has happened (see :meth:`_event_subtype_id`)
        :param dict bodies: what to add to the text, by record id (a reason, an amount), in the company's language; see
            :func:`~..tools.texts.said`. What strangers have typed may stand in it: it is text, not HTML
        :param author: the ``res.partner`` whose doing it is; by default the user's
        :param dict moments: when it has happened (UTC), by record id; by default now
        """
        bodies, moments = bodies or {}, moments or {}
        subtype_id = self._event_subtype_id(name)
        author = author and author.sudo()
        if not author:
            author = self.env.ref("base.partner_root") if self.env.user._is_public() else self.env.user.partner_id
        self.env["mail.message"].sudo().create(
            [
                {
                    "model": self._name,
                    "res_id": request.id,
                    "message_type": "auto_comment",
                    "subtype_id": subtype_id,
                    "is_internal": True,
                    "author_id": author.id,
                    "email_from": author.email_formatted,
                    "reply_to": author.email_formatted,
                    "record_name": request.name,
                    "date": moments.get(request.id) or fields.Datetime.now(),
                    "body": escape(said(bodies.get(request.id, ""), request.company_id._paylink_env())),
                }
                for request in self
            ]
        )

    # === OWNER === #

    def _task_users(self):
        """The owner gets the tasks of a request, or an administrator where the owner has left."""
        return self.user_id if self.user_id.active else self.env.company._paylink_administrator()

    def _owner_env(self):
        """An environment in the language of whoever gets the tasks and notifications of a request."""
        return self.env(context=dict(self.env.context, lang=self._task_users().lang))

    def _notify_owner(self, subject, body):
        """Tell the one owner of these, or who stands in for who has left, in Odoo (inbox or e-mail, as the user
        prefers), and mark them as unread.
        """
        self._mark_unread()
        owner = self[:1]._task_users()
        self[:1].message_notify(
            partner_ids=owner.partner_id.ids,
            subject=subject,
            body=body,
            author_id=self.env.ref("base.partner_root").id,
            email_layout_xmlid="mail.mail_notification_light",
        )
        # The browser shows plain text, once it is committed. The body says what the subject says.
        message = html2plaintext(body) if isinstance(body, Markup) else body
        owner._bus_send("paylink_addon.news", {"message": message, "show": self._get_records_action(context={})})

    def _mark_unread(self):
        """Something has happened that the owner has not seen yet."""
        self.sudo().write({"unread": True, "news_at": fields.Datetime.now()})
