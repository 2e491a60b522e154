"""Stage of ``paylink.answer``: it is paid in parts."""

from odoo import fields, models
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)


class PaylinkAnswerPlan(models.Model):
    """The customer has chosen a payment plan; it stands as long as that runs."""

    _inherit = "paylink.answer"

    plan_id = fields.Many2one(
        "paylink.plan", string="Payment Plan", readonly=True, index="btree_not_null", ondelete="cascade"
    )

    def _text_plan(self, env):
        return self.sudo().plan_id._text(env)

    def _stands_plan(self):
        return self.sudo().plan_id.state == "running"

    def _may_undo_plan(self):
        """What was agreed on ends by agreement."""
        return False

    def _undo_plan(self):
        self.plan_id._end("ended", _lt("Ended by hand: everything is due."))
