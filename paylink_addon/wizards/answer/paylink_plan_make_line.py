from odoo import fields, models


class PaylinkPlanMakeLine(models.TransientModel):
    """One part, as it is to be agreed on."""

    _name = "paylink.plan.make.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Payment in Parts: Part"
    _order = "date_due, id"

    wizard_id = fields.Many2one("paylink.plan.make", required=True, ondelete="cascade")
    currency_id = fields.Many2one(related="wizard_id.currency_id")
    date_due = fields.Date(string="Due on", required=True)
    amount = fields.Monetary(required=True)
