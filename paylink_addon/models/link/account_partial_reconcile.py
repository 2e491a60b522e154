from odoo import api, models


class AccountPartialReconcile(models.Model):
    _name = "account.partial.reconcile"
    _inherit = ["account.partial.reconcile", "paylink.ending.mixin"]

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """What is settled by it, or used, may be what somebody was to look after."""
        partials = super().create(vals_list)
        self.env["mail.activity"]._paylink_look_again(partials)
        return partials

    def unlink(self):
        """What is reversed with it (exchange differences) says so in the language of the books, company by company."""
        result = True
        for company, partials in self.grouped("company_id").items():
            # Those of one company may have taken some of the next along.
            books = company._paylink_in_its_language(partials if partials == self else partials.exists())
            result = super(AccountPartialReconcile, books).unlink()
        return result

    # === TASKS === #

    def _paylink_task_subjects(self):
        """The payments that have come by providers, and what these have paid."""
        items = self.debit_move_id | self.credit_move_id
        transactions = items.payment_id.payment_transaction_id | items.move_id.transaction_ids
        transactions |= transactions.source_transaction_id
        return [transactions, transactions.paylink_id]
