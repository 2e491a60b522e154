from odoo import models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def unlink(self):
        """Who takes the reconciliation of a bank line back undoes its match."""
        moves = self.debit_move_id.move_id | self.credit_move_id.move_id
        result = super().unlink()
        self.env["paylink.bank.match"]._look_again(moves.exists())
        return result
