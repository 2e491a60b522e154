from odoo import models
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)


class PaymentToken(models.Model):
    """Methods to which customers have parts of payment plans charged."""

    _inherit = "payment.token"

    def write(self, vals):
        """What has ended is not charged anymore: the parts are asked for by links."""
        result = super().write(vals)
        if vals.get("active") is False:
            self._paylink_plans()._charge_no_more(_lt("The payment method was removed."))
        return result

    def _paylink_plans(self):
        """The plans whose parts are charged to these, in sudo mode."""
        return self.env["paylink.plan"].sudo().search([("token_id", "in", self.ids), ("state", "=", "running")])

    def _paylink_uses(self, env):
        """Also the parts of plans."""
        uses = super()._paylink_uses(env)
        if names := ", ".join(self._paylink_plans().link_id.mapped("name")):
            text = env._("Parts of payment plans were charged to it (%(links)s): links are sent now.", links=names)
            uses = [*uses, text]
        return uses
