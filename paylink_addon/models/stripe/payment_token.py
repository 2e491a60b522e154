import logging
import secrets
from datetime import date

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.stripe_errors import StripeAbsent, StripeFailure, StripeRefused
from .const import STRIPE_CODE

_logger = logging.getLogger(__name__)


class PaymentToken(models.Model):
    _inherit = "payment.token"

    paylink_brand = fields.Char(string="Brand", readonly=True)
    paylink_bank = fields.Char(string="Bank", readonly=True, help="Bank accounts only.")
    paylink_expires_on = fields.Date(string="Usable until", readonly=True, help="Cards only.")
    paylink_stripe_type = fields.Char(string="Type at Stripe", readonly=True)
    paylink_stripe_customer = fields.Char(string="Stripe Customer", readonly=True)
    paylink_stripe_account = fields.Char(string="Stripe Account", readonly=True)
    paylink_stripe_mandate = fields.Char(string="Mandate at Stripe", readonly=True, index="btree_not_null")
    paylink_stripe_told_at = fields.Datetime(
        string="Told on", readonly=True, copy=False, help="When what Stripe has told of it last has happened."
    )
    paylink_stripe_to_name = fields.Boolean(
        readonly=True, copy=False, help="Stripe does not know yet whose it has become."
    )
    paylink_stripe_to_detach = fields.Boolean(readonly=True, copy=False, help="Archived here, but not at Stripe yet.")

    _paylink_provider_ref_index = models.Index("(provider_ref)")

    # === CRUD METHODS === #

    def write(self, vals):
        """What was detached at Stripe can never be charged again; what is still to be detached is kept there."""
        if vals.get("active"):
            archived = self.filtered(lambda token: token.provider_code == STRIPE_CODE and not token.active)
            for token in archived:
                if not token.paylink_stripe_to_detach:
                    raise UserError(
                        self.env._(
                            "%(name)s was removed at Stripe: ask the customer to store the method again.",
                            name=token.display_name,
                        )
                    )
            archived.paylink_stripe_to_detach = False
        return super().write(vals)

    def _handle_archiving(self):
        """What is archived here can't be charged by anybody anymore: detach it at Stripe after the commit."""
        result = super()._handle_archiving()
        if stripe := self.filtered(lambda token: token.provider_code == STRIPE_CODE):
            stripe.paylink_stripe_to_detach = True
            self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_stripe_detach")
        return result

    # === BUSINESS METHODS === #

    def _get_available_tokens(self, providers_ids, partner_id, is_validation=False, **kwargs):
        """Customers pay with what can be charged; they may remove all that is stored."""
        tokens = super()._get_available_tokens(providers_ids, partner_id, is_validation=is_validation, **kwargs)
        return tokens if is_validation else tokens._paylink_chargeable()

    def _paylink_chargeable(self):
        """Not those at Stripe that are stored in another account than the one whose key the provider has."""
        return self.filtered(lambda token: token._paylink_is_reachable())

    def _paylink_is_reachable(self):
        """Whether the provider's key is that of the account that keeps the method, as far as we know both."""
        account = self.provider_id.sudo().paylink_stripe_account
        return not account or self.sudo().paylink_stripe_account in (account, False)

    def _build_display_name(self, *args, **kwargs):
        """Name the brand: a customer may have two cards."""
        name = super()._build_display_name(*args, **kwargs)
        return f"{self.paylink_brand.replace('_', ' ').title()} {name}" if self.paylink_brand and name else name

    @api.model
    def _paylink_expiry(self, details):
        """The last day of a card's last month, or ``False``.

        :param dict details: Stripe's, of a payment method
        """
        if not details.get("exp_year"):
            return False
        return date(details["exp_year"], details["exp_month"], 1) + relativedelta(months=1, days=-1)

    @api.model
    def _paylink_details(self, details):
        """What is kept of a method so that people know it again.

        :param dict details: Stripe's, of a payment method or of a charge
        """
        bank = details.get("bank_name") or " ".join(filter(None, [details.get("country"), details.get("bank_code")]))
        return {
            "payment_details": details.get("last4"),
            "paylink_brand": details.get("brand"),
            "paylink_bank": not details.get("exp_year") and bank,
            "paylink_expires_on": self._paylink_expiry(details),
        }

    # === WHAT STRIPE TELLS OF IT === #

    @api.model
    def _paylink_stripe_apply(self, provider, method, event_type, at=None):
        """A stored method was removed at Stripe, or its bank has replaced the card: say the same here.

        :param provider: the ``payment.provider`` whose account the method is in
        :param dict method: Stripe's payment method
        :param str event_type: ``payment_method.detached``, ``payment_method.automatically_updated``…
        :param datetime at: when it has happened: what is older than what is known already changes nothing
        :return: the tokens it was about
        """
        tokens = self.sudo().search([("provider_id", "=", provider.id), ("provider_ref", "=", method["id"])])
        details = method.get(method["type"]) or {}
        if event_type == "payment_method.detached":
            tokens._paylink_gone()
        elif details.get("last4"):
            tokens._paylink_told(at)._paylink_renew(self._paylink_details(details))
        return tokens

    @api.model
    def _paylink_stripe_revoked(self, provider, mandate):
        """A mandate has changed: without the customer's consent, which banks take back as well, nothing is charged.

        :param dict mandate: Stripe's
        :return: the tokens it was about
        """
        domain = [("provider_id", "=", provider.id), ("paylink_stripe_mandate", "=", mandate["id"])]
        tokens = self.sudo().search(domain)
        if mandate["status"] == "inactive":
            tokens._paylink_gone()
        return tokens

    @api.model
    def _paylink_stripe_customer_deleted(self, provider, customer):
        """Whatever a customer had stored at Stripe is gone, once the customer was deleted there.

        :param dict customer: Stripe's
        :return: the tokens it was about
        """
        domain = [("provider_id", "=", provider.id), ("paylink_stripe_customer", "=", customer["id"])]
        tokens = self.sudo().search(domain)
        tokens._paylink_gone()
        return tokens

    def _paylink_told(self, at):
        """Those of which nothing newer is known than what has happened ``at`` that moment."""
        if not at:
            return self
        new = self.filtered(lambda token: not token.paylink_stripe_told_at or token.paylink_stripe_told_at <= at)
        new.paylink_stripe_told_at = at
        return new

    def _paylink_renew(self, values):
        """The bank has replaced a card, or a person has corrected it: it goes on under other numbers.

        :param dict values: see :meth:`_paylink_details`
        """
        return self.write({name: value for name, value in values.items() if name != "paylink_bank" or value})

    def _paylink_gone(self):
        """Hook: the customer, the bank, or somebody at the provider has removed these: nothing can be charged to them.

        :return: those that were in use until now
        """
        gone = self.filtered("active")
        gone.active = False
        self.paylink_stripe_to_detach = False
        return gone

    def _paylink_is_needed(self):
        """Whether a charge of it has been stored, and not been answered yet."""
        return any(tx.paylink_todo == "charge" for tx in self.sudo().transaction_ids)

    def _paylink_stripe_note_owner(self):
        """These have become a customer's. Those that have a customer of their own at Stripe: it gets the name and the
        e-mail address after the commit.
        """
        shared = self._paylink_stripe_shared().mapped("customer")
        own = self.filtered(lambda token: token.paylink_stripe_customer not in (False, *shared))
        own.paylink_stripe_to_name = True
        if own:
            self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_stripe_detach")

    def _paylink_stripe_shared(self):
        """The customers at Stripe that these hang on and that stand for contacts, who pay by them as well."""
        known = [name for name in self.sudo().mapped("paylink_stripe_customer") if name]
        return self.env["paylink.stripe.customer"].sudo().search([("customer", "in", known)])

    def _paylink_stripe_check_owner(self, partner):
        """These may become ``partner``'s: none hangs on what Stripe knows as somebody else.

        :raises UserError: it does
        """
        owners = self._paylink_stripe_shared().partner_id.commercial_partner_id
        if owners - partner.sudo().commercial_partner_id:
            raise UserError(
                self.env._(
                    "%(method)s is kept at Stripe with another customer: ask %(partner)s for the method again.",
                    method=self[:1].display_name,
                    partner=partner.display_name,
                )
            )

    def _paylink_stripe_identity(self):
        """Hook: the name and the e-mail address of whose it is, for Stripe."""
        partner = self.partner_id
        return partner.name or str(partner.id), partner.email_normalized

    # === CRON === #

    @api.model
    def _cron_paylink_stripe_detach(self):
        """Detach what was archived, and say whose methods have become; what fails for the moment is tried again."""
        job, archived = self.env["paylink.job.mixin"], self.with_context(active_test=False)
        detached = archived.search([("paylink_stripe_to_detach", "=", True)])
        named = archived.search([("paylink_stripe_to_name", "=", True)])
        job._in_turn(
            lambda: job._each(detached, lambda token: token._paylink_stripe_detach(), take=False),
            lambda: job._each(named, lambda token: token._paylink_stripe_name(), take=False),
        )

    def _paylink_stripe_name(self):
        """Tell Stripe whose it is. To say the same twice does no harm; what Stripe refuses is not needed to charge."""
        self.ensure_one()
        name, email = self._paylink_stripe_identity()
        # An address can't be taken away at Stripe: where there is none now, the one of before stays.
        told = {"name": name[:250], **({"email": email} if email else {})}
        try:
            stripe = self.provider_id._paylink_stripe()
            stripe.customer_update(self.paylink_stripe_customer, key=secrets.token_urlsafe(24), **told)
        except StripeFailure as error:
            _logger.info("%s was not named: %s", self.paylink_stripe_customer, error)
            if not isinstance(error, StripeAbsent | StripeRefused):
                return
        self.paylink_stripe_to_name = False

    def _paylink_stripe_detach(self):
        """Detach it, as soon as the provider has the key of the account that keeps it, and what is to be charged to it
        was sent.

        :return: why not yet, for whoever waits for it, or ``None``
        """
        self.ensure_one()
        if self._paylink_is_needed():
            return self.env._("A payment by it is on its way.")
        try:
            self.provider_id._paylink_stripe_account_id()
            if not self._paylink_is_reachable():
                return self.env._("It is kept in another account than the one that the provider has now.")
            self.provider_id._paylink_stripe().method_detach(self.provider_ref, key=f"detach-{self.provider_ref}")
        except StripeFailure as error:
            _logger.info("%s was not detached: %s", self.provider_ref, error)
            if isinstance(error, StripeRefused) and error.about_key:
                return self.env._("The key was refused: an administrator must check it on the provider.")
            if not isinstance(error, StripeAbsent | StripeRefused):
                return self.env._("There was no answer.")
        self.paylink_stripe_to_detach = False
        return None

    def _paylink_detach_now(self):
        """Remove what was archived at its provider, while somebody waits for it. Commits; what fails is tried again.

        :return: why some are not removed there yet, as ``{token: text}``
        """
        waiting = self.filtered("paylink_stripe_to_detach")
        if waiting:
            self.env.cr.commit()  # pylint: disable=invalid-commit
        problems = {token: token._paylink_stripe_detach() for token in waiting}
        return {token: problem for token, problem in problems.items() if problem}
