from odoo import api, fields, models

from ...tools import creditor_reference
from .account_move import NUMBER


class PaylinkLink(models.Model):
    """What the bank knows a link by, and what has come of it by transfer."""

    _inherit = "paylink.link"

    transfer_reference = fields.Char(
        string="Reference for Transfers",
        compute="_compute_transfer_reference",
        store=True,
        copy=False,
        help="What the customer gives as the reason of a transfer, by which the bank's line finds this link.",
    )
    transfer_claim_date = fields.Date(
        string="Transfer made on",
        copy=False,
        readonly=True,
        help="As the customer has said on the page. It is in the books only once the bank shows it.",
    )
    transfer_claim_amount = fields.Monetary(string="Amount of the Announced Transfer", copy=False, readonly=True)
    transfer_claim_account = fields.Char(
        string="Account of the Announced Transfer",
        copy=False,
        readonly=True,
        help="From which the customer has transferred, as said on the page: letters and digits, or the last of them.",
    )
    transfer_claim_count = fields.Integer(string="Announced Transfers", copy=False, readonly=True)

    _transfer_reference_unique = models.UniqueIndex("(transfer_reference)")
    _number_index = models.Index(f"({NUMBER.format('name')})")

    # === COMPUTE METHODS === #

    @api.depends("company_id")  # Odoo computes nothing for new records that depends on nothing
    def _compute_transfer_reference(self):
        """It follows from the link's id: no two have the same one."""
        for link in self:
            link.transfer_reference = creditor_reference.make(link.id) if link.id else False

    def _state_depends(self):
        return [*super()._state_depends(), "transaction_ids.paylink_withdrawn_at"]

    def _is_unpaid_again(self):
        """Also what a transfer had paid that was taken back since; not what other money has paid."""
        if super()._is_unpaid_again():
            return True
        withdrawn = self.sudo().transaction_ids.filtered("paylink_withdrawn_at")
        is_withdrawn = any(self.paid_at and tx.paylink_withdrawn_at >= self.paid_at for tx in withdrawn)
        return is_withdrawn and self.currency_id.compare_amounts(self.amount_paid, self.amount) < 0

    # === THE BOOKS === #

    def _prepare_payment(self, transaction, line=None):
        """A transfer is in the journal whose line shows it."""
        values = super()._prepare_payment(transaction, line)
        if match := transaction.paylink_match_id:
            journal = match.journal_id
            lines = journal.inbound_payment_method_line_ids
            line = lines.filtered(lambda own: own.code == "manual")[:1] or lines[:1]
            values |= {"journal_id": journal.id, "payment_method_line_id": line.id}
        return values

    def _booked_on(self, transaction):
        """A transfer is booked on the day of the bank's line."""
        return transaction.paylink_match_id.line_date or super()._booked_on(transaction)

    def _booked_entries(self):
        """And the entries of the lines that have settled something themselves."""
        return super()._booked_entries() | self.sudo().transaction_ids.paylink_match_id.move_id

    # === WHAT PEOPLE READ === #

    @api.model
    def _page_fields(self):
        return (
            *super()._page_fields(),
            "transfer_reference",
            "transfer_claim_date",
            "transfer_claim_amount",
            "transfer_claim_count",
        )
