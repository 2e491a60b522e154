from odoo import models

WHICH = "move_type IN ('out_invoice', 'out_receipt') AND state = 'posted'"


class AccountMove(models.Model):
    """Invoices are found by their numbers, as banks write them: without the signs in between."""

    _inherit = "account.move"

    _paylink_number_index = models.Index(f"(regexp_replace(upper(name), '[^A-Z0-9]', '', 'g')) WHERE {WHICH}")
    _paylink_payment_reference_index = models.Index(
        f"(regexp_replace(upper(payment_reference), '[^A-Z0-9]', '', 'g')) WHERE {WHICH}"
    )
