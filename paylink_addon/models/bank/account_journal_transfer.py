"""Stage of ``account.journal``: whether customers' transfers come to it."""

from odoo import models


class AccountJournal(models.Model):
    _inherit = "account.journal"

    def _paylink_takes_transfers(self):
        """Hook: whether customers' transfers come to this journal: to those of banks.

        A journal that is not a bank's own, such as a provider's, says no.
        """
        return self.type == "bank" and not self.sudo().paylink_balance_id
