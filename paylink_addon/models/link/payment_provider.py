from odoo import api, models
from odoo.tools import SQL, is_html_empty, ormcache

from odoo.addons.payment.controllers.portal import PaymentPortal


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

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
    def _paylink_option_ids(self, version, company_id, currency_id, amount, partner):
        """:meth:`_paylink_options` as ids; the amount matters only where a provider has a limit.

        :param str version: see :meth:`_paylink_version_sql`
        """
        country_id = partner.country_id.id
        found = self._paylink_unlimited_ids(version, company_id, country_id, currency_id)
        if found is None:
            providers, methods = self._paylink_options(company_id, currency_id, amount, partner)
            found = tuple(providers.ids), tuple(methods.ids)
        return found

    @api.model
    @ormcache("version", "company_id", "country_id", "currency_id")
    def _paylink_unlimited_ids(self, version, company_id, country_id, currency_id):
        """What is offered to customers of a country, or ``None`` where that depends on the amount."""
        domain = [*self._check_company_domain(company_id), ("maximum_amount", ">", 0)]
        if self.sudo().search_count(domain, limit=1):
            return None
        anybody = self.env["res.partner"].new({"country_id": country_id})
        providers, methods = self._paylink_options(company_id, currency_id, 0.0, anybody)
        return tuple(providers.ids), tuple(methods.ids)

    @api.model
    @ormcache("version", "self.env.lang", "provider_ids", "method_ids", "may_save", cache="templates")
    def _paylink_method_forms(self, version, provider_ids, method_ids, may_save):
        """The choices of Odoo's payment form, ready to print: they are the same on each link.

        A provider that asks for something on the page itself may look at the amount or the customer: its choices are
        left to be rendered on each page.

        :param str version: see :meth:`_paylink_version_sql`
        :param tuple provider_ids: of the providers that are offered
        :param tuple method_ids: of the methods that are offered
        :param bool may_save: see :meth:`_paylink_saving_offered`
        :return: the HTML of each method, by id, or ``None`` where a provider has fields on the page
        """
        providers = self.sudo().browse(provider_ids)
        if providers._paylink_embedded():
            return None
        values = {
            "mode": "payment",
            "providers_sudo": providers,
            "show_tokenize_input_mapping": providers._paylink_saving_offered(may_save),
            "is_html_empty": is_html_empty,
        }
        qweb = self.env["ir.qweb"].with_user(self.env.ref("base.public_user")).sudo()
        return {
            method.id: qweb._render(
                "payment.method_form", values | {"pm_sudo": method, "is_selected": len(method_ids) == 1}
            )
            for method in self.env["payment.method"].sudo().browse(method_ids)
        }

    def _paylink_saving_offered(self, may_save):
        """With which of these providers Odoo's form offers to save the method.

        :param bool may_save: whether whoever pays may (see ``paylink.link._may_save``)
        """
        offered = PaymentPortal._compute_show_tokenize_input_mapping(self)
        return {provider_id: may_save and is_offered for provider_id, is_offered in offered.items()}

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

    def _paylink_embedded(self):
        """The providers that ask for something on the page itself, with scripts from their own site."""
        return self.filtered(lambda provider: provider.inline_form_view_id and provider.code != "demo")
