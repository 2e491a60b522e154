from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_autopay = fields.Boolean(
        string="Automatic payments on", help="If off, nobody is charged automatically, whatever the rules say."
    )
