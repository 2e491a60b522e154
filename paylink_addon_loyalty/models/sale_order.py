from odoo import models
from odoo.exceptions import UserError


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def _get_reward_values_discount(self, reward, coupon, **kwargs):
        """A wallet never pays for a top-up: money would go round, and out of one wallet into another."""
        account = reward.program_id.sudo().paylink_account_id
        if account and self._paylink_tops_up():
            raise UserError(self.env._("A wallet can't be topped up from a wallet: order the top-up alone."))
        return super()._get_reward_values_discount(reward, coupon, **kwargs)

    def _paylink_tops_up(self):
        """Whether the order sells money in a wallet: what is booked on the account of one."""
        products = self.order_line.filtered(lambda line: not line.is_reward_line).product_id
        accounts = products.with_company(self.company_id).sudo().property_account_income_id
        return bool(
            self.env["loyalty.program"].sudo().search_count([("paylink_account_id", "in", accounts.ids)], limit=1)
        )
