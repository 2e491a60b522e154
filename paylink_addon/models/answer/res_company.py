from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_promise_days = fields.Integer(
        string="Customers may promise to pay within",
        default=14,
        help="In days: the latest day that customers can choose on the page of a link. 0: they can't.",
    )
    paylink_plan_parts = fields.Integer(
        string="Payment in parts", default=0, help="How many parts a customer may choose at most. 0: not offered."
    )
    paylink_plan_least = fields.Monetary(string="Smallest part", default=20.0)
    paylink_plan_days = fields.Integer(
        string="Longest plan", default=180, help="In days, from the first part to the last one."
    )
    paylink_plan_grace_days = fields.Integer(
        string="Days to pay a part", default=5, help="A plan of which a part is not paid so long after its day ends."
    )

    paylink_objection_user_id = fields.Many2one(
        "res.users",
        string="Objections are answered by",
        domain="[('share', '=', False), ('company_ids', 'in', id)]",
        help="Gets the task to find out what is wrong. Empty, or if this person may not see the link: its owner.",
    )

    _paylink_promise_days_in_bounds = models.Constraint(
        "CHECK(paylink_promise_days BETWEEN 0 AND 90)", "Enter a number of days from 0 to 90."
    )
    _paylink_plan_in_bounds = models.Constraint(
        "CHECK((paylink_plan_parts = 0 OR paylink_plan_parts BETWEEN 2 AND 12) AND paylink_plan_least >= 0 "
        "AND paylink_plan_days BETWEEN 0 AND 365 AND paylink_plan_grace_days BETWEEN 0 AND 30)",
        "Payment in parts: enter 0 or 2 to 12 parts, at most 365 days, and 0 to 30 days to pay a part.",
    )
