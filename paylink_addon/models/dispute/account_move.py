from odoo import fields, models
from odoo.tools import SQL


class AccountMove(models.Model):
    _inherit = "account.move"

    paylink_disputed = fields.Boolean(
        string="Disputed payment",
        compute="_compute_paylink_disputed",
        search="_search_paylink_disputed",
        groups="paylink_addon.group_paylink_user",
        help="A payment of it is disputed by the customer's bank, or was taken back for good.",
    )

    def _compute_paylink_disputed(self):
        disputed = self.sudo().line_ids._paylink_disputed().move_id
        for move in self:
            move.paylink_disputed = move._origin in disputed

    def _search_paylink_disputed(self, operator, value):
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
