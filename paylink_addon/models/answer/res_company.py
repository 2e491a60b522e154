from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_promise_days = fields.Integer(
        string="Customers may promise to pay within",
        default=14,
        help="In days: the latest day that customers can choose on the page of a link. 0: they can't.",
    )

    _paylink_promise_days_in_bounds = models.Constraint(
        "CHECK(paylink_promise_days BETWEEN 0 AND 90)", "Enter a number of days from 0 to 90."
    )
