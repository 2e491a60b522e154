from odoo import api, models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        """What the bank shows of payments that somebody has registered, the links that they have paid say."""
        partials = super().create(vals_list)
        self.env["paylink.link"].sudo()._paid_with_what_is_shown(partials)._look_again_whether_consolidated()
        return partials

    def unlink(self):
        """Who takes the reconciliation of a bank line back undoes its match."""
        moves = self.debit_move_id.move_id | self.credit_move_id.move_id
        links = self.env["paylink.link"].sudo()._paid_with_what_is_shown(self)
        result = super().unlink()
        links._look_again_whether_consolidated()
        self.env["paylink.bank.match"]._look_again(moves.exists())
        return result
