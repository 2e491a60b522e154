from odoo import api, fields, models
from odoo.exceptions import UserError


class PaylinkRefund(models.TransientModel):
    """Giving back a payment of a link. Odoo's own wizard needs rights on payments, which payment managers may lack."""

    _name = "paylink.refund"
    _inherit = "paylink.dialog.mixin"
    _description = "Refund of a Collection Link"

    link_id = fields.Many2one("paylink.link", required=True, ondelete="cascade")
    transaction_id = fields.Many2one(
        "payment.transaction",
        string="Payment",
        required=True,
        ondelete="cascade",
        domain="[('id', 'in', refundable_ids)]",
    )
    refundable_ids = fields.Many2many("payment.transaction", compute="_compute_refundable_ids")
    currency_id = fields.Many2one(related="transaction_id.currency_id")
    amount_available = fields.Monetary(string="Can be refunded", compute="_compute_amount_available")
    is_full_only = fields.Boolean(compute="_compute_amount_available")
    amount = fields.Monetary(string="Refund Amount", compute="_compute_amount", store=True, readonly=False)

    @api.depends("link_id")
    def _compute_refundable_ids(self):
        for wizard in self:
            wizard.refundable_ids = wizard.link_id.transaction_ids._paylink_refundable()

    @api.depends("transaction_id")
    def _compute_amount_available(self):
        for wizard in self:
            transaction = wizard.transaction_id._origin
            wizard.amount_available = transaction._paylink_refundable_amount()
            wizard.is_full_only = transaction._paylink_refund_support() == "full_only"

    @api.depends("amount_available")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard.amount_available

    def action_refund(self):
        """Ask the provider to give the amount back, once."""
        self.ensure_one()
        transaction = self.transaction_id._paylink_as_manager()
        # A second click waits here, and is then run again: it finds the refund that the first one has stored.
        transaction.paylink_id._wait_and_hold()
        self._check_payment()
        return transaction._paylink_request("refund", self.amount)

    def _check_payment(self):
        if self.transaction_id.paylink_id != self.link_id or self.transaction_id.state != "done":
            raise UserError(self.env._("Choose a payment of %(name)s.", name=self.link_id.name))
