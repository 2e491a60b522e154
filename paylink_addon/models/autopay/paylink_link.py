from odoo import fields, models


class PaylinkLink(models.Model):
    _inherit = "paylink.link"

    by_autopay = fields.Boolean(
        string="By automatic payment", readonly=True, copy=False, help="Made to charge a stored method."
    )
