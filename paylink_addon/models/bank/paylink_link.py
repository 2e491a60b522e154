from odoo import api, fields, models

from ...tools import creditor_reference


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
    transfer_claim_count = fields.Integer(string="Announced Transfers", copy=False, readonly=True)

    _transfer_reference_unique = models.UniqueIndex("(transfer_reference)")

    # === COMPUTE METHODS === #

    @api.depends("company_id")  # Odoo computes nothing for new records that depends on nothing
    def _compute_transfer_reference(self):
        """It follows from the link's id: no two have the same one."""
        for link in self:
            link.transfer_reference = creditor_reference.make(link.id) if link.id else False

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
