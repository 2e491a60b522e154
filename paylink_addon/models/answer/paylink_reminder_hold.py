from odoo import fields, models
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)


class PaylinkReminderHold(models.Model):
    _inherit = "paylink.reminder.hold"

    answer_id = fields.Many2one(
        "paylink.answer",
        string="Answer of the Customer",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="What the customer has answered on the page of a link.",
    )
    plan_id = fields.Many2one(
        "paylink.plan",
        string="Payment Plan",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="cascade",
        help="It is paid in parts: the promise ends with the plan.",
    )

    def write(self, vals):
        """An answer none of whose holds stands anymore does not stand either, nor does a plan."""
        result = super().write(vals)
        if vals.get("active") is False:
            ended = self.sudo().answer_id.filtered(lambda answer: not answer.hold_ids.filtered("active"))
            ended._lift()
            plans = self.sudo().plan_id.filtered(lambda plan: not plan.hold_ids.filtered("active"))
            plans._end("ended", _lt("Its promise was lifted: everything is due."))
        return result
