from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL, LazyTranslate

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

    @api.model
    def _paylink_relied_on(self):
        """Also those that expire before the last part is charged to them."""
        self.flush_model(["paylink_expires_on"])
        self.env["paylink.plan"].flush_model(["state", "token_id", "date_last"])
        charged = SQL(
            """(SELECT plan.token_id FROM paylink_plan plan JOIN payment_token token ON token.id = plan.token_id
                 WHERE plan.state = 'running' AND plan.date_last > token.paylink_expires_on)"""
        )
        return super()._paylink_relied_on() | Domain("id", "in", charged)

    def _paylink_succeeded_by(self, new, request):
        """What the customer has agreed to be charged to the new one when it was stored, is."""
        result = super()._paylink_succeeded_by(new, request)
        (self._paylink_plans() & request.sudo().plan_ids)._succeed_method(new, request)
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
