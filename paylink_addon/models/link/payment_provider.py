from odoo import api, models
from odoo.tools import is_html_empty, ormcache

from odoo.addons.payment.controllers.portal import PaymentPortal


class PaymentProvider(models.Model):
    _name = "payment.provider"
    _inherit = ["payment.provider", "paylink.options.mixin"]

    @api.model
    def _paylink_options(self, company_id, currency_id, amount, partner):
        """The published providers, and their methods, with which ``amount`` can be paid.

        The customer's page is the same for everyone who holds the link: what is not published is for nobody.

        :param float amount: major units of the currency
        :return: (``payment.provider``, ``payment.method``) in sudo mode
        """
        providers = self.sudo()._get_compatible_providers(company_id, partner.id, amount, currency_id=currency_id)
        providers = providers.filtered("is_published")
        methods = (
            self.env["payment.method"]
            .sudo()
            ._get_compatible_payment_methods(providers.ids, partner.id, currency_id=currency_id)
        )
        return providers, methods

    @api.model
    def _paylink_option_ids(self, company_id, country_id, currency_id, amount, partner):
        """:meth:`_paylink_options` as ids, remembered until a provider or method changes.

        For showing the page only: what is paid is checked anew. The amount matters only where a provider has a limit.
        """
        limited = self._paylink_has_limits(company_id)
        return self._paylink_cached_ids(company_id, country_id, currency_id, amount if limited else None, partner)

    @api.model
    @ormcache("company_id")
    def _paylink_has_limits(self, company_id):
        return bool(self.sudo().search_count([("company_id", "=", company_id), ("maximum_amount", ">", 0)], limit=1))

    @api.model
    @ormcache("company_id", "country_id", "currency_id", "amount")
    def _paylink_cached_ids(self, company_id, country_id, currency_id, amount, partner):
        providers, methods = self._paylink_options(company_id, currency_id, amount or 0.0, partner)
        return tuple(providers.ids), tuple(methods.ids)

    @api.model
    @ormcache("self.env.lang", "provider_ids", "method_ids", cache="templates")
    def _paylink_method_forms(self, provider_ids, method_ids):
        """The choices of Odoo's payment form, ready to print: they are the same on each link.

        A provider that asks for something on the page itself may look at the amount or the customer: its choices are
        left to be rendered on each page.

        :param tuple provider_ids: of the providers that are offered
        :param tuple method_ids: of the methods that are offered
        :return: the HTML of each method, by id, or ``None`` where a provider has fields on the page
        """
        providers = self.sudo().browse(provider_ids)
        if providers._paylink_embedded():
            return None
        values = {
            "mode": "payment",
            "providers_sudo": providers,
            "show_tokenize_input_mapping": PaymentPortal._compute_show_tokenize_input_mapping(providers),
            "is_html_empty": is_html_empty,
        }
        qweb = self.env["ir.qweb"].with_user(self.env.ref("base.public_user")).sudo()
        return {
            method.id: qweb._render(
                "payment.method_form", values | {"pm_sudo": method, "is_selected": len(method_ids) == 1}
            )
            for method in self.env["payment.method"].sudo().browse(method_ids)
        }

    def _paylink_payment_method_line(self):
        """The line of a journal with which payments of the provider are booked; a provider has one, for refunds too."""
        self.ensure_one()
        Line = self.env["account.payment.method.line"]
        domain = [("payment_provider_id", "=", self.id), ("journal_id", "!=", False)]
        line = Line.search(domain, limit=1)
        if not line and self.journal_id:  # reading the journal has made the line
            line = Line.search(domain, limit=1)
        return line

    @api.model
    def _paylink_form_targets(self):
        """Where the forms of customers' pages may lead, as the ``form-action`` of their security policy.

        Hook: to us and to providers' sites; a provider that may stand elsewhere adds its address.
        """
        return "'self' https:"

    def _paylink_embedded(self):
        """The providers that ask for something on the page itself, with scripts from their own site."""
        return self.filtered(lambda provider: provider.inline_form_view_id and provider.code != "demo")
