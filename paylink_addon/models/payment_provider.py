from odoo import api, models
from odoo.tools import ormcache


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

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

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """A new one may be offered."""
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        """What is offered may change."""
        self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        """It is not offered any more."""
        self.env.registry.clear_cache()
        return super().unlink()
