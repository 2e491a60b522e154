from odoo import models


class ResPartner(models.Model):
    _inherit = "res.partner"

    def action_paylink_top_up(self):
        """Open the wizard that asks the customer for a top-up of the wallet."""
        self.ensure_one()
        self._paylink_check_asking()
        self.env.company._paylink_wallet_program()  # made where there is none
        action = self.env["paylink.send"]._action_open(self)
        return action | {
            "name": self.env._("Top up wallet"),
            "context": {**action["context"], "default_kind": "wallet"},
        }
