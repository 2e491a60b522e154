from odoo import fields, models
from odoo.fields import Command


class PaylinkCardRequest(models.Model):
    """Who replaces a method to which parts of payment plans are charged, agrees to that of the new one: the page says
    which ones, and when.
    """

    _inherit = "paylink.card.request"

    plan_ids = fields.Many2many(
        "paylink.plan",
        string="Payment Plans",
        readonly=True,
        copy=False,
        help="The customer has agreed that their parts are charged to what is stored here.",
    )

    def _plans_of_replaced(self):
        """The plans whose parts are charged to what is replaced, with the parts that are still to be, in sudo mode."""
        plans = self.replaces_id._paylink_plans()
        left = plans and plans._left()
        parts = {plan: plan._open_parts(left[plan.id]).filtered(lambda part: part._may_be_charged()) for plan in plans}
        return {plan: own for plan, own in parts.items() if own}

    def _consent_words(self, is_asked=False):
        texts = [
            self.env._(
                "The parts of the payment plan for %(documents)s that are still to come are charged to it as well: "
                "%(parts)s.",
                documents=plan.link_id._documents_text(self.env, plan.link_id.line_ids),
                parts=parts.with_env(self.env)._when_text(),
            )
            for plan, parts in self._plans_of_replaced().items()
        ]
        return "\n\n".join([super()._consent_words(is_asked), *texts])

    def _consent_values(self, ip):
        plans = self.env["paylink.plan"].union(*self._plans_of_replaced())
        return super()._consent_values(ip) | {"plan_ids": [Command.set(plans.ids)]}
