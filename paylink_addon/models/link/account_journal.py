from odoo import api, models


class AccountJournal(models.Model):
    _inherit = "account.journal"

    @api.depends_context("paylink_booked_on")
    def _compute_accounting_date(self):  # pylint: disable=missing-return
        """See ``account.move._get_accounting_date``."""
        super()._compute_accounting_date()
