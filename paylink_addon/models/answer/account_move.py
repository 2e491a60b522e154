from odoo import api, fields, models

GROUP = "paylink_addon.group_paylink_user"


class AccountMove(models.Model):
    _inherit = "account.move"

    paylink_answer_count = fields.Integer(string="Number of answers", compute="_compute_paylink_answers", groups=GROUP)
    paylink_last_answer = fields.Char(string="Answer of the Customer", compute="_compute_paylink_answers", groups=GROUP)

    @api.depends_context("uid", "lang", "allowed_company_ids")
    def _compute_paylink_answers(self):
        """What was answered of the invoice, by the links that the user may see; two queries for all."""
        answers = self._paylink_answers()
        for move in self:
            own = answers.filtered(lambda answer, move=move: move._origin in answer.line_ids.move_id)
            move.paylink_answer_count, move.paylink_last_answer = len(own), own._standing_text(own)

    def _paylink_answers(self):
        return self.env["paylink.answer"].search([("line_ids.move_id", "in", self.ids)])

    def action_paylink_view_answers(self):
        """Show what the customer has answered of the invoice."""
        self.check_access("read")
        return self._paylink_answers()._action_view()

    def action_paylink_plan(self):
        """Open the dialog that agrees with the customer on payment in parts."""
        self.ensure_one()
        return self.env["paylink.plan.make"]._action_open(self)
