"""Stage of ``payment.transaction``: when the money moved, and on which day it is booked."""

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools import columns, days


class PaymentTransactionMoved(models.Model):
    """Money has moved when the provider says so, whenever that is heard of, and on that day for the company."""

    _inherit = "payment.transaction"

    paylink_moved_at = fields.Datetime(
        string="Moved on",
        copy=False,
        readonly=True,
        help="When the money moved, as the provider says; else when it was heard of. It is booked on that day.",
    )
    paylink_moved_on = fields.Date(
        string="Day of the Money",
        compute="_compute_paylink_moved_on",
        store=True,
        help="For the company. The books have it on that day, or on the first open one where it is locked.",
    )

    def _auto_init(self):
        """Of what was paid before nobody has noted when (see :meth:`_paylink_note_moved_before`)."""
        columns.add(self.env.cr, self._table, paylink_moved_on="date")
        return super()._auto_init()

    # === COMPUTE METHODS === #

    @api.depends("paylink_moved_at")
    def _compute_paylink_moved_on(self):
        for tx in self:
            tx.paylink_moved_on = tx.paylink_moved_at and tx.company_id._paylink_day(tx.paylink_moved_at)

    # === BUSINESS METHODS === #

    def _paylink_note_moved(self, moment=None):
        """Note when the money moved, once: what is booked late, or again, is booked on that day.

        :param moment: what the provider says (UTC); ``None``: now, when it is heard of
        """
        for tx in self.sudo().filtered(lambda tx: not tx.paylink_moved_at):
            tx.paylink_moved_at = moment or fields.Datetime.now()

    @api.model
    def _paylink_note_moved_before(self):
        """What was paid before anybody noted it moved on its day in the books, as far as is known."""
        domain = [("state", "=", "done"), ("paylink_moved_at", "=", False)]
        for (company,) in self.sudo()._read_group(domain, ["company_id"]):
            zone = days.in_database(self.env.cr, company.paylink_tz)
            self.env.cr.execute(
                SQL(
                    """UPDATE payment_transaction tx
                          SET paylink_moved_on = payment.date,
                              paylink_moved_at = (payment.date + TIME '12:00') AT TIME ZONE %s AT TIME ZONE 'UTC'
                         FROM account_payment payment
                        WHERE payment.id = tx.payment_id AND tx.state = 'done' AND tx.paylink_moved_at IS NULL
                          AND tx.company_id = %s""",
                    zone,
                    company.id,
                )
            )
        self.invalidate_model(["paylink_moved_at", "paylink_moved_on"])

    def _paylink_moved_on(self):
        """The day, for the company, on which the money moved: what people read, and what the books say."""
        self.ensure_one()
        return self.paylink_moved_on or self.company_id._paylink_day(self.last_state_change or self.create_date)

    def _paylink_booked_on(self, has_tax=False):
        """The same day in the books: where it is locked, the first open one.

        :param bool has_tax: whether the entry counts for a tax report
        """
        return self.company_id._paylink_open_day(self._paylink_moved_on(), has_tax=has_tax)
