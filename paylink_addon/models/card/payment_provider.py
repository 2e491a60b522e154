from odoo import api, models


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    @api.model
    def _paylink_storing(self, company, partner):
        """The published providers, and their methods, with which ``partner`` can store a method without paying.

        :return: (``payment.provider``, ``payment.method``) in sudo mode
        """
        currency = company.currency_id
        providers = self.sudo()._get_compatible_providers(
            company.id, partner.id, 0.0, currency_id=currency.id, force_tokenization=True, is_validation=True
        )
        # What is stored is the company's of the provider: with that of a parent company a branch could not charge it.
        providers = providers.filtered(lambda provider: provider.is_published and provider.company_id == company)
        methods = (
            self.env["payment.method"]
            .sudo()
            ._get_compatible_payment_methods(
                providers.ids, partner.id, currency_id=currency.id, force_tokenization=True
            )
        )
        return providers.filtered(lambda provider: provider.payment_method_ids & methods), methods
