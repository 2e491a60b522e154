from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_promise_days = fields.Integer(related="company_id.paylink_promise_days", readonly=False)
    paylink_plan_parts = fields.Integer(related="company_id.paylink_plan_parts", readonly=False)
    paylink_plan_least = fields.Monetary(
        related="company_id.paylink_plan_least", readonly=False, currency_field="currency_id"
    )
    paylink_plan_days = fields.Integer(related="company_id.paylink_plan_days", readonly=False)
    paylink_plan_grace_days = fields.Integer(related="company_id.paylink_plan_grace_days", readonly=False)
    # A related field has no domain of its own.
    paylink_objection_user_id = fields.Many2one(
        related="company_id.paylink_objection_user_id",
        readonly=False,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
    )
