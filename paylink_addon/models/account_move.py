from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "paylink.status.mixin"]

    paylink_amount_refunded = fields.Monetary(
        string="Refunded by link",
        compute="_compute_paylink_amount_refunded",
        groups="paylink_addon.group_paylink_user",
    )
    paylink_can_send = fields.Boolean(compute="_compute_paylink_can_send")

    # === COMPUTE METHODS === #

    def _paylink_pairs_sql(self):
        """In sudo mode: everyone who sees an invoice may know whether it was asked for."""
        self.env["paylink.link.line"].flush_model(["move_id", "link_id"])
        where = SQL("WHERE line.move_id IN %s", tuple(self.ids)) if self else SQL()
        return SQL("SELECT DISTINCT line.move_id AS record_id, line.link_id FROM paylink_link_line line %s", where)

    def _compute_paylink_amount_refunded(self):
        domain = [("move_id", "in", self.ids), ("link_id.amount_refunded", ">", 0)]
        pairs = self.env["paylink.link.line"].sudo()._read_group(domain, ["move_id"], ["link_id:recordset"])
        refunded = {move.id: sum(links.mapped("amount_refunded")) for move, links in pairs}
        for move in self:
            move.paylink_amount_refunded = refunded.get(move._origin.id, 0.0)

    @api.depends("state", "move_type", "amount_residual", "payment_state")
    def _compute_paylink_can_send(self):
        for move in self:
            move.paylink_can_send = (
                move.state == "posted"
                and move.move_type in ("out_invoice", "out_receipt")
                and move.payment_state in ("not_paid", "partial")
            )

    # === SEARCH METHODS === #

    def _search_reconciled_payment_ids(self, operator, value):
        """See ``account.payment._search_reconciled_invoice_ids``."""
        if self.env.context.get("paylink_knows_reconciled"):
            return Domain.FALSE
        return super()._search_reconciled_payment_ids(operator, value)

    # === ACTIONS === #

    def action_paylink_view_links(self):
        """Show all links of the invoice."""
        self.ensure_one()
        links = self.env["paylink.link"].search([("line_ids.move_id", "in", self.ids)])
        return links._get_records_action(name=self.env._("Collection Links"))

    # === BUSINESS METHODS === #

    def _paylink_open_items(self):
        """The open receivable items of these moves, in sudo mode (only after access to the moves is checked)."""
        return (
            self.env["account.move.line"]
            .sudo()
            .search(
                [
                    ("move_id", "in", self.ids),
                    ("account_type", "=", "asset_receivable"),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                ],
                order="date_maturity, id",
            )
        )
