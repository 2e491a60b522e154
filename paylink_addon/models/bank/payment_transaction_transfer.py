"""Stage of ``payment.transaction``: transfers that a line of the bank shows."""

from odoo import api, fields, models

from .account_move import NUMBER

TRANSFER = "paylink_transfer"


class PaymentTransaction(models.Model):
    """A transfer that has been found: money as that of any other payment by a link, but the bank's line shows it."""

    _inherit = "payment.transaction"

    paylink_match_id = fields.Many2one(
        "paylink.bank.match",
        string="Bank Match",
        copy=False,
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    paylink_withdrawn_at = fields.Datetime(
        string="Withdrawn on",
        copy=False,
        readonly=True,
        help="When somebody has found that this transfer does not belong to the link.",
    )

    # Which references Odoo's provider of wire transfers has told.
    _paylink_number_index = models.Index(
        f"({NUMBER.format('reference')}) WHERE state = 'pending' AND paylink_id IS NOT NULL"
    )

    # === BOOKING === #

    def _paylink_book_transfers(self):
        """Book transfers by the kind of their links, as payments of the bank's journal."""
        for tx in self:
            tx._set_done()
        self.with_context(paylink_booked_at_once=True)._post_process()
        self._paylink_tell_later()

    def _paylink_after_transfers(self):
        """What follows from transfers that the line's own entry has booked: as ``_paylink_after_booking``."""
        if not self:
            return
        self.env["paylink.link"].sudo()._close_rivals(self)
        self._paylink_tell_later()

    @api.model
    def _paylink_tell_later(self):
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_book")

    def _paylink_counterparts(self):
        """What a transfer is in the entry of the bank's line.

        :return: values of its lines, the open items that they settle, and the line of the payment that they cover, if
            there is a payment
        """
        match, link = self.paylink_match_id, self.paylink_id
        Line = self.env["account.move.line"]
        if payment := self.payment_id:
            liquidity = payment._seek_for_lines()[0]
            value = {"account_id": liquidity.account_id.id, "partner_id": liquidity.partner_id.id}
            return [value | {"amount_currency": -liquidity.amount_currency}], Line, liquidity
        values, items = link._of_kind("settle", self)
        return match._counterpart_values(self.partner_id, self.amount, values), items, Line

    def _paylink_ready(self):
        """What the bank's line has booked, nothing else books."""
        return super()._paylink_ready().filtered(lambda tx: not tx._paylink_is_booked_by_line())

    def _create_payment(self, **extra_create_values):
        if self._paylink_is_booked_by_line():
            return self.env["account.payment"]
        return super()._create_payment(**extra_create_values)

    def _paylink_is_booked_by_line(self):
        return bool(self.paylink_match_id or self.paylink_withdrawn_at) and self.paylink_id.kind == "open_items"

    # === TELLING === #

    def _paylink_entry(self):
        """Of what the bank's line has booked: its entry."""
        return super()._paylink_entry() or self.paylink_match_id.move_id

    def _paylink_booked_lines(self):
        return super()._paylink_booked_lines() or self.paylink_match_id.move_id.line_ids

    def _paylink_open_credit(self):
        if self.payment_id or not self.paylink_match_id:
            return super()._paylink_open_credit()
        lines = self.paylink_match_id.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable" and not line.reconciled
        )
        return self.currency_id.round(max(-sum(lines.mapped("amount_residual_currency")), 0.0))

    # === UNDOING === #

    def _paylink_withdraw_transfers(self):
        """Take back whatever was booked of it: it is not the links'."""
        if not self:
            return
        self.payment_id._paylink_undo()
        now = fields.Datetime.now()
        # A transfer has moved at noon of the bank's day: never is it taken back before that.
        for moment, transactions in self.grouped(lambda tx: max(now, tx.paylink_id.paid_at or now)).items():
            transactions.write(
                {
                    "state": "cancel",
                    "paylink_closed": True,
                    "paylink_untold": False,
                    "paylink_withdrawn_at": moment,
                }
            )
