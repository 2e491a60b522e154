"""Stage of ``payment.transaction``: refunds, captures and voids."""

from datetime import datetime, timezone
from functools import partial

from odoo import fields, models
from odoo.tools import LazyTranslate, format_amount

from ...const import Task
from ...tools.money import to_major, to_minor
from ...tools.stripe_errors import StripeRefused
from ...tools.stripe_events import moment_of
from ...tools.texts import said
from .payment_transaction import PaylinkStripeMismatch, id_of
from .payment_transaction_apply import INTENT_EXPAND

_lt = LazyTranslate(__name__)

# https://docs.stripe.com/api/refunds/object#refund_object-status
REFUND_STATES = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "done",
    "failed": "error",
    "canceled": "cancel",
}
# Why: https://docs.stripe.com/api/refunds/object#refund_object-failure_reason
FAILURES = {
    "canceled": _lt("The refund was canceled at Stripe."),
    "charge_for_pending_refund_disputed": _lt("The refund did not succeed: the customer disputes the payment."),
    "declined": _lt("The refund did not succeed: the customer's bank declined it."),
    "expired_or_canceled_card": _lt("The refund did not succeed: the card has expired or was canceled."),
    "insufficient_funds": _lt("The refund did not succeed: there is not enough money in the Stripe account."),
    "lost_or_stolen_card": _lt("The refund did not succeed: the card was reported lost or stolen."),
    "merchant_request": _lt("The refund was canceled at Stripe."),
    "unknown": _lt("The refund did not succeed at Stripe, which does not say why."),
}


class PaymentTransactionRefund(models.Model):
    """Refunds, captures and voids, asked for here or made in Stripe's dashboard."""

    _inherit = "payment.transaction"

    paylink_stripe_capture_before = fields.Datetime(
        string="To be captured before",
        copy=False,
        readonly=True,
        help="According to Stripe, for the card that was used.",
    )

    # === REFUNDS FROM ODOO === #

    def _paylink_checks_amounts(self):
        """Of all that Stripe is asked for."""
        return super()._paylink_checks_amounts() or self._paylink_is_stripe()

    def _send_refund_request(self):
        """Have it sent once it is stored: what Odoo runs again must not refund twice."""
        if not self._paylink_is_stripe():
            return super()._send_refund_request()
        return self._paylink_wish_and_send("refund")

    def _paylink_stripe_ask_refund(self):
        return self.provider_id._paylink_stripe().refund_create(
            key=self.paylink_key,
            payment_intent=self._paylink_stripe_payment().paylink_stripe_intent,
            amount=self._paylink_stripe_minor(),
            metadata=self._paylink_stripe_metadata(),
        )

    def _paylink_stripe_seek_refund(self):
        intent = self._paylink_stripe_payment().paylink_stripe_intent
        return self._paylink_stripe_seek(self.provider_id._paylink_stripe().refunds(payment_intent=intent))

    # === REFUNDS AT STRIPE === #

    def _paylink_stripe_refunded_minor(self):
        """What Stripe has told of refunds made and under way, in minor units; not what it has not answered to yet."""
        refunds = self._paylink_stripe_known_refunds().filtered(lambda tx: tx.state in ("pending", "done"))
        return sum(tx._paylink_stripe_minor() for tx in refunds)

    def _paylink_stripe_known_refunds(self):
        return (self | self._paylink_stripe_parts()).child_transaction_ids.filtered(
            lambda tx: tx.operation == "refund" and tx.paylink_stripe_refund
        )

    def _paylink_stripe_apply_refund(self, refund):
        """A refund, on its own transaction; one that was made in the dashboard gets one."""
        if self.operation != "refund":
            # An earlier message of the same set may have made its transaction.
            known = self._paylink_stripe_find(self.provider_id, [refund])[0]
            child = known if known.operation == "refund" else self._paylink_stripe_new_refund(refund)
            if child:
                child._apply_updates(refund)
            return
        self._paylink_stripe_adopt(paylink_stripe_refund=refund["id"])
        if self.paylink_todo == "refund":
            self.paylink_todo = False
        if self.provider_reference != refund["id"]:
            self.provider_reference = refund["id"]
        target = REFUND_STATES.get(refund["status"], "pending")
        if self.state == "done" and target in ("error", "cancel"):
            self._paylink_stripe_undo_refund(refund)
            return
        if target == "done":
            self._paylink_note_moved(moment_of(refund["created"]))
        if target != "done" or self.state in ("draft", "pending"):  # what failed does not succeed later
            self._paylink_stripe_set_state(target, self._paylink_stripe_refund_reason(refund, target))

    def _paylink_stripe_new_refund(self, refund):
        """A transaction for a refund that was not asked for here; none for one that came to nothing."""
        if REFUND_STATES.get(refund["status"]) in ("error", "cancel"):
            return None
        if self._paylink_stripe_refresh_refunds(refund) in ("error", "cancel"):
            return None
        left = self._paylink_stripe_minor() - self._paylink_stripe_refunded_minor()
        if refund["amount"] > left:
            raise PaylinkStripeMismatch(
                self.env._(
                    "Refund %(refund)s of %(reference)s is larger than what is left to refund.",
                    refund=refund["id"],
                    reference=self.reference,
                )
            )
        # A payment captured in parts is booked by its capture.
        source = self._paylink_stripe_parts().filtered(lambda tx: tx.state == "done")[:1] or self
        amount = float(to_major(refund["amount"], refund["currency"]))
        return source._create_child_transaction(
            amount,
            is_refund=True,
            paylink_stripe_refund=refund["id"],
            paylink_from_dashboard=True,
            paylink_user_id=False,
        )

    def _paylink_stripe_refresh_refunds(self, refund):
        """Messages come in any order: this refund, or another one that made room for it, may have failed since.

        :return: what has become of ``refund`` itself, as a state of transactions
        """
        refunds = self.provider_id._paylink_stripe().refunds(payment_intent=self.paylink_stripe_intent)
        current = {found["id"]: found for found in refunds}
        for known in self._paylink_stripe_known_refunds():
            if found := current.get(known.paylink_stripe_refund):
                known._apply_updates(found)
        return REFUND_STATES.get(current.get(refund["id"], refund)["status"])

    def _paylink_stripe_refund_reason(self, refund, target):
        if target not in ("error", "cancel"):
            return None
        return FAILURES.get(refund.get("failure_reason") or refund["status"], FAILURES["unknown"])

    def _paylink_stripe_undo_refund(self, refund):
        """The money has come back after all: the books say so, and a person is told."""
        reason = self._paylink_stripe_refund_reason(refund, "error")
        self._set_error(reason, extra_allowed_states=("done",))
        self.is_post_processed = True  # nothing is left to book
        self.payment_id._paylink_undo(self._paylink_stripe_came_back_at(refund))
        self._paylink_stripe_report_failure(reason)

    def _paylink_stripe_came_back_at(self, refund):
        """When the money of a refund came back, whatever told of it: when Stripe booked that, else what its message
        says.
        """
        if booked := id_of(refund.get("failure_balance_transaction")):
            return moment_of(self.provider_id._paylink_stripe().transaction(booked)["created"])
        return refund.get("paylink_moved_at") or self._paylink_stripe_told_at(failed_refund=refund["id"])

    # === WHAT A PERSON HAS TO KNOW === #

    def _paylink_owner(self):
        """Who looks after a payment and what is asked for of it."""
        if self.paylink_id:
            return self.paylink_id._task_users()
        payment = (self.source_transaction_id or self).payment_id
        users = payment.invoice_ids.invoice_user_id.filtered("active")
        return users[:1] or self.env.company._paylink_administrator()

    def _paylink_stripe_report_failure(self, reason):
        """Give somebody the task to look after what was asked for here and did not happen."""
        record = self.paylink_id or self.source_transaction_id.payment_id
        key = Task.REFUND_FAILED if self.operation == "refund" else Task.CAPTURE_FAILED
        texts = partial(self._paylink_stripe_failure_texts, reason)
        self.env["paylink.task.mixin"]._give(record, key, texts, self._paylink_owner(), about=self)

    def _paylink_stripe_failure_texts(self, reason, env):
        amount = format_amount(env, abs(self.amount), self.currency_id)
        facts = {"partner": self.partner_id.display_name, "amount": amount, "reference": self.reference}
        reason = said(reason, env)
        if self.operation != "refund":
            return env._("%(amount)s could not be captured or released", amount=amount), env._(
                "%(reference)s (%(partner)s): %(reason)s Look at the payment in Stripe's dashboard.",
                **facts,
                reason=reason,
            )
        return env._("The refund of %(amount)s failed", amount=amount), env._(
            "%(partner)s did not receive the refund of %(amount)s (%(reference)s): %(reason)s The refund is not in "
            "the books. Pay the customer another way, or refund again.",
            **facts,
            reason=reason,
        )

    # === CAPTURES AND VOIDS === #

    def _paylink_capture_before(self):
        """What Stripe says of the card, once it is known."""
        return self.paylink_stripe_capture_before or super()._paylink_capture_before()

    def _paylink_stripe_note_capture(self, known):
        """Keep until when the amount is reserved.

        :param dict known: Stripe's details of the method of a charge
        """
        if before := known.get("capture_before"):
            self.paylink_stripe_capture_before = datetime.fromtimestamp(before, timezone.utc).replace(tzinfo=None)

    def _paylink_stripe_parts(self):
        """The parts of an authorization that were captured or given up, or are to be."""
        return self.child_transaction_ids.filtered(lambda tx: tx.operation != "refund" and tx.state != "error")

    def _send_capture_request(self):
        """Have it sent once it is stored."""
        if not self._paylink_is_stripe():
            return super()._send_capture_request()
        return self._paylink_wish_and_send("capture")

    def _send_void_request(self):
        """Have it sent once it is stored."""
        if not self._paylink_is_stripe():
            return super()._send_void_request()
        return self._paylink_wish_and_send("void")

    def _paylink_stripe_ask_capture(self):
        """Stripe captures once: what is not captured is released."""
        return self.provider_id._paylink_stripe().intent_capture(
            self._paylink_stripe_payment().paylink_stripe_intent,
            key=self.paylink_key,
            amount_to_capture=self._paylink_stripe_minor(),
            expand=list(INTENT_EXPAND),
        )

    def _paylink_stripe_ask_void(self):
        """Release what was authorized; after a capture Stripe has released the rest already."""
        payment = self._paylink_stripe_payment()
        stripe = self.provider_id._paylink_stripe()
        if payment._paylink_stripe_parts().filtered(lambda tx: tx.paylink_todo == "capture"):
            return None  # first things first: voiding would cancel the capture
        try:
            return stripe.intent_cancel(payment.paylink_stripe_intent, key=self.paylink_key)
        except StripeRefused:
            intent = stripe.intent(payment.paylink_stripe_intent, expand=INTENT_EXPAND)
            if intent["status"] in ("succeeded", "canceled"):
                return intent
            raise

    def _paylink_stripe_seek_capture(self):
        return self._paylink_stripe_seek_settled()

    def _paylink_stripe_seek_void(self):
        return self._paylink_stripe_seek_settled()

    def _paylink_stripe_seek_settled(self):
        """The PaymentIntent, if it is not waiting to be captured anymore."""
        intent = self._paylink_stripe_fetch(self._paylink_stripe_payment().paylink_stripe_intent)
        return intent if intent["status"] in ("succeeded", "canceled") else None

    def _paylink_stripe_settle_parts(self, intent):
        """Bring the parts of an authorization to what was received of it: captured once, the rest released."""
        currency = self.currency_id.name
        parts = self._paylink_stripe_parts()
        if not parts and intent["amount_received"] == self._paylink_stripe_minor():
            self._paylink_stripe_set_state("done")
            return
        received = float(to_major(intent["amount_received"], currency))
        done = parts.filtered(lambda tx: tx.state == "done")
        waiting = parts.filtered(lambda tx: tx.state in ("draft", "pending"))
        if not done:
            fitting = waiting.filtered(lambda tx: to_minor(tx.amount, currency) == intent["amount_received"])
            fitting = fitting.sorted(lambda tx: tx.paylink_todo != "capture")[:1]
            capture = fitting or self._create_child_transaction(received)
            capture._paylink_stripe_end_part("done", intent)
            waiting -= capture
        self._paylink_stripe_release(waiting, intent, received)

    def _paylink_stripe_release(self, waiting, intent, received):
        """What was authorized and not captured is free again: the transactions say so."""
        released = self._paylink_stripe_parts().filtered(lambda tx: tx.state == "cancel")
        for part in waiting:
            part._paylink_stripe_end_part("cancel", intent)
        rest = self.currency_id.round(self.amount - received - sum((released | waiting).mapped("amount")))
        if rest > 0:
            self._create_child_transaction(rest)._paylink_stripe_end_part("cancel", intent)

    def _paylink_stripe_end_part(self, target, intent):
        self.write({"paylink_todo": False, "provider_reference": intent["id"]})
        if target == "done":
            self._paylink_note_moved(self.source_transaction_id.paylink_moved_at)
        self._paylink_stripe_set_state(target)

    def _void(self, amount_to_void=None):
        """What a capture has released needs no voiding."""
        if self._paylink_is_stripe() and self.state in ("done", "cancel"):
            return self._paylink_stripe_parts().filtered(lambda tx: tx.state == "cancel")[:1] or self
        return super()._void(amount_to_void=amount_to_void)
