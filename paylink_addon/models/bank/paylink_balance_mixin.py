from markupsafe import Markup
from odoo import api, models


class PaylinkBalanceMixin(models.AbstractModel):
    """What is known once an account at Stripe is kept."""

    _name = "paylink.balance.mixin"
    _description = "Known by an account at Stripe"

    @api.model
    @api.private
    def get_empty_list_help(self, help_message):
        """Where none is kept, who may set it up is led there."""
        message = super().get_empty_list_help(help_message)
        ours = [("company_id", "in", self.env.companies.ids)]
        may_set_up = self.env["paylink.balance.setup"].has_access("create")
        if not may_set_up or self.env["paylink.balance"].sudo().search_count(ours, limit=1):
            return message
        action = self.env["ir.model.data"]._xmlid_to_res_id("paylink_addon.paylink_balance_setup_action")
        button = Markup('<p><a type="action" name="%s" class="btn btn-primary">%s</a></p>')
        button %= (action, self.env._("Use Stripe as an account"))
        return f"{message or ''}{button}"
