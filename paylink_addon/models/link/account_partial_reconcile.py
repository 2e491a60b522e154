from odoo import models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def unlink(self):
        """What is reversed with it (exchange differences) says so in the language of the books."""
        books = self.company_id[:1]._paylink_in_its_language(self)
        return super(AccountPartialReconcile, books).unlink()
