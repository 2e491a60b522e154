from odoo import fields, models


class PaylinkLinkLine(models.Model):
    """One open receivable item that a link settles. It keeps its name and amount of that day."""

    _name = "paylink.link.line"
    _description = "Item of a Collection Link"
    _order = "date_due, id"

    link_id = fields.Many2one("paylink.link", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="link_id.company_id", store=True, precompute=True)
    currency_id = fields.Many2one(related="link_id.currency_id")
    move_line_id = fields.Many2one(
        "account.move.line", string="Journal Item", required=True, readonly=True, index=True, ondelete="cascade"
    )
    move_id = fields.Many2one(
        related="move_line_id.move_id", string="Document", store=True, index=True, precompute=True
    )
    is_invoice = fields.Boolean(readonly=True, help="The document is one the customer can open.")
    name = fields.Char(string="Number", readonly=True)
    date = fields.Date(readonly=True)
    date_due = fields.Date(string="Due Date", readonly=True)
    amount = fields.Monetary(string="Amount then open", readonly=True)
    amount_residual = fields.Monetary(string="Open now", compute="_compute_amount_residual", compute_sudo=True)

    def _compute_amount_residual(self):
        due = self.move_line_id._paylink_due()
        for line in self:
            line.amount_residual = due.get(line.move_line_id.id, 0.0)

    def _successor_values(self):
        """The values of the same item on a link that replaces this one."""
        self.ensure_one()
        return self.move_line_id._paylink_line_values()[0]
