from odoo import models


class AccountMoveReversal(models.TransientModel):
    _inherit = "account.move.reversal"

    def _prepare_default_reversal(self, move):
        """“Reversal of” is said to the customer on documents, in the nearest language that is installed; in entries it
        is in the language of the books, whoever reverses them.
        """
        company = move.company_id
        spoken = None if move.is_invoice(include_receipts=True) else company._paylink_lang() or "en_US"
        books = company._paylink_in_its_language(self)
        with move.partner_id._paylink_speaking(spoken):
            return super(AccountMoveReversal, books)._prepare_default_reversal(move)
