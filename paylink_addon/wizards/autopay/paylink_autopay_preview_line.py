from odoo import fields, models


class PaylinkAutopayPreviewLine(models.TransientModel):
    """One charge of a day to come, or what of a customer is left out."""

    _name = "paylink.autopay.preview.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Charge to Come"
    _order = "state, date, id"
    _rec_name = "customer_id"

    preview_id = fields.Many2one("paylink.autopay.preview", required=True, ondelete="cascade", index=True)
    date = fields.Date(readonly=True)
    state = fields.Selection(
        [("charge", "Will be charged"), ("left_out", "Not charged")], string="Status", readonly=True
    )
    reason = fields.Text(readonly=True)
    customer_id = fields.Many2one("res.partner", readonly=True)
    rule_id = fields.Many2one("paylink.autopay.rule", readonly=True)
    documents = fields.Text(readonly=True)
    amount_display = fields.Char(string="Amount", readonly=True)
    method = fields.Char(string="Payment Profile", readonly=True)
