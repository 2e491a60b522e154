"""Stage of ``paylink.link``: whether its money is on the bank account, and the way it has taken."""

from odoo import api, fields, models


class PaylinkLinkConsolidate(models.Model):
    """Payment → payout → line of the bank; or a transfer, which is the line of the bank itself."""

    _inherit = "paylink.link"

    consolidated = fields.Boolean(
        compute="_compute_consolidated", store=True, copy=False, help="All of its money is on the bank account."
    )
    consolidated_on = fields.Date(
        compute="_compute_consolidated", store=True, copy=False, help="The day on which the last of it was there."
    )
    balance_move_ids = fields.Many2many(
        "paylink.balance.move",
        string="Way to the Bank",
        compute="_compute_balance_move_ids",
        groups="account.group_account_readonly,account.group_account_invoice",
    )

    transfer_line_ids = fields.Many2many(
        "account.bank.statement.line",
        string="Bank Lines of Transfers",
        compute="_compute_transfer_line_ids",
        groups="account.group_account_readonly,account.group_account_invoice",
    )

    # === COMPUTE METHODS === #

    @api.depends(
        "state",
        "transaction_ids.state",
        "transaction_ids.paylink_balance_move_ids.payout_id.arrival_line_id",
        "transaction_ids.paylink_match_id.state",
        "transaction_ids.paylink_withdrawn_at",
    )
    def _compute_consolidated(self):
        for link in self.sudo():
            days = link._arrivals() if link.state == "paid" else []
            link.consolidated = bool(days) and all(days)
            link.consolidated_on = max(days) if link.consolidated else False

    @api.depends("transaction_ids.paylink_balance_move_ids")
    def _compute_balance_move_ids(self):
        for link in self:
            link.balance_move_ids = link.sudo().transaction_ids.paylink_balance_move_ids.sorted("created_at")

    @api.depends(
        "transaction_ids.paylink_match_id.line_id", "transaction_ids.state", "transaction_ids.paylink_withdrawn_at"
    )
    def _compute_transfer_line_ids(self):
        for link in self:
            link.transfer_line_ids = link.sudo()._received_transactions().paylink_match_id.line_id

    # === WHAT HAS ARRIVED === #

    def _arrivals(self):
        """The days on which each part of the money was on the bank account; a part that is not there yet has none.

        :rtype: list
        """
        self.ensure_one()
        return [transaction._paylink_arrived_on() for transaction in self._received_transactions()]

    def _received_transactions(self):
        """Its payments that stand, by a provider or by a transfer that was found."""
        done = self.transaction_ids.filtered(lambda tx: tx.state == "done" and tx.operation != "refund")
        return done.filtered(lambda tx: not tx.paylink_withdrawn_at)
