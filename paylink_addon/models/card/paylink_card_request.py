from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...const import CARD_PATH

STATES = [
    ("draft", "Draft"),
    ("open", "Open"),
    ("pending", "In progress"),
    ("failed", "Not completed"),
    ("stored", "Stored"),
    ("expired", "Expired"),
    ("cancelled", "Canceled"),
]
# What people read: the state, told apart by what the customer did.
STATUSES = [
    ("draft", "Draft"),
    ("not_opened", "Not opened"),
    ("opened", "Opened"),
    ("in_progress", "In progress"),
    ("interrupted", "Not completed"),
    ("stored", "Stored"),
    ("expired", "Expired"),
    ("cancelled", "Canceled"),
]
SEQUENCE = {"code": "paylink.card.request", "prefix": "PC/%(range_year)s/", "padding": 5, "use_date_range": True}


class PaylinkCardRequest(models.Model):
    """A request to store a card, or a mandate for direct debits, without a payment: its own durable URL.

    What the customer stores becomes a payment profile (``payment.token``) that is ready to charge. Card data never
    touch this server: they are entered on the provider's page.
    """

    _name = "paylink.card.request"
    _inherit = ["paylink.life.mixin"]
    _description = "Card Request"
    _order = "id desc"
    _page_path = CARD_PATH
    _subtype_prefix = "paylink_addon.mt_card_"
    _frozen_fields = frozenset({"partner_id", "company_id", "template_id", "replaces_id"})

    template_id = fields.Many2one(
        "paylink.card.template", required=True, check_company=True, ondelete="restrict", index=True
    )
    kind = fields.Selection(related="template_id.kind", store=True)
    replaces_id = fields.Many2one(
        "payment.token",
        string="Method to replace",
        index="btree_not_null",
        ondelete="set null",
        help="This method is retired as soon as the new one is stored.",
    )
    transaction_ids = fields.One2many(
        "payment.transaction", "paylink_card_request_id", string="Attempts to Store", readonly=True
    )
    token_id = fields.Many2one(
        "payment.token", string="Payment Profile", readonly=True, copy=False, index="btree_not_null"
    )
    is_automatic = fields.Boolean(
        string="Sent automatically", readonly=True, copy=False, help="As the stored card expires: nobody has sent it."
    )
    stored_at = fields.Datetime(string="Stored on", readonly=True, copy=False)
    renewed_from_id = fields.Many2one(
        "paylink.card.request", string="Replaces", readonly=True, copy=False, index="btree_not_null"
    )
    renewal_ids = fields.One2many("paylink.card.request", "renewed_from_id", string="Replaced by", readonly=True)
    state = fields.Selection(
        STATES,
        compute="_compute_state",
        store=True,
        index=True,
        copy=False,
        help="Follows from the attempts, the expiry and the owner's actions.",
    )
    status = fields.Selection(STATUSES, compute="_compute_state", store=True, index=True, copy=False)
    attempt_count = fields.Integer(string="Attempts", compute="_compute_state", store=True, copy=False)
    # What the customer has agreed to on the page. It is kept with the method, too.
    consent_text = fields.Text(string="Agreed to", readonly=True, copy=False)
    consent_version = fields.Integer(string="Version of what was agreed to", readonly=True, copy=False)
    consent_lang = fields.Selection(
        selection=lambda self: self.env["res.lang"]._paylink_known(),
        string="Language of what was agreed to",
        readonly=True,
        copy=False,
    )
    consent_at = fields.Datetime(string="Agreed on", readonly=True, copy=False)
    consent_ip = fields.Char(
        string="Agreed from", readonly=True, copy=False, groups="paylink_addon.group_payment_manager"
    )
    # What the templates of messages say, in the customer's language.
    title_display = fields.Char(string="Title (text)", compute="_compute_displays")
    expires_display = fields.Char(string="Expiry (text)", compute="_compute_displays")
    company_display = fields.Char(string="Company (short text)", compute="_compute_displays")

    _token_unique = models.UniqueIndex("(access_token)")
    _partner_state_index = models.Index("(partner_id, state)")

    # === CONSTRAINTS === #

    @api.constrains("replaces_id", "partner_id", "company_id")
    def _check_replaced(self):
        """Only a method of this customer is replaced."""
        for request in self.sudo():
            token = request.replaces_id
            owner = token.partner_id.commercial_partner_id
            if token and (owner != request.partner_id.commercial_partner_id or token.company_id != request.company_id):
                raise UserError(
                    self.env._(
                        "%(token)s is not a payment method of %(partner)s in %(company)s.",
                        token=token.display_name,
                        partner=request.partner_id.display_name,
                        company=request.company_id.name,
                    )
                )

    # === COMPUTE METHODS === #

    @api.depends(
        "transaction_ids.state",
        "transaction_ids.paylink_abandoned",
        "transaction_ids.paylink_decline_count",
        "token_id",
        "issued_at",
        "opened_at",
        "expires_at",
        "cancelled_at",
    )
    def _compute_state(self):
        """The one place where state and status are derived."""
        for request in self:
            attempts = request.sudo().transaction_ids._paylink_card_attempts()
            request.attempt_count = attempts._paylink_card_tries()
            request.state = request._derive_state(attempts)
            request.status = request._derive_status()

    def _derive_state(self, attempts):
        rules = (
            ("stored", self.token_id),
            ("cancelled", self.cancelled_at),
            ("draft", not self.issued_at),
            ("pending", attempts._paylink_in_flight()),
            ("expired", self._is_expired()),
            ("failed", attempts.sorted("id")[-1:]),
        )
        return next((state for state, holds in rules if holds), "open")

    def _derive_status(self):
        if self.state == "open":
            return "opened" if self.opened_at else "not_opened"
        return {"pending": "in_progress", "failed": "interrupted"}.get(self.state, self.state)

    def _compute_displays(self):
        for request in self:
            own = request.with_context(lang=request.lang)
            request.title_display = own.sudo().template_id.title
            request.expires_display = request._expiry_text(own.env)
            request.company_display = (request.sudo().company_id.name or "")[:24].strip()

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """See :meth:`_check_asked`."""
        requests = super().create(vals_list)
        requests._check_asked()
        return requests

    def write(self, vals):
        """See :meth:`_check_asked`."""
        result = super().write(vals)
        if not {"partner_id", "template_id", "replaces_id"}.isdisjoint(vals):
            self._check_asked()
        return result

    def _check_asked(self):
        """What a user asks for is not for others to say: a method is replaced by who may manage it, and who stands for
        new customers is asked for nothing that one customer has. Constraints do not know the user.
        """
        if self.env.su:
            return
        if replaced := self.replaces_id:
            replaced._paylink_check_manage()
        for request in self.sudo().filtered(lambda request: request.kind not in ("new", "generic")):
            if request.partner_id == request.company_id.paylink_newcomer_id:
                raise UserError(
                    self.env._(
                        "“%(name)s” stands for new customers: choose a template for new customers.",
                        name=request.partner_id.display_name,
                    )
                )

    @api.model
    def _complete(self, vals_list):
        """Number the requests; they last as long as their template says."""
        Template = self.env["paylink.card.template"].sudo()
        self._complete_newcomers(vals_list)
        numberless = [vals for vals in vals_list if vals.get("name", "/") == "/"]
        for vals, name in zip(numberless, self._next_names(len(numberless)), strict=True):
            vals["name"] = name
        for vals in vals_list:
            if "expires_at" not in vals and vals.get("template_id"):
                vals["expires_at"] = Template.browse(vals["template_id"])._expires_at()

    @api.model
    def _next_names(self, count):
        """The next ``count`` numbers, drawn at once; somebody may have deleted their sequence."""
        if not count:
            return []
        company, sequences = self.env.company.sudo(), self.env["ir.sequence"].sudo()
        known = [("code", "=", self._name), ("company_id", "in", (company.id, False))]
        sequence = sequences.search(known, order="company_id", limit=1)
        sequence = sequence or sequences.create({"name": self._description, "company_id": False, **SEQUENCE})
        return company._paylink_draw(sequence, count, company._paylink_today())

    # === ACTIONS === #

    def action_send(self):
        """Send (or send again) the messages of open requests, by the channels chosen on each."""
        self.check_access("write")
        self._check_sendable()
        self._issue()
        for template, requests in self.grouped("template_id").items():
            own = template.sudo()
            requests._queue_messages(mail_template=own.mail_template_id, sms_template=own.sms_template_id)
        return self._action_tell_sent()

    def action_cancel(self):
        """Cancel requests: their URLs say so from then on, and what is open at the provider is closed."""
        self.check_access("write")
        if not self.env.su and not all(self.mapped("can_cancel")):
            raise AccessError(self.env._("Only payment managers can cancel the requests of others."))
        if done := self.filtered("token_id"):
            raise UserError(
                self.env._("%(name)s has led to a stored method: remove that instead.", name=done[0].display_name)
            )
        requests = self.filtered(lambda request: not request.cancelled_at)
        requests.sudo().cancelled_at = fields.Datetime.now()
        requests._close_attempts(self.env._("The request was canceled."))
        requests._log_events("cancelled")
        return True

    def action_renew(self):
        """Make a draft from each request that is over, to be sent in its place; return the action that shows them."""
        self.check_access("write")
        self._check_over()
        self._end_overdue()
        successors = self.browse()
        for request in self:
            successors |= request._live_successor() or request._renew()
        return successors._get_records_action(name=self.env._("Card Requests"))

    def _renew(self):
        """A draft that asks for the same."""
        return self.sudo().copy({"renewed_from_id": self.id}).with_env(self.env)

    # === SENDING === #

    @api.model
    def _default_template(self, kind, company):
        name = {"mail": "mail_template_card_request", "sms": "sms_template_card_request"}[kind]
        template = self.env.ref(f"paylink_addon.{name}", raise_if_not_found=False)
        return (template or self.env[f"{kind}.template"]).sudo()

    def _prepare_emails(self, template, *args, **options):
        """Our e-mails have a layout of their own."""
        return super()._prepare_emails(template, *args, **{"layout": "paylink_addon.mail_layout_card", **options})

    @api.model
    def mail_allowed_qweb_expressions(self):
        """What anyone may write in a template of this model; it is rendered without running code."""
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.url",
            "object.title_display",
            "object.company_display",
            "object.expires_display",
            "object.company_id.name",
            "object.company_id.phone",
            "object.company_id.email",
            "object.partner_id.name",
            "object.greeting",
        )

    def _new_end(self):
        return self.sudo().template_id._expires_at()

    def _check_askable(self):
        """Somebody has to be able to store it, and to read in their language what they agree to."""
        for (company, template, lang), requests in self.sudo().grouped(self._asking).items():
            problems = template._storing_problems(company, requests.partner_id)
            if problem := template._wording_problem(lang) or next(filter(None, problems.values()), False):
                raise UserError(problem)

    @api.model
    def _asking(self, request):
        return request.company_id, request.template_id, request.lang

    # === EXPIRY === #

    @api.model
    def _cron_expire(self):
        """Expire the requests whose time is over, and close what is open at providers."""
        self.env["paylink.job.mixin"]._in_turn(
            self._expire_overdue, self._erase_old, self.env["paylink.card.code"]._forget_old
        )

    def _close_attempts(self, reason):
        self.sudo().transaction_ids._paylink_closable()._paylink_close(reason)
