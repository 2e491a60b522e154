from odoo import api, models

from odoo.addons.paylink_addon.tools.locks import hold_and_touch


class LoyaltyCard(models.Model):
    _name = "loyalty.card"
    _inherit = ["loyalty.card", "paylink.ending.mixin"]

    @api.model
    def _paylink_wallets_of(self, partners, program):
        """The wallets of ``partners`` in ``program``, as ``{partner: card}``; those that are missing are made.

        Of two payments that both find none, the second one waits, fails on what the first one has touched, and is run
        again: then it finds the wallet.
        """
        domain = [("partner_id", "in", partners.ids), ("program_id", "=", program.id)]
        cards = self.search(domain, order="id")
        if missing := partners - cards.partner_id:
            hold_and_touch(missing)
            # The customer is told by the receipt; a mail that can't be made must not stop the booking.
            cards |= self.with_context(loyalty_no_mail=True).create(
                [{"partner_id": partner.id, "program_id": program.id} for partner in missing]
            )
        return {partner: own[0] for partner, own in cards.grouped("partner_id").items()}

    @api.model
    def _paylink_move(self, moves):
        """Credit wallets with what came, or debit them by what was given back (negative), and tell their history.

        See ``loyalty.card.update.balance``. Two at once conflict on the row: the second one is run again.

        :param list moves: ``(card, amount, values)``: booked, in the program's currency; the values say in the
            history what it was
        """
        points = [card.program_id._paylink_points(amount) for card, amount, _values in moves]
        self.env["loyalty.history"].create(
            [
                {
                    "card_id": card.id,
                    "issued": max(change, 0.0),
                    "used": max(-change, 0.0),
                    **values,
                }
                for (card, _amount, values), change in zip(moves, points, strict=True)
            ]
        )
        for (card, _amount, _values), change in zip(moves, points, strict=True):
            card._paylink_add(change)

    def _paylink_add(self, points):
        """Add ``points`` (negative: take them) without writing to the customer."""
        self.with_context(loyalty_no_mail=True).points = self.currency_id.round(self.points + points)

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"points"}

    def _paylink_task_subjects(self):
        """The links that have topped these up."""
        return [self.history_ids.paylink_transaction_id.paylink_id]
