from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class PaymentToken(models.Model):
    """A payment profile: what its owner has agreed to, and what may be done with it."""

    _name = "payment.token"
    _inherit = ["payment.token", "paylink.guard.mixin", "paylink.customer.mixin"]
    _guarded_prefix = "paylink_"

    paylink_card_request_id = fields.Many2one(
        "paylink.card.request", string="Card Request", readonly=True, copy=False, index="btree_not_null"
    )
    paylink_consent = fields.Text(string="Agreed to", readonly=True, copy=False)
    paylink_consent_version = fields.Integer(string="Version", readonly=True, copy=False)
    paylink_consent_lang = fields.Char(string="Language", readonly=True, copy=False)
    paylink_consent_at = fields.Datetime(string="Agreed on", readonly=True, copy=False)
    paylink_consent_ip = fields.Char(
        string="Agreed from", readonly=True, copy=False, groups="paylink_addon.group_payment_manager"
    )
    paylink_is_default = fields.Boolean(
        string="Default", compute="_compute_paylink_is_default", help="The one that is proposed, and charged by rules."
    )
    paylink_is_expired = fields.Boolean(string="Expired", compute="_compute_paylink_is_expired")

    # === COMPUTE METHODS === #

    @api.depends("paylink_expires_on", "company_id")
    def _compute_paylink_is_expired(self):
        for token in self:
            last = token.paylink_expires_on
            token.paylink_is_expired = bool(last and last < token.company_id._paylink_today())

    def _compute_paylink_is_default(self):
        for token in self:
            token.paylink_is_default = token._paylink_customer().paylink_token_id == token

    def _paylink_customer(self):
        """Who owes, in the company of the method."""
        self.ensure_one()
        return self.sudo().partner_id.commercial_partner_id.with_company(self.company_id)

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
            self._paylink_be_default(instead_of=request.replaces_id)

    def _paylink_be_default(self, instead_of=None):
        """Be the method that is charged, where the customer has none, or that one is replaced."""
        customer = self._paylink_customer()
        if not customer.paylink_token_id.active or customer.paylink_token_id == instead_of:
            customer.paylink_token_id = self

    # === ACTIONS === #

    def action_paylink_set_default(self):
        """Propose and charge this method from now on."""
        self.ensure_one()
        self._paylink_check_manage()
        if not self.active:
            raise UserError(self.env._("%(name)s was removed: choose another one.", name=self.display_name))
        self._paylink_customer().paylink_token_id = self
        return True

    def action_paylink_remove(self):
        """Remove methods here and at their providers."""
        self._paylink_check_manage()
        self.sudo().active = False
        return True

    def action_paylink_request_update(self):
        """Ask the customer to replace this method by another one."""
        self.ensure_one()
        self._paylink_check_manage()
        return self.env["paylink.card.send"]._action_open(self)

    def _paylink_check_manage(self):
        """Who may see the customer and use card requests manages the methods of the customer.

        :raises AccessError: others
        """
        if not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        self.check_access("read")
        self.sudo().partner_id.sudo(False).check_access("read")
        self._paylink_check_linked()

    def _paylink_check_linked(self):
        """What a new customer has stored is nobody's yet."""
        if waiting := self.sudo().paylink_card_request_id.filtered(lambda request: request.linking == "to_link")[:1]:
            raise UserError(
                self.env._("%(name)s is not linked to a customer yet: do that first.", name=waiting.display_name)
            )
