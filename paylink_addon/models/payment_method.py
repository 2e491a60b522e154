from odoo import api, models


class PaymentMethod(models.Model):
    """Which methods a page offers is remembered (see ``payment.provider``): any change of one forgets it."""

    _inherit = "payment.method"

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()
