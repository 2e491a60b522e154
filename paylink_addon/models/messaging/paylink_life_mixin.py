from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import LazyTranslate, clean_context, format_date

from ...const import LIVE_STATES
from ...tools import days

_lt = LazyTranslate(__name__)
# How many requests expire in one transaction.
BATCH = 100


class PaylinkLifeMixin(models.AbstractModel):
    """A request that comes to an end: issued, sent again, expired or cancelled, and asked anew.

    The model has a ``state`` (``draft``, those of ``const.LIVE_STATES``, ``expired``, ``cancelled``, and what it has
    led to), which it derives in one place, and ``renewed_from_id`` with ``renewal_ids``.
    """

    _name = "paylink.life.mixin"
    _inherit = ["paylink.request.mixin"]
    _description = "Request that Comes to an End"
    # What the customer has been told, once the request is out.
    _frozen_fields = frozenset({"partner_id", "company_id"})
    # What has to be changed to send a request.
    _sending_fields = frozenset({"lang", "email", "phone", "send_email", "send_sms"})

    can_cancel = fields.Boolean(compute="_compute_can_cancel")
    is_over = fields.Boolean(
        compute="_compute_is_over", help="It has expired or was canceled: a new one can be sent in its place."
    )

    # === COMPUTE METHODS === #

    @api.depends("is_mine")
    @api.depends_context("uid")
    def _compute_can_cancel(self):
        """The requests of others are payment managers' to cancel."""
        is_manager = self.env.user.has_group("paylink_addon.group_payment_manager")
        for request in self:
            request.can_cancel = is_manager or request.is_mine

    @api.depends("state", "expires_at")
    def _compute_is_over(self):
        """Also before the job that says so has run; what is in progress is not over."""
        for request in self:
            is_waiting = request.state in ("open", "failed")
            request.is_over = request.state in ("expired", "cancelled") or (is_waiting and request._is_expired())

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Nobody follows a request by making it; defaults that the context has for a wizard are none of a request."""
        for vals in vals_list:
            self._check_owner(vals)
        context = clean_context(self.env.context) | {"mail_create_nolog": True, "mail_create_nosubscribe": True}
        quiet = self.with_context(context, tracking_disable=True)
        return super(PaylinkLifeMixin, quiet).create(vals_list).with_env(self.env)

    @api.model
    def _create_for_user(self, vals_list):
        """Create requests with fields that clients can't write, for what the user has the right to."""
        self.check_access("create")
        for vals in vals_list:
            self._check_owner(vals)
        requests = self.sudo().create(vals_list).with_env(self.env)
        requests.check_access("write")
        return requests

    def write(self, vals):
        """Refuse to change what the customer has already been told, and what is others' to change."""
        self._check_written(vals)  # what the next ones read are values, then
        self._check_owner(vals)
        self._check_foreign(vals)
        issued = self.filtered("issued_at") if not self.env.su else self.browse()
        if issued and (frozen := self._frozen_fields & set(vals)):
            label = self._fields[min(frozen)]._description_string(self.env)
            raise UserError(
                self.env._(
                    "“%(field)s” can't be changed once the link is out: cancel it and make a new one.", field=label
                )
            )
        return super().write(vals)

    @api.model
    def _check_owner(self, vals):
        """Messages are sent in the name of the owner: only payment managers say that it is somebody else."""
        if self.env.su or vals.get("user_id", self.env.uid) == self.env.uid:
            return
        if not self.env.user.has_group("paylink_addon.group_payment_manager"):
            raise AccessError(self.env._("Only payment managers can give links to somebody else."))

    def _check_foreign(self, vals):
        """Of others' requests, who is no payment manager changes what has to be changed to send them."""
        foreign = self._foreign()
        if not foreign:
            return
        chatter = self.env["mail.thread"]._fields.keys() | self.env["mail.activity.mixin"]._fields.keys()
        changed = vals.keys() - self._sending_fields - chatter
        if "expires_at" in changed and foreign._expires_later(fields.Datetime.to_datetime(vals["expires_at"])):
            changed -= {"expires_at"}
        if changed:
            foreign._check_own()

    def _expires_later(self, expires_at):
        """Whether ``expires_at`` (``False``: never) is not earlier than the expiry of each."""
        return all(not expires_at or (own.expires_at and own.expires_at <= expires_at) for own in self)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_drafts(self):
        self._check_own()
        if any(request.state != "draft" for request in self):
            raise UserError(self.env._("Only drafts can be deleted: cancel the link instead."))

    # === ACTIONS === #

    def action_copy(self):
        """Return the URL to the client, which copies it; a draft becomes open by it."""
        self.ensure_one()
        self.check_access("write")
        if not self.issued_at:
            self._check_sendable()
            self._issue()
        self.sudo().is_address_new = False  # who copies it passes it on
        return {"type": "ir.actions.client", "tag": "paylink_addon.copy", "params": {"text": self.url}}

    def action_open_page(self):
        """Open the customer's page in a new tab."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": self.url, "target": "new"}

    # === SENDING === #

    def _issue(self):
        """Make the URL usable."""
        self.filtered(lambda request: not request.issued_at).sudo().issued_at = fields.Datetime.now()

    def _check_sendable(self):
        """Refuse to send what can't be used, saying why and what to do; an old draft lasts from now on."""
        for request in self:
            if not request.issued_at and request._is_expired():
                request.expires_at = request._new_end()
        self._check_not_over()
        self._check_askable()

    def _check_not_over(self):
        labels = dict(self._fields["state"]._description_selection(self.env))
        for request in self:
            is_expired = request._is_expired()
            if is_expired or request.state not in ("draft", *LIVE_STATES):
                raise UserError(
                    self.env._(
                        "%(name)s is %(state)s: make a new link to ask again.",
                        name=request.name,
                        state=labels["expired" if is_expired else request.state].lower(),
                    )
                )

    def _check_askable(self):
        """Hook: refuse what is not over, and yet can't be asked for."""

    def _new_end(self):
        """Hook: when one that is sent now for the first time ends, or ``False``: never."""
        return False

    # === EXPIRY AND RENEWAL === #

    def _is_live(self):
        """Whether the customer can do now what the request asks for."""
        self.ensure_one()
        return self.state in LIVE_STATES and not self._is_expired()

    def _is_expired(self):
        """Hook: whether it has ended, also before the job that says so has run."""
        return self._is_past()

    def _is_past(self):
        """Whether its own time is over."""
        return bool(self.expires_at and self.expires_at <= fields.Datetime.now())

    def _expiry_text(self, language):
        """Until when it can be used, as the customer reads it, or ``False``: for ever."""
        if not self.expires_at:
            return False
        clock = days.local(self.expires_at, self._timezone())
        return f"{format_date(language, self._day(self.expires_at))} {clock:%H:%M}"

    def _live_successor(self):
        """The newest request made from this one, however often it was renewed, that can still be used."""
        usable = self._successors().filtered(lambda own: own.state in ("draft", *LIVE_STATES) and not own._is_expired())
        return usable.sorted("id")[-1:]

    def _successors(self):
        """All requests made from this one, however often it was renewed."""
        self.ensure_one()
        successors = newest = self.renewal_ids
        while newest := newest.renewal_ids:
            successors |= newest
        return successors

    def _check_over(self):
        """Refuse to make a new one of what can still be sent again."""
        if usable := self.filtered(lambda request: not request.is_over)[:1]:
            raise UserError(
                self.env._(
                    "%(name)s has neither expired nor been canceled: use “Send again” instead.", name=usable.name
                )
            )

    def _end_overdue(self):
        """End those whose time has passed, although the job that does so has not run yet."""
        self.filtered(lambda request: request.is_over and request.state in LIVE_STATES)._expire()

    @api.model
    def _expire_overdue(self):
        """What is in progress is left to the provider's answer."""
        overdue = self.search([("state", "in", ("open", "failed")), ("expires_at", "<=", fields.Datetime.now())])
        return self.env["paylink.job.mixin"]._each(overdue, lambda requests: requests._expire(), size=BATCH)

    def _expire(self):
        self._close_attempts(_lt("The link expired."))
        self.env.add_to_compute(self._fields["state"], self)
        self._recompute_recordset(["state"])
        self.filtered(lambda request: request.state == "expired")._log_events("expired")

    def _close_attempts(self, reason):
        """Hook: close the customers' attempts that have not reached the provider's answer yet.

        :param reason: what the timeline says: see :func:`~..tools.texts.said`
        """
