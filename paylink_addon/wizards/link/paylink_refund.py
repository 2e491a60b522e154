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
    reason = fields.Char(help="For the link's history, and for the credit note, where the customer reads it.")
    can_tell = fields.Boolean(compute="_compute_can_tell")
    tell_customer = fields.Boolean(
        string="Tell the customer",
        compute="_compute_tell_customer",
        store=True,
        readonly=False,
        help="By e-mail, once the provider has confirmed the refund.",
    )
    can_credit = fields.Boolean(compute="_compute_can_credit")
    with_credit_note = fields.Boolean(
        string="Then make a credit note",
        compute="_compute_with_credit_note",
        store=True,
        readonly=False,
        help="Opens Odoo's credit note, with the reason. It is of the whole invoice: of a part, reduce it to what was "
        "refunded. It takes the refund when it is posted.",
    )

    @api.depends("link_id")
    def _compute_refundable_ids(self):
        for wizard in self:
            wizard.refundable_ids = wizard.link_id.transaction_ids._paylink_refundable()

    @api.depends("transaction_id")
    def _compute_amount_available(self):
        for wizard in self:
            transaction = wizard._payment()
            wizard.amount_available = transaction._paylink_refundable_amount()
            wizard.is_full_only = transaction._paylink_refund_support() == "full_only"

    @api.depends("amount_available")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard.amount_available

    @api.depends("link_id")
    def _compute_can_tell(self):
        for wizard in self:
            wizard.can_tell = bool(wizard.link_id and wizard.link_id._receipt_addresses())

    @api.depends("can_tell")
    def _compute_tell_customer(self):
        for wizard in self:
            wizard.tell_customer = wizard.can_tell and wizard.link_id.sudo().company_id.paylink_tell_refunds

    @api.depends("transaction_id")
    def _compute_can_credit(self):
        for wizard in self:
            wizard.can_credit = bool(wizard._paid_invoices())

    @api.depends("amount", "can_credit")
    def _compute_with_credit_note(self):
        """Proposed where more is given back than was paid too much, or is credited already."""
        for wizard in self:
            credits_ = wizard._payment().payment_id._paylink_refund_credits()
            credited = -sum(credits_.mapped("amount_residual_currency"))
            wizard.with_credit_note = wizard.can_credit and wizard.amount > credited

    def action_refund(self):
        """Ask the provider to give the amount back, once; then offer the credit note."""
        self.ensure_one()
        transaction = self.transaction_id._paylink_as_manager()
        # A second click waits here, and is then run again: it finds the refund that the first one has stored.
        transaction.paylink_id._wait_and_hold()
        self._check_payment()
        wanted = {"paylink_reason": self.reason, "paylink_tell_customer": self.tell_customer}
        credit_note = self.with_credit_note and self._credit_note_action()  # the wizard's values may be gone then
        told = transaction._paylink_request("refund", self.amount, **wanted)
        if credit_note and told["params"]["type"] == "success":
            told["params"]["next"] = credit_note
        return told

    def _credit_note_action(self):
        """Odoo's own dialog, with what is known; the user makes the credit note there, or none."""
        invoices = self._paid_invoices()
        if not invoices:
            return None
        context = {"active_model": "account.move", "active_ids": invoices.ids, "default_reason": self.reason}
        return invoices[:1].action_reverse() | {"context": context}  # the dialog takes several, its button does not

    def _payment(self):
        """The payment to give back, in sudo mode, if it is one of the link's: a client could name any."""
        link = self.link_id._origin.sudo(False)
        return (self.transaction_id._origin & link.transaction_ids).sudo()

    def _paid_invoices(self):
        """The invoices that the payment has paid, if the user may make credit notes of them. Fields that are stored ask
        in sudo mode, which is no right.
        """
        env = self.env(su=False)
        Move = env["account.move"]
        if not (Move.has_access("create") and env["account.move.reversal"].has_access("create")):
            return Move
        paid = self._payment().payment_id._paylink_paid_documents()
        invoices = paid.filtered(
            lambda move: move.state == "posted" and move.move_type in ("out_invoice", "out_receipt")
        )
        return invoices.sudo(False)._filtered_access("read")

    def _check_payment(self):
        if self.transaction_id.paylink_id != self.link_id or self.transaction_id.state != "done":
            raise UserError(self.env._("Choose a payment of %(name)s.", name=self.link_id.name))
