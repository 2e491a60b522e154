from odoo import models

# What a number of a document looks like without the signs between its pieces. Who looks for one has to write it, and
# the condition, just like this: there are indexes.
NUMBER = "regexp_replace(upper({}), '[^A-Z0-9]', '', 'g')"
WHICH = "move_type IN ('out_invoice', 'out_receipt') AND state = 'posted'"


class AccountMove(models.Model):
    """Invoices are found by their numbers, as banks write them: without the signs in between."""

    _inherit = "account.move"

    _paylink_number_index = models.Index(f"({NUMBER.format('name')}) WHERE {WHICH}")
    _paylink_payment_reference_index = models.Index(f"({NUMBER.format('payment_reference')}) WHERE {WHICH}")

    # === LINES OF BANKS === #

    def button_draft(self):
        """The entry of a bank's line that is taken out of the books has paid nothing."""
        result = super().button_draft()
        self.statement_line_id._paylink_look_again()
        return result

    def button_cancel(self):
        """See :meth:`button_draft`."""
        result = super().button_cancel()
        self.statement_line_id._paylink_look_again()
        return result

    def unlink(self):
        """See :meth:`button_draft`."""
        lines = self.statement_line_id
        lines._paylink_accepted()._withdraw_rest("void")
        lines.sudo().paylink_match_ids.unlink()  # with their lines, which the database deletes
        return super().unlink()

    def _paylink_shown_on(self):
        """The day on which a real bank has shown it, if it is the entry of a line of such a one; else ``False``."""
        return self.statement_line_id._paylink_of_banks().date

    def _paylink_can_change(self):
        """Whether this posted entry may still be changed: its day is not locked, and it is not secured."""
        self.ensure_one()
        has_tax = bool(self.line_ids.filtered(lambda item: item.tax_ids or item.tax_line_id))
        return not self.inalterable_hash and not self._get_violated_lock_dates(self.date, has_tax)
