from odoo import fields, models


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

    def write(self, vals):
        """An answer none of whose holds stands anymore does not stand either."""
        result = super().write(vals)
        if vals.get("active") is False:
            ended = self.sudo().answer_id.filtered(lambda answer: not answer.hold_ids.filtered("active"))
            ended._lift()
        return result
