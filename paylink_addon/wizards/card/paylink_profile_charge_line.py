from odoo import api, fields, models


class PaylinkProfileChargeLine(models.TransientModel):
    """One open item of the customer."""

    _name = "paylink.profile.charge.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Charge a Stored Payment Method: Open Item"

    wizard_id = fields.Many2one("paylink.profile.charge", required=True, ondelete="cascade")
    # An id: who may charge an item need not be able to read journal items.
    item_id = fields.Integer(required=True)
    shown = fields.Monetary(help="What was due when the dialog was opened: nothing else is charged.")
    is_chosen = fields.Boolean(string="Charge")
    name = fields.Char(string="Document", compute="_compute_item")
    date_due = fields.Date(string="Due on", compute="_compute_item")
    amount = fields.Monetary(string="Due", compute="_compute_item")
    currency_id = fields.Many2one("res.currency", compute="_compute_item")

    @api.depends("item_id", "wizard_id")
    def _compute_item(self):
        """Of what is not the customer's, nothing is told."""
        for wizard, lines in self.grouped("wizard_id").items():
            items = wizard._items()
            due = items._paylink_due()
            for line in lines:
                item = items.filtered(lambda item, line=line: item.id == line.item_id)
                line.name = item.move_id.name
                line.date_due = item.date_maturity
                line.currency_id = item.currency_id or self.env.company.currency_id
                line.amount = due.get(item.id, 0.0)
