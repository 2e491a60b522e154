from datetime import datetime, timezone

from odoo import api, models

from ..tools.money import to_major
from ..tools.stripe_errors import StripeAbsent
from .paylink_dispute import RANKS, REASONS
from .payment_transaction_stripe import id_of

KNOWN_REASONS = {reason for reason, _label in REASONS}


class PaylinkDisputeStripe(models.Model):
    """What Stripe's messages say of disputes. https://docs.stripe.com/disputes/api"""

    _inherit = "paylink.dispute"

    @api.model
    def _stripe_apply(self, transaction, found):
        """Bring a dispute to what an object of Stripe's says, in any order and number.

        :param transaction: the payment, done and booked
        :param dict found: Stripe's dispute
        :return: the dispute
        """
        known = self.search([("provider_id", "=", transaction.provider_id.id), ("name", "=", found["id"])])
        before = known.status if known else None
        dispute = known or self.create(self._stripe_new(transaction, found))
        dispute = dispute.with_company(dispute.company_id)
        if known and dispute._is_news(found["status"]):
            dispute._stripe_update(found)
        dispute._stripe_book(found.get("balance_transactions") or ())
        dispute._follow_status(before)
        if not known:
            dispute._log_on_link()
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
            self._book_withdrawal()
        if given and self.withdrawal_id:
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

    def _log_on_link(self):
        if link := self.link_id:
            amount = self._facts(link._owner_env())["amount"]
            link._log_events(self.env.ref("paylink_addon.mt_link_disputed"), {link.id: amount})


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _paylink_stripe_facts_dispute(self, obj):
        """A dispute is of a payment, of all of it or a part; exchange rates may make it more."""
        return [
            ("PaymentIntent", self.paylink_stripe_intent or None, id_of(obj.get("payment_intent"))),
            ("mode", self.is_live, obj.get("livemode")),
            ("currency", self.currency_id.name.lower(), obj.get("currency")),
        ]

    def _paylink_stripe_dispute(self, obj):
        """Apply a dispute to its payment, which is booked first if it is not yet.

        :return: the transaction
        """
        self.ensure_one()
        self._paylink_stripe_check(obj)
        if self.state != "done" and not self._paylink_captures():
            # Its own message is late: what is disputed was paid.
            self._paylink_stripe_apply(self._paylink_stripe_fetch(id_of(obj["payment_intent"])))
        self.env["paylink.event"]._post_process(self)
        self.env["paylink.dispute"].sudo()._stripe_apply(self, obj)
        return self


class PaylinkEvent(models.Model):
    _inherit = "paylink.event"

    def _handle_charge_dispute(self):
        """A customer's bank takes a payment back, or gives it back.

        :return: the transactions that were found to be paid meanwhile
        """
        Transaction = self.env["payment.transaction"].sudo()
        paid = Transaction.browse()
        for provider, events in self.grouped("provider_id").items():
            objects = [event._dispute() for event in events]
            found = [
                tx or provider._paylink_stripe_disputed(obj)
                for tx, obj in zip(Transaction._paylink_stripe_find(provider, objects), objects, strict=True)
            ]
            self._lock(Transaction.concat(*found))
            for event, obj, tx in zip(events, objects, found, strict=True):
                if tx:
                    event.transaction_id = tx
                    paid |= tx._paylink_stripe_dispute(obj)
                else:
                    event._ignore()
        return paid

    def _dispute(self):
        """The dispute; asked for anew where the message says that money has moved, and does not say which."""
        found = self._object()
        moves = {"charge.dispute.funds_withdrawn": 1, "charge.dispute.funds_reinstated": 2}.get(self.type, 0)
        if len(found.get("balance_transactions") or ()) < moves:
            found = self.provider_id._paylink_stripe().dispute(found["id"])
        return found


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _paylink_stripe_disputed(self, obj):
        """The payment of a dispute whose PaymentIntent is not known yet: that bears our metadata."""
        intent_id = id_of(obj.get("payment_intent"))
        if not intent_id:
            return self.env["payment.transaction"].sudo()
        try:
            intent = self._paylink_stripe().intent(intent_id)
        except StripeAbsent:
            return self.env["payment.transaction"].sudo()
        return self.env["payment.transaction"].sudo()._paylink_stripe_find(self, [intent])[0]
