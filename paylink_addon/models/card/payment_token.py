from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, email_normalize

from ...tools.access import openable


class PaymentToken(models.Model):
    """A payment profile: what its owner has agreed to, and what may be done with it."""

    _name = "payment.token"
    _inherit = ["payment.token", "paylink.guard.mixin", "paylink.customer.mixin", "paylink.ending.mixin"]
    _guarded_prefix = "paylink_"

    paylink_card_request_id = fields.Many2one(
        "paylink.card.request", string="Card Request", readonly=True, copy=False, index="btree_not_null"
    )
    paylink_can_open_request = fields.Boolean(
        compute="_compute_paylink_can_open_request", help="The card request is the user's to see."
    )
    paylink_consent = fields.Text(string="Agreed to", readonly=True, copy=False)
    paylink_consent_version = fields.Integer(string="Version", readonly=True, copy=False)
    paylink_consent_lang = fields.Selection(
        selection=lambda self: self.env["res.lang"]._paylink_known(), string="Language", readonly=True, copy=False
    )
    paylink_consent_at = fields.Datetime(string="Agreed on", readonly=True, copy=False)
    paylink_consent_ip = fields.Char(
        string="Agreed from", readonly=True, copy=False, groups="paylink_addon.group_payment_manager"
    )
    paylink_owner_name = fields.Char(
        string="Customer",
        compute="_compute_paylink_owner_name",
        help="Of whom nobody has linked yet: what they have said of themselves.",
    )
    paylink_is_default = fields.Boolean(
        string="Default",
        compute="_compute_paylink_is_default",
        search="_search_paylink_is_default",
        help="The one that is proposed, and charged by rules.",
    )
    paylink_is_expired = fields.Boolean(string="Expired", compute="_compute_paylink_is_expired")
    paylink_waits = fields.Boolean(
        compute="_compute_paylink_waits", help="A new customer has stored it: nobody has said yet whose it is."
    )
    paylink_can_remove = fields.Boolean(
        compute="_compute_paylink_can_remove", help="What waits to be linked is its owner's to remove."
    )

    # === COMPUTE METHODS === #

    @api.depends("paylink_expires_on", "company_id")
    def _compute_paylink_is_expired(self):
        for token in self:
            last = token.paylink_expires_on
            token.paylink_is_expired = bool(last and last < token.company_id._paylink_today())

    @api.depends("partner_id", "paylink_card_request_id.customer_name")
    def _compute_paylink_owner_name(self):
        for token in self:
            request = token.sudo().paylink_card_request_id
            waits = request.is_new and token.partner_id == request.partner_id
            token.paylink_owner_name = request.customer_name if waits else token.sudo().partner_id.display_name

    def _compute_paylink_is_default(self):
        for token in self:
            token.paylink_is_default = token.active and token._paylink_customer().paylink_token_id == token

    @api.depends("paylink_card_request_id.linking")
    def _compute_paylink_waits(self):
        for token in self:
            token.paylink_waits = token.sudo().paylink_card_request_id.linking == "to_link"

    @api.depends("paylink_card_request_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink_can_open_request(self):
        allowed = openable(self, "paylink_card_request_id")
        for token in self:
            token.paylink_can_open_request = token in allowed

    @api.depends("paylink_waits")
    @api.depends_context("uid")
    def _compute_paylink_can_remove(self):
        for token in self:
            request = token.sudo().paylink_card_request_id.with_env(token.env)
            token.paylink_can_remove = not token.paylink_waits or request.has_access("write")

    def _search_paylink_is_default(self, operator, value):
        if operator != "in" or True not in value:
            return NotImplemented
        self.env["res.partner"].flush_model(["paylink_token_id"])
        kept = SQL("SELECT value::int FROM res_partner, jsonb_each_text(paylink_token_id) WHERE value ~ '^[0-9]+$'")
        return [("active", "=", True), ("id", "in", SQL("(%s)", kept))]

    def _paylink_customer(self):
        """Who owes, in the company of the method."""
        self.ensure_one()
        return self.sudo().partner_id.commercial_partner_id.with_company(self.company_id)

    def _paylink_shares_owner(self, other):
        """Whether the same customer has stored both, in the same company."""
        return self._paylink_is_of(other._paylink_customer(), other.company_id)

    def _paylink_is_of(self, customer, company):
        """Whether ``customer``, a commercial entity, has stored it in ``company``: what others owe is not charged."""
        return self.sudo().company_id == company and self._paylink_customer() == customer

    def _paylink_stripe_identity(self):
        """Of whom nobody has linked yet, what they have said of themselves."""
        request = self.sudo().paylink_card_request_id
        if not request.is_new:
            return super()._paylink_stripe_identity()
        return request.customer_name, email_normalize(request.given_email or request.email)

    # === WHOSE IT IS === #

    def _get_available_tokens(self, *args, **kwargs):
        """Nothing is there for whoever is not logged in: addresses of Odoo's own pages (an invoice, an order) are
        passed on, too. Our pages ask in our name, for somebody of whom they know.
        """
        found = super()._get_available_tokens(*args, **kwargs)
        return found.browse() if self.env.user._is_public() else found

    def _paylink_public_name(self):
        """How pages name it that whoever has their address may open: which card it is, its owner knows."""
        return self.sudo().payment_method_id.name

    # === CONSENT === #

    def _paylink_keep_consent(self, request):
        """What the customer has agreed to on the page of ``request`` stands with the method from now on."""
        self.ensure_one()
        if self.paylink_card_request_id:
            return
        self.sudo().write(
            {
                "paylink_card_request_id": request.id,
                "paylink_consent": request.consent_text,
                "paylink_consent_version": request.consent_version,
                "paylink_consent_lang": request.consent_lang,
                "paylink_consent_at": request.consent_at,
                "paylink_consent_ip": request.sudo().consent_ip,
            }
        )
        if not request.is_new:
            self._paylink_be_default()

    def _paylink_be_default(self):
        """Be the method that is charged, where the customer has none that works."""
        customer = self._paylink_customer()
        if not customer.paylink_token_id._paylink_works():
            customer.paylink_token_id = self

    # === ACTIONS === #

    def action_paylink_set_default(self):
        """Propose and charge this method from now on."""
        self.ensure_one()
        self._paylink_check_manage()
        self._paylink_make_default()
        return True

    def _paylink_make_default(self):
        if not self.active:
            raise UserError(self.env._("%(name)s was removed: choose another one.", name=self.display_name))
        self._paylink_customer().paylink_token_id = self

    def action_paylink_remove(self):
        """Remove methods here and at their providers, and say what became of it."""
        self._paylink_check_manage(unlinked=True)
        return self.sudo()._paylink_remove("us")

    def action_paylink_charge(self):
        """Open the choice of what the customer owes, to charge it to this method."""
        self.ensure_one()
        self._paylink_check_manage()
        self._paylink_check_company()
        return self.env["paylink.profile.charge"]._action_open(self)

    def action_paylink_request_update(self):
        """Ask the customer to replace this method by another one."""
        self.ensure_one()
        self._paylink_check_manage()
        return self.env["paylink.card.send"]._action_open(self)

    def _paylink_check_company(self):
        """:raises UserError: it belongs to a company that the user does not work in now"""
        if self.company_id not in self.env.companies:
            raise UserError(self.env._("It belongs to another company: switch to it."))

    def _paylink_check_manage(self, unlinked=False):
        """Who may see the customer and use card requests manages the methods of the customer.

        :param bool unlinked: what a new customer has stored as well, for who may see the request
        :raises AccessError: others
        """
        if not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        self.check_access("read")
        self.sudo().partner_id.sudo(False).check_access("read")
        waiting = self.sudo().paylink_card_request_id.filtered("is_new").sudo(False)
        waiting.check_access("write")
        if waiting and not unlinked:
            raise UserError(
                self.env._("%(name)s is not linked to a customer yet: do that first.", name=waiting[0].display_name)
            )
