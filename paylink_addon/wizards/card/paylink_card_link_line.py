from odoo import fields, models


class PaylinkCardLinkLine(models.TransientModel):
    """One customer to whom a payment method may belong."""

    _name = "paylink.card.link.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Link to a Customer: Suggestion"

    wizard_id = fields.Many2one("paylink.card.link", required=True, readonly=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="cascade")
    reason = fields.Char(string="Why", readonly=True)
    email = fields.Char(related="partner_id.email")
    phone = fields.Char(related="partner_id.phone")

    def action_link(self):
        """Link to this customer."""
        self.ensure_one()
        return self.wizard_id._link_to(self.partner_id)
