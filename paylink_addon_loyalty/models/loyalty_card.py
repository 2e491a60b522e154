from odoo import api, models
from odoo.tools import SQL


class LoyaltyCard(models.Model):
    _inherit = "loyalty.card"

    @api.model
    def _paylink_wallet_of(self, partner, program):
        """The wallet of ``partner`` in ``program``, made if there is none.

        Of two payments that both find none, the second one waits, fails on what the first one has touched, and is run
        again: then it finds the wallet.
        """
        domain = [("partner_id", "=", partner.id), ("program_id", "=", program.id)]
        if card := self.search(domain, order="id", limit=1):
            return card
        self.env.cr.execute(SQL("UPDATE res_partner SET write_date = write_date WHERE id = %s", partner.id))
        # The customer is told by the receipt; a mail that can't be made must not stop the booking.
        return self.with_context(loyalty_no_mail=True).create({"partner_id": partner.id, "program_id": program.id})

    def _paylink_move(self, transaction, description):
        """Credit the wallet with a payment, or debit it by a refund (whose amount is negative), and tell its history.

        See ``loyalty.card.update.balance``. Two at once conflict on the row: the second one is run again.

        :param transaction: booked, not in the history yet, in the program's currency
        """
        self.ensure_one()
        points = self.program_id._paylink_points(transaction.amount)
        self.env["loyalty.history"].create(
            {
                "card_id": self.id,
                "description": description,
                "issued": max(points, 0.0),
                "used": max(-points, 0.0),
                "paylink_transaction_id": transaction.id,
            }
        )
        self._paylink_add(points)

    def _paylink_add(self, points):
        """Add ``points`` (negative: take them) without writing to the customer."""
        self.with_context(loyalty_no_mail=True).points = self.currency_id.round(self.points + points)
