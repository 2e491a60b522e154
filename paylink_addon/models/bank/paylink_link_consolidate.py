"""Stage of ``paylink.link``: whether its money is on the bank account, and the way it has taken."""

from odoo import api, fields, models


class PaylinkLinkConsolidate(models.Model):
    """Payment → payout → line of the bank; or a transfer, which is the line of the bank itself."""

    _inherit = "paylink.link"

    consolidated = fields.Boolean(
        compute="_compute_consolidated",
        store=True,
        copy=False,
        help="All of its money is on the bank account, or a payment manager says so.",
    )
    is_at_bank = fields.Boolean(
        string="Shown by the bank",
        compute="_compute_is_at_bank",
        store=True,
        copy=False,
        help="All of its money is on the bank account: the bank's lines show it.",
    )
    consolidated_on = fields.Date(
        string="At the bank on",
        compute="_compute_is_at_bank",
        store=True,
        copy=False,
        help="The day on which the last of its money was on the bank account.",
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
    def _compute_is_at_bank(self):
        for link in self.sudo():
            days = link._arrivals() if link.state == "paid" else []
            link.is_at_bank = bool(days) and all(days)
            link.consolidated_on = max(days) if link.is_at_bank else False

    def _consolidated_depends(self):
        """Hook: the fields that :meth:`_compute_consolidated` depends on."""
        return ["state", "is_at_bank"]

    @api.depends(lambda self: self._consolidated_depends())
    def _compute_consolidated(self):
        for link in self:
            link.consolidated = link.state == "paid" and (link.is_at_bank or link._is_consolidated_otherwise())

    def _is_consolidated_otherwise(self):
        """Hook: whether somebody says of a paid link that its money has come, whatever the bank shows."""
        return False

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
