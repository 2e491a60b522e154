from odoo import fields, models
from odoo.tools import SQL


class AccountMove(models.Model):
    _inherit = "account.move"

    paylink_has_chargeback = fields.Boolean(
        string="Chargeback",
        compute="_compute_paylink_has_chargeback",
        search="_search_paylink_has_chargeback",
        groups="paylink_addon.group_paylink_user",
        help="The customer's bank has taken a payment of it back, or may.",
    )

    def _compute_paylink_has_chargeback(self):
        charged_back = self.sudo().line_ids._paylink_charged_back().move_id
        for move in self:
            move.paylink_has_chargeback = move._origin in charged_back

    def _search_paylink_has_chargeback(self, operator, value):
        if operator != "in":
            return NotImplemented
        self.env["paylink.dispute"].flush_model(["is_standing", "item_ids"])
        moves = SQL(
            """
            (SELECT item.move_id
               FROM paylink_dispute_item_rel rel
               JOIN paylink_dispute dispute ON dispute.id = rel.dispute_id AND dispute.is_standing
               JOIN account_move_line item ON item.id = rel.item_id)
            """
        )
        return [("id", "in" if True in value else "not in", moves)]
