"""Stage of ``payment.transaction``: what the objects of Stripe's lead to."""

from datetime import timedelta

from odoo import fields, models
from odoo.tools import LazyTranslate

from ...tools.money import to_major
from ...tools.stripe_events import moment_of
from ...tools.texts import coded, decoded, said
from .const import DELAYED_METHODS, MOVING_EVENTS, STRIPE_CODE, STRIPE_METHODS
from .payment_transaction import id_of

_lt = LazyTranslate(__name__)

# Where each state may be reached from when Stripe says so: what is older than the state changes nothing. Money that
# has come is taken whatever we thought before.
# Of PaymentIntents that can't be closed, or are.
ENDED = ("canceled", "succeeded", "processing", "requires_capture")
SOURCES = {
    "pending": ("draft",),
    "authorized": ("draft", "pending"),
    "done": ("draft", "pending", "authorized", "error", "cancel"),
    "cancel": ("draft", "pending", "authorized"),
    "error": ("draft", "pending", "authorized"),
}
SETTERS = {
    "pending": "_set_pending",
    "authorized": "_set_authorized",
    "done": "_set_done",
    "cancel": "_set_canceled",
    "error": "_set_error",
}
# What an intent's status leads to: https://docs.stripe.com/payments/paymentintents/lifecycle
INTENT_STATUSES = {
    "processing": "_paylink_stripe_processing",
    "requires_capture": "_paylink_stripe_authorized",
    "requires_payment_method": "_paylink_stripe_failed",
    "succeeded": "_paylink_stripe_received",
    "canceled": "_paylink_stripe_canceled",
}
# Those in which money has come, or is to come.
UNDER_WAY = ("processing", "succeeded", "requires_capture")
METHOD_NAMES = {
    "sepa_debit": "SEPA",
    "acss_debit": "PAD / DPA",  # as Canadians know it, in English and in French
    "afterpay_clearpay": "Afterpay / Clearpay",
    "ideal": "iDEAL",
}
# Why payments are declined, as the customer reads it: https://docs.stripe.com/declines/codes
DECLINES = {
    "authentication_required": _lt(
        "Your bank wants you to confirm this payment: pay again on this page, where it can ask you."
    ),
    "payment_intent_authentication_failure": _lt("Your bank could not confirm that it was you."),
    "insufficient_funds": _lt("The account does not have enough money."),
    "expired_card": _lt("The card has expired."),
    "incorrect_cvc": _lt("The security code of the card is wrong."),
    "processing_error": _lt("The bank could not process the payment. Nothing was charged: try again."),
}
DECLINED = _lt("Your bank declined the payment.")
TOKEN_OPERATIONS = ("offline", "online_token")
# What to retrieve with an intent to know the method used and the fee.
INTENT_EXPAND = ("latest_charge.balance_transaction",)
# How long after the money its message may be made.
LAG = timedelta(minutes=10)


class PaymentTransactionApply(models.Model):
    """What the objects of Stripe's lead to. Callers have checked that they belong to the transaction."""

    _inherit = "payment.transaction"

    def _paylink_stripe_set_state(self, target, message=None):
        """Change the state, if Stripe's word is news.

        :return: whether it was
        """
        self.ensure_one()
        # We gave the attempt up while the customer was paying: that it is under way is news, too.
        revived = self.state == "cancel" and self.paylink_closed and target in ("pending", "authorized")
        if self.state not in SOURCES[target] and not (revived and self._paylink_stripe_is_under_way()):
            return False
        getattr(self, SETTERS[target])(state_message=message)
        self._paylink_stripe_want_details()
        return True

    def _paylink_stripe_is_under_way(self):
        """Whether it still is: the message that says so may be older than the one of its end."""
        intent = self.paylink_stripe_intent
        if self.operation == "validation" or not intent:
            return True
        return self._paylink_stripe_fetch(intent)["status"] in UNDER_WAY

    def _paylink_stripe_want_details(self):
        """Have the method and the fee asked for, unless they are known or there is something else to do first."""
        paid = self.state in ("done", "authorized")
        if paid and not self.paylink_todo and self._paylink_stripe_lacks_details():
            self._paylink_queue("details")
            if self.tokenize:
                self._paylink_wake_sender()

    def _paylink_stripe_adopt(self, **ids):
        """Note the ids that Stripe has given: each once, for good."""
        values = {name: value for name, value in ids.items() if value and not self[name]}
        if intent := values.get("paylink_stripe_intent"):
            values["provider_reference"] = intent
        if values:
            self.write(values)

    def _paylink_stripe_fetch(self, intent_id):
        """The PaymentIntent as it is now, where an older picture of it does not say enough."""
        return self.provider_id._paylink_stripe().intent(intent_id, expand=INTENT_EXPAND)

    # === CHECKOUT SESSIONS === #

    def _paylink_stripe_apply_checkout_session(self, session):
        intent = session.get("payment_intent") or session.get("setup_intent")
        self._paylink_stripe_adopt(paylink_stripe_session=session["id"], paylink_stripe_intent=id_of(intent))
        if self.paylink_todo == "expire" and session["status"] != "open":
            self.paylink_todo = False
            self._paylink_stripe_want_details()  # the customer was faster, and that has been heard before
        if session["status"] == "expired":
            self._paylink_stripe_set_state("cancel", _lt("The customer left the payment page."))
        elif isinstance(intent, dict):
            told = {
                "paylink_final": session["status"] == "complete",
                "paylink_moved_at": session.get("paylink_moved_at"),
            }
            self._apply_updates(intent | told)
        elif session["status"] == "complete":
            self._paylink_stripe_complete(session)

    def _paylink_stripe_complete(self, session):
        """The customer has finished the page. What is fetched is processed: it tells the method to store, too."""
        if session["mode"] == "setup":
            stripe = self.provider_id._paylink_stripe()
            self._process(STRIPE_CODE, stripe.setup_intent(session["setup_intent"], expand=["payment_method"]))
        elif session["payment_status"] == "paid":
            self._paylink_stripe_note_told(session)
            self._paylink_stripe_set_state("done")
        elif self.state == "draft" and self.provider_id.capture_manually:
            # Unpaid is what is authorized, and what is still to be debited.
            self._process(STRIPE_CODE, self._paylink_stripe_fetch(session["payment_intent"]))
        else:
            self._paylink_stripe_set_state("pending")

    # === PAYMENT INTENTS === #

    def _paylink_stripe_apply_payment_intent(self, intent):
        self._paylink_stripe_adopt(paylink_stripe_intent=intent["id"])
        closed = self.paylink_todo == "expire" and not self.paylink_stripe_session and intent["status"] in ENDED
        if self.paylink_todo == "charge" or closed:
            self.paylink_todo = False
        if isinstance(intent.get("latest_charge"), dict):
            told = {"paylink_moved_at": intent.get("paylink_moved_at"), "capture_method": intent.get("capture_method")}
            self._paylink_stripe_note(intent["latest_charge"] | told)
        if action := INTENT_STATUSES.get(intent["status"]):
            getattr(self, action)(intent)

    def _paylink_stripe_processing(self, intent):
        """The method takes days."""
        if not self.paylink_stripe_charge:
            self.paylink_stripe_charge = id_of(intent.get("latest_charge"))
        self._paylink_stripe_set_state("pending")

    def _paylink_stripe_authorized(self, intent):
        self._paylink_stripe_set_state("authorized")

    def _paylink_stripe_received(self, intent):
        """The money has come: all of it, or what was captured of it."""
        if not self.paylink_stripe_charge:
            self.paylink_stripe_charge = id_of(intent.get("latest_charge"))
        self._paylink_stripe_note_told(intent)
        partly = intent["amount_received"] < intent["amount"]
        if partly:
            self._paylink_stripe_set_state("authorized")
        if partly or self.state == "authorized" or self._paylink_stripe_parts():
            self._paylink_stripe_settle_parts(intent)
            self._paylink_stripe_want_details()  # its parts have made it done
        else:
            self._paylink_stripe_set_state("done")

    def _paylink_stripe_canceled(self, intent):
        """Voided, or not captured in time, or its page has expired."""
        for void in self._paylink_stripe_parts().filtered(lambda tx: tx.state in ("draft", "pending")):
            void.paylink_todo = False
            void._set_canceled()
        reasons = {"expired": _lt("The authorization was not captured in time.")}
        if self.state != "error":  # a declined charge is closed after that
            self._paylink_stripe_set_state("cancel", reasons.get(intent.get("cancellation_reason")))

    # === FAILURES === #

    def _paylink_stripe_failed(self, intent):
        """A try was declined: final without the customer, or if the payment was under way; else they may try again."""
        error = intent.get("last_payment_error")
        if not error:
            return
        method = error.get("payment_method") or {}
        charge = error.get("charge") or method.get("id") or id_of(intent.get("latest_charge")) or intent["id"]
        if intent.get("paylink_final") or self._paylink_stripe_is_final(intent, charge):
            self._paylink_stripe_fail(error, charge)
        else:
            self._paylink_stripe_count_decline(error, charge)

    def _paylink_stripe_is_final(self, intent, charge):
        """Whether the failed charge was the last one. Older messages about declined cards may come late."""
        if self.operation in TOKEN_OPERATIONS:
            return True
        if self.state != "pending" or charge in self._paylink_stripe_declined_charges():
            return False
        if charge == self.paylink_stripe_charge:
            return True
        return not self._paylink_stripe_is_under_way()

    def _paylink_stripe_fail(self, error, charge=None):
        """The payment has failed; the customer reads why."""
        declined = [known for known in self.paylink_stripe_declined or () if known["charge"] != charge]
        if len(declined) != self.paylink_decline_count:
            self.write({"paylink_stripe_declined": declined, "paylink_decline_count": len(declined)})
        if not self.paylink_stripe_charge:
            self.paylink_stripe_charge = charge
        codes = (error.get("code"), error.get("decline_code"))
        if self.state in SOURCES["error"]:  # what is told of it says why
            self.paylink_stripe_decline_code = codes[1] or codes[0] or "generic_decline"
            self.paylink_never_again = error.get("advice_code") == "do_not_try_again"
        if self._paylink_stripe_set_state("error", self._paylink_stripe_reason(error)):
            self.paylink_action_needed = "authentication_required" in codes
            self.paylink_fee = 0  # of a debit that was under way Stripe gives it back

    def _paylink_stripe_count_decline(self, error, charge):
        """A declined try on Stripe's page, where the customer is still: the attempt goes on."""
        known = self.paylink_stripe_declined or []
        if charge in self._paylink_stripe_declined_charges() or charge == self.paylink_stripe_charge:
            return
        message = self._paylink_stripe_reason(error)
        moment = fields.Datetime.to_string(fields.Datetime.now())
        self.write(
            {
                "paylink_stripe_declined": [*known, {"charge": charge, "at": moment, "text": coded(message)}],
                "paylink_decline_count": len(known) + 1,
                "paylink_stripe_decline_code": error.get("decline_code") or error.get("code") or "generic_decline",
            }
        )
        if self.state == "draft":
            self.state_message = said(message, self._paylink_customer_env())
            self._paylink_keep_text(message)
        if asked_by := self._paylink_asked_by():
            asked_by._declined_on_page(self, message)

    def _paylink_stripe_declined_charges(self):
        return [known["charge"] for known in self.paylink_stripe_declined or ()]

    def _paylink_declines(self):
        known = self.paylink_stripe_declined or ()
        return [(fields.Datetime.to_datetime(one["at"]), decoded(one["text"])) for one in known]

    def _paylink_stripe_reason(self, error):
        """Why a payment was declined, for the customer. https://docs.stripe.com/declines/codes"""
        codes = (error.get("decline_code"), error.get("code"))
        return next((DECLINES[code] for code in codes if code in DECLINES), DECLINED)

    def _paylink_last_reason(self):
        """What Stripe has told of it, in the language of whoever reads it."""
        code = self.paylink_stripe_decline_code
        return DECLINES.get(code, DECLINED) if code else super()._paylink_last_reason()

    # === THE RIGHT DAY === #

    def _paylink_stripe_note_told(self, obj):
        """Note when the money moved, as the message that brought ``obj`` says it. It comes some seconds after the
        money: if a day has begun in between, the charge is asked for, so that no order of messages makes another day.
        """
        moment = obj.get("paylink_moved_at")
        if not moment or self.paylink_moved_at:
            return
        day_of = self.company_id._paylink_day
        if day_of(moment - LAG) < day_of(moment):
            intent = self._paylink_stripe_fetch(self.paylink_stripe_intent)
            told = {"paylink_moved_at": moment, "capture_method": intent.get("capture_method")}
            self._paylink_stripe_note_charged(intent["latest_charge"] | told)
        self._paylink_note_moved(moment)

    def _paylink_stripe_note_charged(self, charge):
        """Note when the money of a charge moved.

        A card is charged when its charge is made, unless that has only reserved the amount: then when it is captured,
        which is when Stripe books it. A debit has moved when it is known that it succeeds.
        """
        if not (charge["paid"] and charge["captured"]):
            return
        kind = (charge.get("payment_method_details") or {}).get("type")
        booked = charge.get("balance_transaction")
        booked = booked if isinstance(booked, dict) else {}
        if kind in DELAYED_METHODS:
            known = charge.get("paylink_moved_at") or self._paylink_stripe_told_at()
            moment = known or min(filter(None, [moment_of(booked.get("available_on")), fields.Datetime.now()]))
        elif self._paylink_stripe_is_reserved(charge):
            moment = moment_of(booked.get("created"))
        else:
            moment = moment_of(charge["created"])
        if moment:
            self._paylink_note_moved(moment)

    def _paylink_stripe_is_reserved(self, charge):
        """Whether the charge has reserved its amount, which was captured later."""
        is_manual = charge.get("capture_method") == "manual"
        return is_manual or self.state == "authorized" or bool(self.paylink_stripe_capture_before)

    def _paylink_stripe_told_at(self, failed_refund=None):
        """When it was paid, as a message says that waits to be handled.

        :param str failed_refund: when the money of this refund came back, instead
        """
        waiting = [("provider_id", "=", self.provider_id.id), ("state", "in", ("waiting", "failed", "refused"))]
        about = [("object_key", "=", self.paylink_stripe_intent), ("type", "in", MOVING_EVENTS)]
        if failed_refund:
            about = [("object_id", "=", failed_refund), ("type", "=", "refund.failed")]
        return self.env["paylink.event"].sudo().search([*waiting, *about], order="created_at", limit=1).created_at

    # === CHARGES === #

    def _paylink_stripe_apply_charge(self, charge):
        """What the customer paid with; and refunds made in the dashboard that we have not heard of."""
        if charge["status"] == "failed":
            return  # its intent tells it
        self._paylink_stripe_adopt(paylink_stripe_intent=id_of(charge.get("payment_intent")))
        self._paylink_stripe_note(charge)
        if charge["amount_refunded"] > self._paylink_stripe_refunded_minor():
            stripe = self.provider_id._paylink_stripe()
            for refund in reversed(list(stripe.refunds(charge=charge["id"]))):
                tx = self._paylink_stripe_find(self.provider_id, [refund])[0] or self
                tx._paylink_stripe_apply(refund)

    def _paylink_stripe_note(self, charge):
        """Keep what the customer paid with, and the fee once Stripe has booked it."""
        if charge["status"] == "failed":
            return
        self.paylink_stripe_charge = charge["id"]
        details = charge.get("payment_method_details") or {}
        if kind := details.get("type"):
            known = details.get(kind) or {}
            self.paylink_method_display = self._paylink_stripe_method_name(kind, known)
            self._paylink_stripe_note_method(kind, known)
            self._paylink_stripe_note_capture(known)
        self._paylink_stripe_note_charged(charge)
        booked = charge.get("balance_transaction")
        if isinstance(booked, dict):
            self._paylink_stripe_note_fee(booked)

    def _paylink_stripe_note_method(self, kind, known):
        """The method of the transaction is the one used: what it can do (refunds…) is known of it."""
        codes = [known.get("brand"), "card"] if kind == "card" else [STRIPE_METHODS.get(kind, kind)]
        methods = self.env["payment.method"].with_context(active_test=False).search([("code", "in", codes)])
        by_code = {method.code: method for method in methods}
        method = next((by_code[code] for code in codes if code in by_code), None)
        if method and method != self.payment_method_id:
            self.payment_method_id = method

    def _paylink_stripe_method_name(self, kind, known):
        """As in “Visa •••• 4242 (Apple Pay)”."""
        name = (known.get("brand") if kind == "card" else None) or kind
        name = METHOD_NAMES.get(name) or name.replace("_", " ").title()
        wallet = (known.get("wallet") or {}).get("type")
        last4 = f" •••• {known['last4']}" if known.get("last4") else ""
        return f"{name}{last4}" + (f" ({wallet.replace('_', ' ').title()})" if wallet else "")

    def _paylink_stripe_note_fee(self, booked):
        """The fee, in the currency that Stripe settles in.

        :param dict booked: a balance transaction
        """
        code = booked["currency"].upper()
        currency = self.env["res.currency"].with_context(active_test=False).search([("name", "=", code)], limit=1)
        if currency:
            fee = float(to_major(booked["fee"], code))
            self.write({"paylink_fee": fee, "paylink_fee_currency_id": currency.id})
        if self.paylink_todo == "details" and not self._paylink_stripe_lacks_details():
            self.paylink_todo = False

    def _paylink_stripe_lacks_details(self):
        """Whether the method to store, or the fee, is still to be asked for. Before the capture there is no fee."""
        if self.operation in ("refund", "validation") or self.source_transaction_id:
            return False
        return self.tokenize or (self.state == "done" and not self.paylink_fee_currency_id)

    # === STORED METHODS === #

    def _paylink_stripe_apply_setup_intent(self, setup):
        """A method was stored, could not be, or will be when the customer has confirmed small deposits, days later."""
        self._paylink_stripe_adopt(paylink_stripe_intent=setup["id"])
        if setup["status"] == "succeeded":
            self._paylink_stripe_stored(setup)
        elif setup["status"] == "canceled":
            self._paylink_stripe_set_state("cancel")
        elif (setup.get("next_action") or {}).get("type") == "verify_with_microdeposits":
            self._paylink_stripe_set_state("pending")
        elif error := setup.get("last_setup_error"):
            method = id_of(error.get("payment_method")) or setup["id"]
            refuse = self._paylink_stripe_fail if self.state == "pending" else self._paylink_stripe_count_decline
            refuse(error, method)

    def _paylink_stripe_stored(self, setup):
        """Which method it is, a message does not say: it is asked for."""
        self.tokenize = self.tokenize or (self.operation == "validation" and not self.token_id)
        self._paylink_stripe_set_state("done")
        if self.tokenize and not isinstance(setup.get("payment_method"), dict):
            stripe = self.provider_id._paylink_stripe()
            self._process(STRIPE_CODE, stripe.setup_intent(setup["id"], expand=["payment_method"]))

    def _paylink_stripe_apply_paylink_refusal(self, refusal):
        """What we asked for was declined or refused; see :meth:`_paylink_stripe_refusal`."""
        if refusal.get("key"):  # nothing was done: it is sent as if for the first time
            self.paylink_sent_at = False
            self._paylink_tell_managers("key", refusal["message"])
            return
        self.paylink_todo = False
        self._paylink_stripe_adopt(paylink_stripe_intent=refusal.get("intent"))
        if refusal.get("gone"):
            self.token_id._paylink_gone()
            self.paylink_never_again = True
        if refusal["declined"]:
            self._paylink_stripe_fail(refusal)
        elif self._paylink_stripe_set_state("error", refusal["message"]) and self.source_transaction_id:
            self._paylink_stripe_report_failure(refusal["message"])
