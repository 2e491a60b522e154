from odoo import api, fields, models

GROUP = "paylink_addon.group_paylink_user"


class ResPartner(models.Model):
    _inherit = "res.partner"

    paylink_answer_count = fields.Integer(string="Number of answers", compute="_compute_paylink_answers", groups=GROUP)
    paylink_last_answer = fields.Char(string="Answer of the Customer", compute="_compute_paylink_answers", groups=GROUP)

    @api.depends_context("uid", "lang", "allowed_company_ids")
    def _compute_paylink_answers(self):
        """What the customer has answered, by the links that the user may see; one query for all."""
        answers = self._paylink_answers().grouped(lambda answer: answer.sudo().partner_id.commercial_partner_id)
        none = self.env["paylink.answer"]
        for partner in self:
            own = answers.get(partner.sudo().commercial_partner_id, none)
            partner.paylink_answer_count, partner.paylink_last_answer = len(own), own._standing_text(own)

    def _paylink_answers(self):
        customers = self.commercial_partner_id._filtered_access("read")
        return self.env["paylink.answer"].search([("partner_id", "child_of", customers.ids)])

    def action_paylink_view_answers(self):
        """Show what the customer has answered."""
        self.check_access("read")
        return self._paylink_answers()._action_view()
