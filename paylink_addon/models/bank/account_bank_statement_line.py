from odoo import fields, models


class AccountBankStatementLine(models.Model):
    """Lines that something has brought know what they are of, so that each comes once."""

    _inherit = "account.bank.statement.line"

    # The field of OCA's imports of statements: beside them it is the same one.
    unique_import_id = fields.Char(string="Import ID", readonly=True, copy=False)

    _paylink_import_unique = models.UniqueIndex("(unique_import_id) WHERE unique_import_id IS NOT NULL")

    def _paylink_of_banks(self):
        """Those of real banks."""
        return self.filtered(lambda line: line.journal_id._paylink_takes_transfers())
