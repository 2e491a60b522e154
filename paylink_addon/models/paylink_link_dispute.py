from odoo import api, fields, models
from odoo.tools import SQL


class PaylinkLink(models.Model):
    """Disputes stand beside the state of a link: what was paid stays paid until a person decides."""

    _inherit = "paylink.link"

    dispute_ids = fields.One2many("paylink.dispute", "link_id", string="Disputes", copy=False)
    disputed = fields.Boolean(
        compute="_compute_disputed",
        store=True,
        copy=False,
        help="The customer's bank disputes a payment, or has taken it back for good.",
    )

    @api.depends("dispute_ids.is_standing")
    def _compute_disputed(self):
        for link in self:
            link.disputed = any(link.sudo().dispute_ids.mapped("is_standing"))

    def action_view_disputes(self):
        """Show the disputes of the payments of this link."""
        self.ensure_one()
        return self.dispute_ids._get_records_action(name=self.env._("Disputes"))


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _paylink_disputed(self):
        """The items whose payment is disputed, or was taken back for good: no automaton may ask or charge for them.

        One query for all.
        """
        if not self:
            return self
        self.env["paylink.dispute"].flush_model(["is_standing", "item_ids"])
        query = SQL(
            """
            SELECT DISTINCT rel.item_id
              FROM paylink_dispute_item_rel rel
              JOIN paylink_dispute dispute ON dispute.id = rel.dispute_id AND dispute.is_standing
             WHERE rel.item_id IN %s
            """,
            tuple(self.ids),
        )
        return self.browse(row[0] for row in self.env.execute_query(query))


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
