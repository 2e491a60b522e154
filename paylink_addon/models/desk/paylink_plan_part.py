from odoo import fields, models

from ...const import STAFF


class PaylinkPlanPart(models.Model):
    _inherit = "paylink.plan.part"

    asked_by_ids = fields.One2many(
        "paylink.link", "plan_part_id", string="Links that Ask for It", readonly=True, groups=STAFF
    )
