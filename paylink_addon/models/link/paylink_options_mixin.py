from odoo import api, models


class PaylinkOptionsMixin(models.AbstractModel):
    """What a page offers to pay with is remembered (see ``payment.provider``): any change of it forgets that."""

    _name = "paylink.options.mixin"
    _description = "Way to Pay"

    @api.model
    def _forget_options(self):
        self.env.registry.clear_cache("default", "templates")

    @api.model_create_multi
    def create(self, vals_list):
        """A new one may be offered."""
        self._forget_options()
        return super().create(vals_list)

    def write(self, vals):
        """What is offered may change."""
        self._forget_options()
        return super().write(vals)

    def unlink(self):
        """It is not offered any more."""
        self._forget_options()
        return super().unlink()
