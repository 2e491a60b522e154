"""Stage of ``paylink.link``: whether its money is on the bank account, and the way it has taken."""

from odoo import api, fields, models


class PaylinkLinkConsolidate(models.Model):
    """Payment → payout → line of the bank; or a transfer, which is the line of the bank itself. So is what pays its
    documents without the link: a transfer that somebody has reconciled, a payment registered by hand.
    """

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
        string="Bank Lines",
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
        "transaction_ids.paylink_is_consolidated",
        "line_ids.move_line_id.amount_residual_currency",
    )
    def _compute_is_at_bank(self):
        paid = self.sudo().filtered(lambda link: link.state == "paid")
        (self.sudo() - paid).update({"is_at_bank": False, "consolidated_on": False})
        for link in paid:
            days = link._arrivals()
            link.is_at_bank = bool(days) and all(days)
            link.consolidated_on = max(days) if link.is_at_bank else False

    def _consolidated_depends(self):
        """Hook: the fields that :meth:`_compute_consolidated` depends on."""
        return ["state", "is_at_bank"]

    @api.depends(lambda self: self._consolidated_depends())
    def _compute_consolidated(self):
        paid = self.filtered(lambda link: link.state == "paid")
        (self - paid).consolidated = False
        for link in paid:
            link.consolidated = link.is_at_bank or link._is_consolidated_otherwise()

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
            own = link.sudo()
            received = own._received_transactions()
            entries = own._other_entries(received)
            payments = received.payment_id | entries.origin_payment_id
            lines = received.paylink_match_id.line_id | payments._paylink_bank_lines()
            link.transfer_line_ids = lines | entries.statement_line_id._paylink_of_banks()

    # === WHAT HAS ARRIVED === #

    def _arrivals(self):
        """The days on which each part of the money was on the bank account; a part that is not there yet has none.

        :rtype: list
        """
        self.ensure_one()
        received = self._received_transactions()
        arrivals = [transaction._paylink_arrived_on() for transaction in received]
        for entry in self._other_entries(received):
            payment = entry.origin_payment_id
            arrivals.append(payment._paylink_arrived_on() if payment else entry._paylink_shown_on())
        return arrivals

    def _received_transactions(self):
        """Its payments that stand, by a provider or by a transfer that was found."""
        done = self.transaction_ids.filtered(lambda tx: tx.state == "done" and tx.operation != "refund")
        return done.filtered(lambda tx: not tx.paylink_withdrawn_at)

    def _other_entries(self, received):
        """The entries of other money that has settled its documents: lines of banks and cash, payments by no link.

        :param received: its own payments, see :meth:`_received_transactions`
        """
        if self.state != "paid" or self.currency_id.compare_amounts(sum(received.mapped("amount")), self.amount) >= 0:
            return self.env["account.move"]
        items = self.line_ids.move_line_id
        entries = items.matched_credit_ids.credit_move_id.move_id - received.payment_id.move_id
        entries -= received.paylink_match_id.move_id
        return entries.filtered(lambda entry: entry.origin_payment_id or entry.statement_line_id)

    @api.model
    def _paid_with_what_is_shown(self, partials):
        """The links whose documents are paid with payments that no link knows of, which the bank's lines show, or do so
        no more.

        :param partials: ``account.partial.reconcile``, some of which show payments
        """
        shown = (partials.debit_move_id | partials.credit_move_id).filtered(
            lambda item: (
                item.payment_id
                and not item.payment_id.payment_transaction_id
                and item.account_id == item.payment_id.outstanding_account_id
            )
        )
        if not shown:
            return self.browse()
        settled = shown.move_id.line_ids.matched_debit_ids.debit_move_id
        return self.env["paylink.link.line"].search([("move_line_id", "in", settled.ids)]).link_id

    def _look_again_whether_consolidated(self):
        """What the bank shows of it is another thing now."""
        for name in ("is_at_bank", "consolidated_on"):
            self.env.add_to_compute(self._fields[name], self)
        self.modified(["is_at_bank"])
