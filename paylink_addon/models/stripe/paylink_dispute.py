from datetime import datetime, timezone

from odoo import api, models

from ...tools.money import to_major
from ...tools.stripe_events import moment_of
from ..dispute.paylink_dispute import RANKS, REASONS

KNOWN_REASONS = {reason for reason, _label in REASONS}


class PaylinkDispute(models.Model):
    """What Stripe's messages say of disputes. https://docs.stripe.com/disputes/api"""

    _inherit = "paylink.dispute"

    @api.model
    def _stripe_apply(self, transaction, found):
        """Bring a dispute to what an object of Stripe's says, in any order and number.

        :param transaction: the payment, done and booked
        :param dict found: Stripe's dispute
        :return: the dispute
        """
        books = transaction.company_id._paylink_in_its_language(self)  # what is tracked is told in words, for good
        known = books.search([("provider_id", "=", transaction.provider_id.id), ("name", "=", found["id"])])
        before = known.status if known else None
        dispute = known or books.create(self._stripe_new(transaction, found))
        dispute = dispute.with_company(dispute.company_id)
        if known and dispute._is_news(found["status"]):
            dispute._stripe_update(found)
        dispute._stripe_book(found.get("balance_transactions") or ())
        dispute._follow_status(before)
        return dispute

    @api.model
    def _stripe_new(self, transaction, found):
        return {
            "name": found["id"],
            "provider_id": transaction.provider_id.id,
            "transaction_id": transaction.id,
            "currency_id": transaction.currency_id.id,
            "amount": float(to_major(found["amount"], found["currency"])),
            "reason": found.get("reason") if found.get("reason") in KNOWN_REASONS else "general",
            **self._stripe_status(found),
        }

    @api.model
    def _stripe_status(self, found):
        due = (found.get("evidence_details") or {}).get("due_by")
        return {
            # A status that we do not know is one that somebody has to look at.
            "status": found["status"] if found["status"] in RANKS else "needs_response",
            "evidence_due": datetime.fromtimestamp(due, timezone.utc).replace(tzinfo=None) if due else False,
        }

    def _stripe_update(self, found):
        changed = {name: value for name, value in self._stripe_status(found).items() if self[name] != value}
        if changed:
            self.write(changed)

    # === BOOKING === #

    def _stripe_book(self, booked):
        """Book what has moved at Stripe; before anything has, note what is at stake.

        :param booked: the balance transactions of the dispute: none, one (taken) or two (given back)
        """
        taken = [one for one in booked if one["amount"] < 0]
        given = [one for one in booked if one["amount"] > 0]
        if not (booked or self.item_ids or self.withdrawal_id):
            self.item_ids = self._settled_partials(self._source()).debit_move_id
        if taken:
            self.withdrawn_at = self.withdrawn_at or moment_of(taken[0]["created"])
            self._book_withdrawal()
        if given and self.withdrawal_id:
            self.reinstated_at = self.reinstated_at or moment_of(given[0]["created"])
            self._book_reinstatement()
        self._stripe_note_fees(booked)
        if self.withdrawal_id:
            self._book_fees()

    def _stripe_note_fees(self, booked):
        """The fees, in the currency that Stripe settles in; what one message tells, an older one does not undo."""
        charged = next((one for one in booked if one["fee"] > 0), None)
        returned = next((one for one in booked if one["fee"] < 0), None)
        if charged and not self.fee:
            code = charged["currency"].upper()
            currency = self.env["res.currency"].with_context(active_test=False).search([("name", "=", code)], limit=1)
            self.write({"fee_currency_id": currency.id, "fee": float(to_major(charged["fee"], code))})
        if returned and not self.fee_returned:
            self.fee_returned = float(to_major(-returned["fee"], returned["currency"]))
