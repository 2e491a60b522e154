from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command


class PaylinkCardLink(models.TransientModel):
    """Says to whom a payment method may belong that a new customer has stored; links it to the one who is chosen."""

    _name = "paylink.card.link"
    _inherit = "paylink.dialog.mixin"
    _description = "Link to a Customer"

    request_id = fields.Many2one("paylink.card.request", required=True, readonly=True, ondelete="cascade")
    given_name = fields.Char(related="request_id.given_name")
    given_company = fields.Char(related="request_id.given_company")
    given_email = fields.Char(related="request_id.given_email")
    given_phone = fields.Char(related="request_id.given_phone")
    given_vat = fields.Char(related="request_id.given_vat")
    token_id = fields.Many2one(related="request_id.token_id", string="Payment Profile")
    line_ids = fields.One2many("paylink.card.link.line", "wizard_id", string="Possible Customers", readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Another customer",
        domain="[('company_id', 'in', [False, company_id])]",
        help="Search by name, e-mail address or reference.",
    )
    company_id = fields.Many2one(related="request_id.company_id")

    @api.model
    def _action_open(self, request):
        """The action that opens the dialog on a request, with its suggestions."""
        lines = [
            Command.create({"partner_id": partner.id, "reason": request._reason_texts(reasons)})
            for partner, reasons in request._suggestions()[request]
        ]
        dialog = self.sudo().create({"request_id": request.id, "line_ids": lines})
        action = dialog._get_records_action(name=self.env._("Link to a Customer"), target="new")
        return action | {"context": {"dialog_size": "large"}}

    # === ACTIONS === #

    def action_link(self):
        """Link to the customer who was searched for."""
        self.ensure_one()
        if not self.partner_id:
            raise UserError(self.env._("Choose a customer first."))
        return self._link_to(self.partner_id)

    def action_create_customer(self):
        """Create the customer, although there are some like it."""
        self.ensure_one()
        self.request_id._check_may_link()
        self.request_id._create_customer()
        return {"type": "ir.actions.act_window_close"}

    def _link_to(self, partner):
        self.request_id._link_to(partner)
        return {"type": "ir.actions.act_window_close"}
