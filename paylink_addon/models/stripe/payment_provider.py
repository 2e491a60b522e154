import contextlib
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.http import request

from ...tools.money import STRIPE, to_major
from ...tools.stripe_client import API_VERSION, PATIENCE, KnownAnswers, StripeApi, api_base, is_live
from ...tools.stripe_errors import StripeAbsent, StripeFailure, StripeRefused
from ..link.payment_provider import Limits
from .const import (
    STRIPE_CODE,
    STRIPE_CURRENCIES,
    STRIPE_DIGITS,
    STRIPE_DIGITS_DEFAULT,
    STRIPE_EVENTS,
    STRIPE_LEAST,
    STRIPE_STORABLE,
)


def _secret(**values):
    """A field that only administrators see, and that no copy or export takes along."""
    return fields.Char(groups="base.group_system", copy=False, exportable=False, **values)


# How long automatic charges wait when Stripe has refused the key; less than from one run of their job to the next.
KEY_PAUSE = timedelta(minutes=4)
WEBHOOK_PATH = "/paylink/stripe/webhook"
# What says with which secrets a provider's messages are signed.
SIGNING_FIELDS = {"code", "paylink_stripe_webhook_secret", "paylink_stripe_webhook_secret_old"}


class PaymentProvider(models.Model):
    """Stripe Checkout: the account, its keys and its webhook."""

    _name = "payment.provider"
    _inherit = ["payment.provider", "paylink.ending.mixin"]

    code = fields.Selection(selection_add=[(STRIPE_CODE, "Stripe Checkout")], ondelete={STRIPE_CODE: "set default"})
    paylink_stripe_secret_key = _secret(
        string="Stripe Secret Key",
        required_if_provider=STRIPE_CODE,
        help="Stripe's dashboard → Developers → API keys. A restricted key (rk_…) does as well.",
    )
    paylink_stripe_webhook_secret = _secret(
        string="Webhook Secret", help="Proves that messages come from Stripe. “Create webhook” fills it in."
    )
    paylink_stripe_webhook_secret_old = _secret(
        string="Previous Webhook Secret", help="Still accepted, while one secret replaces the other. Empty it later."
    )
    paylink_stripe_account = _secret(string="Stripe Account", readonly=True)
    paylink_stripe_account_name = _secret(string="Account Name", readonly=True)
    paylink_stripe_country = _secret(string="Account Country", readonly=True)
    paylink_stripe_takes_debits = fields.Boolean(
        string="Canadian Debits",
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="The account may debit bank accounts in Canada, as it said when it was connected.",
    )
    paylink_stripe_mode = fields.Selection(
        [("test", "Test"), ("live", "Live")],
        string="Mode of the Key",
        compute="_compute_paylink_stripe_mode",
        groups="base.group_system",
    )
    paylink_stripe_webhook = _secret(string="Webhook", readonly=True)
    paylink_stripe_webhook_version = _secret(string="Webhook Version", readonly=True)
    paylink_stripe_last_sweep = fields.Datetime(
        string="Last Sweep",
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="Stripe has been asked for missed events up to this time.",
    )

    paylink_stripe_key_refused = fields.Boolean(
        string="Key refused",
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="Customers could not pay: Stripe has refused the key, and taken none since.",
    )
    paylink_stripe_pause_until = fields.Datetime(
        string="Nothing is charged until",
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="Stripe has refused the key: it is not asked for each charge that waits.",
    )

    # === CONSTRAINTS === #

    @api.constrains("state", "code", "paylink_stripe_secret_key")
    def _check_paylink_stripe_key(self):
        """A test key must not take customers' real payments, nor a live one those of a test."""
        for provider in self.sudo():
            key = provider.paylink_stripe_secret_key
            if provider.code != STRIPE_CODE or not key:
                continue
            live = provider._paylink_stripe_key_is_live(key)
            if provider.state == "enabled" and not live:
                raise ValidationError(
                    self.env._(
                        "%(name)s: this is a test key, with which no real payment is possible. Enter the live key "
                        "(sk_live_… or rk_live_…), or set the provider to “Test Mode”.",
                        name=provider.name,
                    )
                )
            if provider.state == "test" and live:
                raise ValidationError(
                    self.env._(
                        "%(name)s: this is a live key, which would take real money in a test. Enter the test key "
                        "(sk_test_… or rk_test_…), or set the provider to “Enabled”.",
                        name=provider.name,
                    )
                )

    def _paylink_stripe_key_is_live(self, key):
        try:
            return is_live(key)
        except StripeRefused:
            raise ValidationError(
                self.env._(
                    "“Stripe Secret Key” is not a secret key: these start with sk_test_ or sk_live_ (restricted ones "
                    "with rk_). Copy it from Stripe's dashboard → Developers → API keys."
                )
            ) from None

    # === COMPUTE METHODS === #

    def _compute_feature_support_fields(self):
        """Stripe's hosted page stores methods, and what it took can be captured later and refunded in parts."""
        result = super()._compute_feature_support_fields()
        self.filtered(lambda provider: provider.code == STRIPE_CODE).update(
            {"support_tokenization": True, "support_manual_capture": "partial", "support_refund": "partial"}
        )
        return result

    @api.depends("paylink_stripe_secret_key")
    def _compute_paylink_stripe_mode(self):
        for provider in self:
            key = provider.paylink_stripe_secret_key or ""
            provider.paylink_stripe_mode = "live" if "_live_" in key else "test" if key else False

    def _paylink_asked_for_form_stripe_checkout(self):
        """It is asked when the form is sent: see ``payment.transaction._paylink_stripe_checkout``."""
        return False

    def _paylink_limits_stripe_checkout(self, currency):
        """What Stripe takes of a currency; nothing where it does not know it."""
        code = currency.name
        if code not in STRIPE_CURRENCIES:
            return Limits(step=None)
        digits = STRIPE_DIGITS.get(code, STRIPE_DIGITS_DEFAULT)
        minors = STRIPE_LEAST.get(code, 0), 10**digits - 1, STRIPE.step_of(code)
        return Limits(*(float(to_major(minor, code)) for minor in minors))

    def _get_supported_currencies(self):
        """What Stripe can charge; which amounts in these: :meth:`_paylink_limits_stripe_checkout`."""
        currencies = super()._get_supported_currencies()
        if self.code != STRIPE_CODE:
            return currencies
        return currencies.filtered(lambda currency: currency.name in STRIPE_CURRENCIES)

    def _compute_available_currency_ids(self):
        """Administrators choose some currencies, or none for all: the form is not filled with all that Stripe knows,
        which its limits tell anyway.
        """
        result = super()._compute_available_currency_ids()
        self.filtered(lambda provider: provider.code == STRIPE_CODE).available_currency_ids = False
        return result

    def _get_default_payment_method_codes(self):
        """The one choice of the form: see ``data/stripe/payment_provider_stripe.xml``."""
        return {STRIPE_CODE} if self.code == STRIPE_CODE else super()._get_default_payment_method_codes()

    def _get_validation_currency(self):
        """A method is stored for payments in the company's currency: which methods Stripe offers depends on it."""
        if self.code != STRIPE_CODE:
            return super()._get_validation_currency()
        return self.company_id.currency_id

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """A new one has a secret of its own."""
        providers = super().create(vals_list)
        if any(provider.code == STRIPE_CODE for provider in providers):
            self._paylink_forget_secrets()
        return providers

    def write(self, vals):
        """Another key may be another account's: what is known of it is asked anew. Another secret holds at once."""
        if "paylink_stripe_secret_key" in vals:
            vals = dict(vals, paylink_stripe_secret_key=(vals["paylink_stripe_secret_key"] or "").strip() or False)
            for provider in self.sudo():
                if provider.paylink_stripe_secret_key != vals["paylink_stripe_secret_key"]:
                    provider._paylink_stripe_forget_account()
        result = super().write(vals)
        if SIGNING_FIELDS & set(vals):
            self._paylink_forget_secrets()
        return result

    def unlink(self):
        """Its secrets are worth nothing anymore."""
        self._paylink_forget_secrets()
        return super().unlink()

    def _paylink_stripe_forget_account(self):
        self.write(
            {
                "paylink_stripe_account": False,
                "paylink_stripe_account_name": False,
                "paylink_stripe_country": False,
                "paylink_stripe_takes_debits": False,
                "paylink_stripe_pause_until": False,
            }
        )

    def _get_reset_values(self):
        """What “Reset credentials” empties. The webhook secret stays for the messages that are on their way."""
        if self.code != STRIPE_CODE:
            return super()._get_reset_values()
        return {"paylink_stripe_secret_key": False}

    # === ACTIONS === #

    def action_paylink_stripe_connect(self):
        """Check the key with Stripe, note whose it is, and say whether it fits the provider's state."""
        self._paylink_check_administrator()
        try:
            self._paylink_stripe_connect()
        except StripeFailure as error:
            raise self._paylink_stripe_user_error(error) from None
        mode = self.env._("live") if self.paylink_stripe_mode == "live" else self.env._("test")
        return self._paylink_notification(
            self.env._(
                "Connected to %(account)s (%(country)s), %(mode)s mode. %(next)s",
                account=self.paylink_stripe_account_name or self.paylink_stripe_account,
                country=self.paylink_stripe_country or "?",
                mode=mode,
                next=self._paylink_stripe_next_step(),
            )
        )

    def _paylink_stripe_next_step(self):
        """What is still to be done after connecting."""
        live = self.paylink_stripe_mode == "live"
        if self.state == "disabled":
            state = self.env._("Enabled") if live else self.env._("Test Mode")
            return self.env._("The provider is disabled: set it to “%(state)s” to be paid.", state=state)
        if not self.paylink_stripe_webhook_secret:
            return self.env._("The key matches the provider's state. Next: “Create webhook”.")
        return self.env._("The key matches the provider's state.")

    def _paylink_check_administrator(self):
        self.ensure_one()
        self.check_access("write")
        if not self.sudo().paylink_stripe_secret_key:
            raise UserError(self.env._("First enter the “Stripe Secret Key” and save."))

    def _paylink_notification(self, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": message,
                "sticky": True,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _paylink_stripe_user_error(self, error):
        """What an administrator reads and can do about a failed call."""
        if isinstance(error, StripeRefused) and error.about_key:
            return UserError(
                self.env._(
                    "Stripe refuses the key: %(reason)s Check “Stripe Secret Key”, and, for a restricted key, its "
                    "permissions.",
                    reason=error.message,
                )
            )
        if isinstance(error, StripeRefused | StripeAbsent):
            return UserError(self.env._("Stripe refused: %(reason)s", reason=error.message))
        return UserError(
            self.env._("Stripe could not be reached (%(reason)s). Try again in a minute.", reason=error.message)
        )

    # === BUSINESS METHODS === #

    def _paylink_stripe(self):
        """The API with this provider's key; in an HTTP request somebody waits, and does so less long than a job.

        Who holds rows meanwhile has a ``paylink_stripe_answers`` in the context: see
        :meth:`paylink.event._asking_first`.

        :rtype: StripeApi
        :raise StripeRefused: there is no key
        """
        self.ensure_one()
        patience = PATIENCE["click" if request else "job"]
        answers = self.env.context.get("paylink_stripe_answers")
        options = patience | ({} if answers is None else {"answers": answers})
        api = StripeApi if answers is None else KnownAnswers
        return api(self.sudo().paylink_stripe_secret_key, base=api_base(), **options)

    @api.model
    def _paylink_form_targets(self):
        """Also to the Stripe that a server option names."""
        return " ".join(filter(None, [super()._paylink_form_targets(), api_base()]))

    def _paylink_stripe_secrets(self):
        """The secrets with which messages may be signed, as a tuple: none, one, or two while one replaces the other."""
        provider = self.sudo()
        found = (provider.paylink_stripe_webhook_secret, provider.paylink_stripe_webhook_secret_old)
        return tuple(dict.fromkeys(secret.strip() for secret in found if secret and secret.strip()))

    def _paylink_stripe_connect(self):
        """Ask whose key it is. Methods stored in another account wait for its key: see ``_paylink_chargeable``."""
        found = self._paylink_stripe().account()
        name = (found.get("settings") or {}).get("dashboard", {}).get("display_name")
        name = name or (found.get("business_profile") or {}).get("name")
        capabilities = found.get("capabilities") or {}
        self.sudo().write(
            {
                "paylink_stripe_account": found["id"],
                "paylink_stripe_account_name": name,
                "paylink_stripe_country": found.get("country"),
                "paylink_stripe_takes_debits": capabilities.get("acss_debit_payments") == "active",
            }
        )
        self._paylink_stripe_note_key(refused=False)

    def _paylink_stripe_types(self, codes, currency):
        """Stripe's types of what can be stored in this account, to be charged in ``currency``.

        Stripe's page is one method of Odoo's: this is how others stand for what it shows.

        :param codes: of ``payment.method``, such as ``card``
        """
        found = [STRIPE_STORABLE[code] for code in codes if code in STRIPE_STORABLE]
        return [
            kind
            for kind, currencies in found
            if (not currencies or currency.name in currencies)
            and (kind != "acss_debit" or self.sudo().paylink_stripe_takes_debits)
        ]

    def _paylink_take_debits(self, currency):
        """Those whose page may debit bank accounts in Canada."""
        return self.filtered(lambda p: p.code == STRIPE_CODE and p._paylink_stripe_types(["acss_debit"], currency))

    def _paylink_storing_of(self, methods, currency):
        """Those at Stripe whose page can store any of ``methods`` (``payment.method``)."""
        codes = methods.mapped("code")
        return self.filtered(lambda p: p.code == STRIPE_CODE and p._paylink_stripe_types(codes, currency))

    def _paylink_stripe_note_key(self, refused):
        """Note whether Stripe has refused the key or taken it: the task to mend it ends with that."""
        provider = self.sudo()
        provider.paylink_stripe_pause_until = refused and fields.Datetime.now() + KEY_PAUSE
        if provider.paylink_stripe_key_refused != refused:
            provider.paylink_stripe_key_refused = refused

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"paylink_stripe_key_refused"}

    def _paylink_done_provider_key_refused(self, _task):
        return not self.paylink_stripe_key_refused

    def _paylink_stripe_account_id(self):
        """The account's id, asked for once.

        :raise StripeFailure: it is not known yet, and could not be asked for
        """
        provider = self.sudo()
        if not provider.paylink_stripe_account:
            provider._paylink_stripe_connect()
        return provider.paylink_stripe_account

    # === THE WEBHOOK === #
    # How Stripe comes to report to this server.

    # === ACTIONS === #

    def action_paylink_stripe_create_webhook(self):
        """Have Stripe send our events to this server; an earlier webhook of ours at the same address is replaced."""
        self._paylink_check_administrator()
        try:
            self._paylink_stripe_create_webhook()
        except StripeFailure as error:
            raise self._paylink_stripe_user_error(error) from None
        return self._paylink_notification(
            self.env._("Stripe now reports to %(url)s. Try it: “Send a test event”.", url=self._paylink_webhook_url())
        )

    def action_paylink_stripe_send_test(self):
        """Make Stripe send a real, harmless event: a session that expires at once."""
        self._paylink_check_administrator()
        if not self.paylink_stripe_webhook_secret:
            raise UserError(self.env._("There is no webhook yet: click “Create webhook” first."))
        try:
            self._paylink_stripe_send_test()
        except StripeFailure as error:
            raise self._paylink_stripe_user_error(error) from None
        return self._paylink_notification(
            self.env._("Stripe has been asked for a test event. It arrives within seconds.")
        )

    # === BUSINESS METHODS === #

    def _paylink_webhook_url(self):
        """Where Stripe reports to: the company's own address."""
        return f"{self.company_id._paylink_base_url()}{WEBHOOK_PATH}/{self.id}"

    def _paylink_stripe_create_webhook(self):
        """Create the new one, keep its secret, commit, and only then delete what it replaces.

        Stripe shows a secret once: if it were lost, with the old webhook gone, no message could be verified. Whatever
        fails in between leaves a webhook at the same address, which the next click replaces.
        """
        stripe, url = self._paylink_stripe(), self._paylink_webhook_url()
        replaced = [found["id"] for found in stripe.webhooks() if found["url"] == url]
        made = stripe.webhook_create(
            key=secrets.token_urlsafe(24),
            url=url,
            enabled_events=list(STRIPE_EVENTS),
            api_version=API_VERSION,
            description="Paylink for Odoo",
            metadata={"paylink_db": self._paylink_database_uuid()},
        )
        provider = self.sudo()
        provider.write(
            {
                "paylink_stripe_webhook_secret_old": provider.paylink_stripe_webhook_secret,
                "paylink_stripe_webhook_secret": made["secret"],
                "paylink_stripe_webhook": made["id"],
                "paylink_stripe_webhook_version": made["api_version"],
            }
        )
        self.env.cr.commit()  # pylint: disable=invalid-commit
        for webhook_id in replaced:
            with contextlib.suppress(StripeAbsent):  # somebody else has deleted it
                stripe.webhook_delete(webhook_id)

    @api.model
    def _paylink_database_uuid(self):
        """Tells our objects from those that another Odoo made in the same Stripe account."""
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    def _paylink_stripe_send_test(self):
        """In setup mode: it has no amount, which may be below the least that Stripe takes in a currency."""
        stripe, key = self._paylink_stripe(), secrets.token_urlsafe(24)
        session = stripe.session_create(
            key=key,
            mode="setup",
            currency=self.company_id.currency_id.name.lower(),
            success_url=self._paylink_webhook_url(),
            metadata={"paylink_test": self._paylink_database_uuid()},
        )
        stripe.session_expire(session["id"], key=f"{key}-expire")
