from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)
# What a hold is about; of a promise its day besides.
ABOUT = {"kind", "company_id", "partner_id", "move_id"}


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
        """An answer none of whose holds stands anymore does not stand either; nor does a plan one of whose does not."""
        self._check_agreed(vals)
        result = super().write(vals)
        if vals.get("active") is False:
            self._end_with(self.sudo().answer_id, self.sudo().plan_id)
        return result

    def unlink(self):
        """Likewise."""
        answers, plans = self.sudo().answer_id, self.sudo().plan_id
        result = super().unlink()
        self._end_with(answers, plans)
        return result

    def _end_with(self, answers, plans):
        ended = answers.filtered(lambda answer: not answer.hold_ids.filtered("active"))
        ended._lift()
        if not self.env.su:
            ended._count_no_more()
        plans._end("ended", _lt("Its promise was lifted: everything is due."))

    def _check_agreed(self, vals):
        """What the customer has said, or was told, is not changed behind their back: it stands, or is lifted."""
        if self.env.su or vals.get("active") is False:
            return
        agreed = self.sudo().filtered(lambda hold: hold.answer_id or hold.plan_id)
        promises = agreed.filtered(lambda hold: hold.kind == "promise")
        if (agreed and ABOUT & set(vals)) or (promises and "date_until" in vals):
            raise UserError(
                self.env._("This was agreed with the customer on the payment page: lift it, then note what holds now.")
            )
