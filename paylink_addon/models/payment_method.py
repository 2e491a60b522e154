from odoo import api, models


class PaymentMethod(models.Model):
    """Which methods a page offers is remembered (see ``payment.provider``): any change of one forgets it."""

    _inherit = "payment.method"

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
