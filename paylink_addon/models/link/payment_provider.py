from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, float_compare, is_html_empty, ormcache

from odoo.addons.payment import utils as payment_utils
from odoo.addons.payment.controllers.portal import PaymentPortal

from ...tools.answers import NoAnswer, NotSent, may_be_done, was_not_sent
from ...tools.client_values import LARGEST_INTEGER
from ...tools.hooks import named_hook
from ...tools.money import MoneyError, exact_amount

# How long a provider that can't be reached is not tried again: until the next run of the job.
PAUSE = timedelta(minutes=4)


# Ids have fewer.
MAX_DIGITS = 10
# Codes of Odoo's own providers that have no server to ask.
WITHOUT_SERVER = {"none", "demo", "custom"}


class Option(NamedTuple):
    """A way to pay, as pages offer it: a method of a provider, or a saved one.

    ``value`` names it in the form: ``<id of provider>-<id of method>``, or ``token-<id of saved method>``; ``message``
    is the provider's, as HTML; ``is_entered``: the customer enters a card or an account on the next page, which is ours
    if the method ``shows_fields`` there.
    """

    value: str
    name: str
    message: str = ""
    is_test: bool = False
    is_entered: bool = False
    shows_fields: bool = False
    may_save: bool = False


def is_number(text):
    """Whether this can be an id."""
    return text.isascii() and text.isdigit() and len(text) < MAX_DIGITS


class Limits(NamedTuple):
    """What a provider takes in a currency, in major units of it: no less than ``least``, no more than ``most``, only
    multiples of ``step``; 0: any. In a currency that it does not take ``step`` is ``None``.
    """

    least: float = 0
    most: float = 0
    step: float | None = 0

    def refuse(self, amount):
        """What speaks against an amount: the name of the limit, or ``None``.

        :param float amount: major units; 0: an amount is not known yet
        """
        if self.step is None:
            return "currency"
        if not amount:
            return None
        if float_compare(amount, self.least, precision_digits=6) < 0:
            return "least"
        if self.most and float_compare(amount, self.most, precision_digits=6) > 0:
            return "most"
        return None if self._has_step(amount) else "step"

    def _has_step(self, amount):
        try:
            return not self.step or exact_amount(amount, self.step) is not None
        except MoneyError:
            return False


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    paylink_pause_until = fields.Datetime(
        string="Not reached until",
        copy=False,
        readonly=True,
        groups="base.group_system",
        help="It could not be reached: what is to be sent to it waits.",
    )

    # === ASKING === #

    def _send_api_request(self, method, endpoint, **options):
        """Where we ask for money to be moved, a request that was not answered is not taken for refused.

        Some providers swallow Odoo's error themselves, and give the transaction up.

        :raise NoAnswer: the outcome is unknown
        :raise NotSent: the provider has got nothing at all
        """
        answers = self.env.context.get("paylink_answers")
        if answers is None:
            return super()._send_api_request(method, endpoint, **options)
        try:
            return super()._send_api_request(method, endpoint, **options)
        except ValidationError as error:
            if not answers.was_reached and was_not_sent(error):
                raise NotSent(str(error)) from error
            if may_be_done(error):
                raise NoAnswer(str(error)) from error
            raise
        finally:
            answers.was_reached = True

    def _paylink_pause(self):
        """Send nothing for some minutes to a provider that can't be reached: each try would wait for it."""
        now = fields.Datetime.now()
        if not self.paylink_pause_until or self.paylink_pause_until < now:
            self.paylink_pause_until = now + PAUSE

    # === LIMITS === #
    # Whether a provider can take an amount in a currency: Odoo's own search of providers asks it, and so do all pages
    # and dialogs, ours and Odoo's.

    def _paylink_limits(self, currency):
        """What the provider takes in ``currency``, by itself and by Odoo's *Maximum Amount*.

        :rtype: Limits
        """
        self.ensure_one()
        if self.available_currency_ids and currency not in self.available_currency_ids:
            return Limits(step=None)
        limits = named_hook(self, "paylink_limits", self.code)(currency)
        if self.maximum_amount:
            company = self.company_id
            most = company.currency_id._convert(self.maximum_amount, currency, company, company._paylink_today())
            limits = limits._replace(most=min(filter(None, [limits.most, most])))
        return limits

    def _paylink_limits_general(self, _currency):
        """Hook, by the code of the provider (``_paylink_limits_<code>``): the limits that the provider itself has."""
        return Limits()

    @api.model
    def _get_compatible_providers(self, company_id, partner_id, amount, currency_id=None, **kwargs):
        """Only those that can take this amount in this currency."""
        providers = super()._get_compatible_providers(company_id, partner_id, amount, currency_id=currency_id, **kwargs)
        currency = self.env["res.currency"].browse(currency_id or ()).exists()
        if not currency:
            return providers
        asked = 0 if kwargs.get("is_validation") else amount
        taking = providers.filtered(lambda provider: not provider._paylink_limits(currency).refuse(asked))
        payment_utils.add_to_report(
            kwargs.get("report"),
            providers - taking,
            available=False,
            reason=self.env._("amount not possible with this provider"),
        )
        return taking

    @api.model
    def _paylink_online_problem(self, company, currency, amount, partner, version=None):
        """Why ``amount`` can't be paid online, in words for whoever reads it; ``False`` where it can, or where nothing
        can be paid online.

        :param float amount: major units of the currency
        :param str version: see :meth:`_paylink_version_sql`, where the caller has it already
        """
        version = version or self._paylink_version()
        if self._paylink_option_ids(version, company.id, currency.id, amount, partner)[0]:
            return False
        published = self.sudo()._get_compatible_providers(company.id, partner.id, 0.0).filtered("is_published")
        return published._paylink_bookable()._paylink_refusal_text(currency, amount, partner)

    @api.model
    def _paylink_online_warning(self, company, currency, amount, partner, version=None):
        """Before it is sent: that ``amount`` can't be paid online, and what the customer can do instead, or ``False``.

        Its arguments are those of :meth:`_paylink_online_problem`, in sudo mode.
        """
        reason = self._paylink_online_problem(company, currency, amount, partner, version)
        if reason and company._paylink_bank_account():
            return self.env._("%(reason)s The customer can pay by transfer only.", reason=reason)
        return reason and self.env._("%(reason)s The customer can't pay this by the link.", reason=reason)

    def _paylink_refusal_text(self, currency, amount, partner):
        """Why none of these can take ``amount`` of ``partner``; ``False`` where it is not for their limits."""
        limits = [provider._paylink_limits(currency) for provider in self]
        refused = {found.refuse(amount) for found in limits}
        if not any(refused):
            return False
        bounds = {
            "least": min((found.least for found in limits if found.step is not None), default=0),
            "most": max((found.most for found in limits), default=0),
            "step": min((found.step for found in limits if found.step), default=0),
        }
        company = self.company_id[:1]
        facts = {name: currency._paylink_text(self.env, bound, company, partner) for name, bound in bounds.items()}
        facts["currency"] = currency.name
        texts = {
            "least": self.env._("Online payment starts at %(least)s.", **facts),
            "most": self.env._("Online payment is possible up to %(most)s.", **facts),
            "step": self.env._("Online payment in %(currency)s is possible only for multiples of %(step)s.", **facts),
            "currency": self.env._("Online payment is not possible in %(currency)s.", **facts),
        }
        return next((text for name, text in texts.items() if name in refused), False)

    # === BUSINESS METHODS === #

    @api.model
    def _paylink_options(self, company_id, currency_id, amount, partner):
        """The published providers, and their methods, with which ``amount`` can be paid.

        The customer's page is the same for everyone who holds the link: what is not published is for nobody. Nor is
        what could not be booked: in a currency or a journal that was archived.

        :param float amount: major units of the currency
        :return: (``payment.provider``, ``payment.method``) in sudo mode
        """
        providers = self.sudo()._get_compatible_providers(company_id, partner.id, amount, currency_id=currency_id)
        if not self.env["res.currency"].browse(currency_id).active:
            providers = providers.browse()
        providers = providers.filtered("is_published")._paylink_bookable()
        methods = (
            self.env["payment.method"]
            .sudo()
            ._get_compatible_payment_methods(providers.ids, partner.id, currency_id=currency_id)
        )
        return providers, methods

    def _paylink_bookable(self):
        """Those whose journal is in use. One that has no journal yet gets one as soon as it is looked for."""
        lines = self.env["account.payment.method.line"].sudo().search(self._paylink_lines_domain())
        by_provider = lines.grouped("payment_provider_id")
        return self.filtered(
            lambda provider: provider not in by_provider or any(by_provider[provider].journal_id.mapped("active"))
        )

    # === WHAT PAGES REMEMBER === #
    # For showing a page only: what is paid is checked anew. To look it up each time is a third of the page's time
    # (bench/page.py). Nothing has to be forgotten: what is remembered bears the version of what it was made from. A
    # key has only what we choose (companies, countries, currencies, languages): nothing that a visitor can make up.

    @api.model
    def _paylink_version_sql(self):
        """An SQL expression that changes whenever a provider or a method does, or a journal or a currency is put in or
        out of use, also in the transaction that does it.
        """
        return SQL(
            """(SELECT md5(concat(
                   (SELECT array_agg((id, xmin, ctid) ORDER BY id)
                      FROM payment_provider WHERE state IN ('enabled', 'test')),
                   (SELECT array_agg((id, xmin, ctid) ORDER BY id) FROM payment_method WHERE active),
                   (SELECT array_agg((line.id, line.payment_provider_id, journal.id) ORDER BY line.id)
                      FROM account_payment_method_line line
                 LEFT JOIN account_journal journal ON journal.id = line.journal_id AND journal.active
                     WHERE line.payment_provider_id IS NOT NULL),
                   (SELECT array_agg(id ORDER BY id) FROM res_currency WHERE active))))"""
        )

    @api.model
    def _paylink_version(self):
        return self.env.execute_query(SQL("SELECT %s", self._paylink_version_sql()))[0][0]

    @api.model
    def _paylink_option_ids(self, version, company_id, currency_id, amount, partner):
        """:meth:`_paylink_options` as ids.

        :param str version: see :meth:`_paylink_version_sql`
        """
        known = self._paylink_known_options(version, company_id, partner.country_id.id, currency_id)
        if known and not any(limits.refuse(amount) for limits in known[2]):
            return known[:2]
        providers, methods = self._paylink_options(company_id, currency_id, amount, partner)
        return tuple(providers.ids), tuple(methods.ids)

    @api.model
    @ormcache("version", "company_id", "country_id", "currency_id")
    def _paylink_known_options(self, version, company_id, country_id, currency_id):
        """What is offered to customers of a country within these limits, as ids of providers and of methods, and the
        limits; ``None`` where limits follow the rates of the day.
        """
        anybody = self.env["res.partner"].new({"country_id": country_id})
        providers, methods = self._paylink_options(company_id, currency_id, 0.0, anybody)
        if any(providers.mapped("maximum_amount")):
            return None
        currency = self.env["res.currency"].browse(currency_id)
        limits = tuple(provider._paylink_limits(currency) for provider in providers)
        return tuple(providers.ids), tuple(methods.ids), limits

    @api.model
    @ormcache("version", "self.env.lang", "provider_ids", "method_ids", "may_save", cache="templates")
    def _paylink_known_offers(self, version, provider_ids, method_ids, may_save):
        """:meth:`_paylink_offered`, which is the same on each link.

        :param str version: see :meth:`_paylink_version_sql`
        :param tuple provider_ids: of the providers that are offered
        :param tuple method_ids: of the methods that are offered
        """
        methods = self.env["payment.method"].sudo().browse(method_ids)
        return self.sudo().browse(provider_ids)._paylink_offered(methods, may_save)

    # === WHAT PAGES OFFER === #

    def _paylink_offered(self, methods, may_save=False, is_validation=False):
        """What a page offers to pay with.

        :param methods: the ``payment.method`` that are possible with these providers
        :param bool may_save: whether whoever pays may save the method (see ``paylink.link._may_save``)
        :param bool is_validation: nothing is paid: the method is stored
        :return: a tuple of :class:`Option`
        """
        saving = PaymentPortal._compute_show_tokenize_input_mapping(self)
        return tuple(
            Option(
                value=f"{provider.id}-{method.id}",
                name=method.name,
                message="" if is_html_empty(provider.pre_msg) else provider.pre_msg,
                is_test=provider.state == "test",
                is_entered=provider.code != "custom",
                shows_fields=provider._paylink_shows_fields(method, is_validation),
                may_save=may_save and method.support_tokenization and saving[provider.id],
            )
            for method in methods
            for provider in method.provider_ids.filtered(lambda one: one in self)[:1]
        )

    @api.model
    def _paylink_offered_tokens(self, tokens):
        """What a page offers of these saved methods: see :meth:`_paylink_offered`."""
        return tuple(
            Option(
                value=f"token-{token.id}",
                name=f"{token.payment_method_id.name} {token.display_name}",
                is_test=token.provider_id.state == "test",
            )
            for token in tokens
        )

    @api.model
    def _paylink_choice(self, text):
        """What the form of a page names by ``text``; empty if it names nothing. Whether it is offered is still to be
        checked.

        :param text: the ``value`` of an :class:`Option`, as it came: anything
        """
        first, _sign, second = text.partition("-") if isinstance(text, str) else ("", "", "")
        if not is_number(second):
            return {}
        if first == "token":
            # Also of one that there is not: which ones there are is nobody's to count.
            token = self.env["payment.token"].sudo().browse(int(second)).exists()
            return {"provider_id": token.provider_id.id, "token_id": int(second)}
        return {"provider_id": int(first), "payment_method_id": int(second)} if is_number(first) else {}

    @api.model
    def _paylink_choice_shows_fields(self, choice, is_validation=False):
        """Whether who has chosen this fills in fields on our page.

        :param dict choice: see :meth:`_paylink_choice`
        """
        provider = self.sudo().browse(choice["provider_id"]).exists()
        method = self.env["payment.method"].sudo().browse(choice.get("payment_method_id", ())).exists()
        return bool(provider and method) and provider._paylink_shows_fields(method, is_validation)

    @api.model
    def _paylink_fields_values(self, option, owner):
        """The context of Odoo's ``payment.form`` with nothing in it but this method.

        :param Option option: one that shows fields on the page
        :param owner: the link, or what else the method is asked for by
        """
        choice = self._paylink_choice(option.value)
        provider = self.sudo().browse(choice["provider_id"])
        return {
            "partner_id": owner.partner_id.id,
            "providers_sudo": provider,
            "payment_methods_sudo": self.env["payment.method"].sudo().browse(choice["payment_method_id"]),
            "tokens_sudo": self.env["payment.token"],
            "show_tokenize_input_mapping": {provider.id: option.may_save},
            "embedded": bool(provider._paylink_embedded()),
            "in_test_mode": option.is_test,
            "reference_prefix": owner.name,
            "transaction_route": f"{owner._page_path}/{owner.access_token}/transaction",
            "landing_route": "/payment/status",
            "access_token": None,
            "availability_report": {},
            "company_mismatch": False,
        }

    # === HELPERS === #

    def _paylink_payment_method_line(self):
        """The line of a journal with which payments of the provider are booked; a provider has one, for refunds too."""
        self.ensure_one()
        Line = self.env["account.payment.method.line"]
        domain = self._paylink_lines_domain()
        line = Line.search([*domain, ("journal_id.active", "=", True)], limit=1) or Line.search(domain, limit=1)
        if not line and self.journal_id:  # reading the journal has made the line
            line = Line.search(domain, limit=1)
        return line

    def _paylink_lines_domain(self):
        return [("payment_provider_id", "in", self.ids), ("journal_id", "!=", False)]

    @api.model
    def _paylink_form_targets(self):
        """Where the forms of customers' pages may lead, as the ``form-action`` of their security policy.

        Hook: to us and to providers' sites; a provider that may stand elsewhere adds its address.
        """
        return "'self' https:"

    @api.model
    def _paylink_asked_for_form(self, provider_id):
        """Whether this provider may ask its server while its form is made, and wait for it.

        :param provider_id: as a client said it: anything
        """
        is_id = type(provider_id) is int and 0 < provider_id <= LARGEST_INTEGER
        provider = self.sudo().browse(provider_id).exists() if is_id else None
        return bool(provider) and named_hook(provider, "paylink_asked_for_form", provider.code)()

    def _paylink_asked_for_form_general(self):
        """Hook, by the code of the provider (``_paylink_asked_for_form_<code>``): nobody knows of others, neither of
        those that lead elsewhere nor of forms on our page (``payment_stripe`` makes its intent at Stripe meanwhile).
        """
        return bool(self.redirect_form_view_id) or self.code not in WITHOUT_SERVER

    def _paylink_shows_fields(self, method, is_validation=False):
        """Whether customers who choose ``method`` fill in fields on our page, which takes the provider's scripts: so it
        is with those that do not lead to a page of their own.
        """
        self.ensure_one()
        if not self._get_redirect_form_view(is_validation=is_validation):
            return True
        return bool(self.inline_form_view_id) and named_hook(self, "paylink_shows_fields", self.code)(method)

    def _paylink_shows_fields_general(self, _method):
        """Hook, by the code of the provider (``_paylink_shows_fields_<code>``): of those that have a form on the page,
        for which methods.
        """
        return True

    def _paylink_shows_fields_xendit(self, method):
        """For cards, as in Odoo's ``payment_xendit``; with the others it leads to its own page."""
        return method.code == "card"

    def _paylink_shows_fields_mercado_pago(self, method):
        """Likewise, as in Odoo's ``payment_mercado_pago``."""
        return method.code == "card"

    def _paylink_embedded(self):
        """The providers that ask for something on the page itself, with scripts from their own site."""
        return self.filtered(lambda provider: provider.inline_form_view_id and provider.code != "demo")
