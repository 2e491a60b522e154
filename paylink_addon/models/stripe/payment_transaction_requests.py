"""Stage of ``payment.transaction``: what is asked of Stripe, and looked up there."""

import logging
from datetime import timedelta
from functools import partial

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import LazyTranslate, format_amount

from ...const import Task
from ...tools.locks import unless_busy
from ...tools.stripe_client import with_metadata
from ...tools.stripe_errors import StripeAbsent, StripeDeclined, StripeFailure, StripeRefused, redact
from ..link.payment_transaction_requests import MONEY
from .const import STRIPE_CODE
from .payment_transaction import PaylinkStripeMismatch
from .payment_transaction_apply import INTENT_EXPAND

_lt = LazyTranslate(__name__)

_logger = logging.getLogger(__name__)
# Stripe forgets idempotency keys after 24 hours: later, a repetition would be a new request.
KEY_LIFE = timedelta(hours=23)
# What else than money Stripe is asked for.
TODO = [
    ("expire", "Close the payment page"),
    ("details", "Ask for the fee and the method"),
]
# Why Stripe refuses to refund or capture: https://docs.stripe.com/error-codes. What else it says is quoted.
REFUSALS = {
    "charge_already_refunded": _lt("The payment has been refunded already, at Stripe."),
    "charge_disputed": _lt("The payment is disputed: the customer's bank decides about it."),
    "charge_already_captured": _lt("The payment has been captured already."),
    "charge_expired_for_capture": _lt("The authorization has expired."),
    "balance_insufficient": _lt("There is not enough money in the Stripe account."),
    "insufficient_funds": _lt("There is not enough money in the Stripe account."),
    "amount_too_small": _lt("The amount is smaller than Stripe allows."),
    "amount_too_large": _lt("The amount is larger than Stripe allows."),
}
GONE_TEXT = _lt("The payment method was removed: the customer, or the bank, does not want it to be charged anymore.")
# What else says that a stored method, or the consent to charge it, is not there anymore.
GONE = ("payment_method_unexpected_state", "payment_intent_mandate_invalid")
# An object of live mode was asked for with a test key, or the other way round.
OTHER_MODE = "a similar object exists in"
# How long the fee of a payment is asked for.
DETAILS_LIFE = timedelta(hours=6)
SESSION_EXPAND = ("payment_intent.latest_charge.balance_transaction", "setup_intent.payment_method")


class PaymentTransactionRequests(models.Model):
    """Stripe's part in what is asked of providers: the hooks of :mod:`..link.payment_transaction_requests`.

    A repetition has the same key, so Stripe carries it out once.
    """

    _inherit = "payment.transaction"

    paylink_todo = fields.Selection(selection_add=TODO)
    paylink_stripe_ask_at = fields.Datetime(
        string="Next Look-up",
        copy=False,
        readonly=True,
        help="When Stripe is asked about the outcome, unless it reports it before.",
    )

    # === ASKING === #

    def _paylink_prepare_stripe_checkout(self, todo):
        """In progress until Stripe has answered. What is released is all there is, in whatever amount.

        :raises UserError: an amount that Stripe can't express
        """
        if todo != "void":
            self._paylink_stripe_minor()
        return True

    def _paylink_ask_stripe_checkout(self, todo):
        """Send a request; a refusal is an answer, too.

        :raise StripeFailure: no answer, or not now: the wish stays, and is sent again with the same key
        """
        ask = getattr(self, f"_paylink_stripe_ask_{todo}")
        return _answers(self._paylink_stripe_ask_for_money(ask) if todo in MONEY else ask())

    def _paylink_stripe_ask_for_money(self, ask):
        """Stripe's answer, or a refusal in the place of one."""
        try:
            return ask()
        except StripeDeclined as error:
            return self._paylink_stripe_refusal(error.message, error)
        except (StripeRefused, StripeAbsent) as error:
            _logger.info("%s: %s was refused: %s", self.reference, self.paylink_todo, error)
            if self.paylink_todo == "charge" and self._paylink_stripe_is_gone(error):
                return self._paylink_stripe_refusal(GONE_TEXT, gone=True)
            if getattr(error, "about_key", False) and self._paylink_waits_for_key():
                return self._paylink_stripe_refusal(error.message) | {"key": True}
            return self._paylink_stripe_refusal(
                REFUSALS.get(error.code) or _lt("Stripe refused the request: “%(reason)s”", reason=error.message)
            )

    def _paylink_waits_for_key(self):
        """Hook: whether a request that nobody waits for is sent when the provider's key works again."""
        return False

    def _paylink_is_put_off(self, todo):
        """While Stripe refuses the key it is asked once a run, not for each charge."""
        until = self.provider_id.sudo().paylink_stripe_pause_until
        is_paused = until and until > fields.Datetime.now() and not self.paylink_sent_at
        return bool(is_paused and todo == "charge" and self._paylink_waits_for_key()) or super()._paylink_is_put_off(
            todo
        )

    def _paylink_stripe_is_gone(self, error):
        """Whether Stripe does not have the stored method anymore; not that the key is another account's."""
        is_absent = isinstance(error, StripeAbsent) and error.param in ("customer", "payment_method")
        knows = self.token_id._paylink_is_reachable() and OTHER_MODE not in error.message
        return knows and (is_absent or error.code in GONE)

    def _paylink_seek_stripe_checkout(self, todo):
        """What became of a request that was sent before; a refusal, if Stripe has not got it while its key lived.

        :raise StripeFailure: it can't be told now
        """
        found = getattr(self, f"_paylink_stripe_seek_{todo}")()
        if not found and self.paylink_sent_at + KEY_LIFE < fields.Datetime.now():
            found = self._paylink_stripe_refusal(_lt("Stripe has never received the request."))
        return _answers(found)

    def _paylink_answered_stripe_checkout(self):
        """Book what the answer has settled, for the user who waits for it; the jobs do it where this fails. Commits."""
        payment = self._paylink_stripe_payment()
        for tx in (self | payment | payment.child_transaction_ids).with_user(SUPERUSER_ID):
            if tx.state in ("done", "cancel", "error") and not tx.is_post_processed:
                tx._paylink_stripe_try_to_book()

    def _paylink_stripe_try_to_book(self):
        if self.paylink_id:
            if self._paylink_long():
                self._paylink_wake_booking()
            else:
                self._paylink_try_to_book()
            self.env.cr.commit()  # pylint: disable=invalid-commit
            return
        try:
            self._post_process()
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except Exception as error:  # noqa: BLE001  Odoo's job tries again, and logs what is wrong
            self.env.cr.rollback()
            _logger.info("%s is booked later: %s", self.reference, error)

    def _paylink_not_sent_stripe_checkout(self, error):
        """The wish stays, and is sent again with the same key; people are told of an answer that does not fit."""
        if isinstance(error, PaylinkStripeMismatch):
            self._paylink_stripe_refuse_answer(error)
        elif isinstance(error, StripeFailure):
            _logger.info("%s: %s is tried again later: %s", self.reference, self.paylink_todo, error)
        else:
            _logger.error("%s: %s failed", self.reference, self.paylink_todo, exc_info=error)

    @api.model
    def _paylink_stripe_refusal(self, message, error=None, gone=False):
        """An answer in the form of an object, so that it is kept and applied as Stripe's are.

        :param message: see :func:`~..tools.texts.said`
        :param StripeDeclined error: where the customer's bank declined
        :param bool gone: whether the stored method is not there anymore
        """
        return {
            "object": "paylink.refusal",
            "message": message,
            "declined": bool(error),
            "gone": gone,
            "code": getattr(error, "code", None),
            "decline_code": getattr(error, "decline_code", None),
            "advice_code": getattr(error, "advice_code", None),
            "intent": getattr(error, "payment_intent", None),
        }

    # === WHAT MOVES NO MONEY === #

    def _paylink_stripe_ask_expire(self):
        """Close the page, or the declined charge. Where the customer was faster, what they paid is taken instead."""
        stripe = self.provider_id._paylink_stripe()
        session_id, key = self.paylink_stripe_session, f"{self.paylink_key}-expire"
        intent_id = self.paylink_stripe_intent
        self.env.cr.commit()  # pylint: disable=invalid-commit
        try:
            if session_id:
                return stripe.session_expire(session_id, key=key)
            return stripe.intent_cancel(intent_id, key=key)
        except StripeRefused:
            if session_id:
                return stripe.session(session_id, expand=SESSION_EXPAND)
            return stripe.intent(intent_id, expand=INTENT_EXPAND)
        except StripeAbsent:
            return self._paylink_stripe_refusal(_lt("The payment page does not exist."))

    def _paylink_stripe_ask_details(self):
        """The method used and the fee, which is booked a moment after the payment."""
        if self.last_state_change + DETAILS_LIFE < fields.Datetime.now():
            self.paylink_todo = False
            return None
        try:
            return self._paylink_stripe_fetch(self.paylink_stripe_intent) if self.paylink_stripe_intent else None
        except (StripeAbsent, StripeRefused) as error:
            self.paylink_todo = False
            _logger.info("%s: no details: %s", self.reference, error)
            return None

    # === LOOKING UP === #

    def _paylink_stripe_lookup(self):
        """Ask Stripe what became of these transactions: of unknown outcomes, and of pages whose end we never heard.

        Commits after each. What can't be asked now is left for the next time.
        """
        for tx in self:
            if tx.paylink_todo:
                tx._paylink_send()
                continue
            try:
                if found := tx._paylink_stripe_current():
                    tx._paylink_apply([(STRIPE_CODE, found)])
            except (PaylinkStripeMismatch, StripeAbsent) as error:
                tx._paylink_stripe_refuse_answer(error)
            except StripeFailure as error:
                self.env.cr.rollback()
                _logger.info("%s could not be looked up: %s", tx.reference, error)

    def _paylink_stripe_current(self):
        """The object that tells what became of the transaction, as it is now, or ``None``."""
        stripe = self.provider_id._paylink_stripe()
        if self.paylink_stripe_refund:
            return stripe.refund(self.paylink_stripe_refund)
        if self.paylink_stripe_session:
            return stripe.session(self.paylink_stripe_session, expand=SESSION_EXPAND)
        if self.paylink_stripe_intent:
            return stripe.intent(self.paylink_stripe_intent, expand=INTENT_EXPAND)
        return None

    def _paylink_stripe_seek(self, objects):
        """Of Stripe's ``objects`` the one that was made for this transaction, if any."""
        metadata = self._paylink_stripe_metadata()
        return next(with_metadata(objects, paylink_tx=metadata["paylink_tx"], paylink_db=metadata["paylink_db"]), None)

    def _paylink_try_to_look_up(self):
        """Look one transaction up; what can't be booked keeps nobody from the next one."""
        self.ensure_one()
        try:
            self._paylink_stripe_lookup()
        except Exception:
            self.env.cr.rollback()
            _logger.exception("%s could not be looked up", self.reference)

    # === ANSWERS THAT DO NOT FIT === #

    def _paylink_stripe_refuse_answer(self, error):
        """What Stripe answers about this transaction can't be: undo it, and tell people. Commits."""
        self.ensure_one()
        self.env.cr.rollback()
        _logger.info("%s: Stripe's answer was refused: %s", self.reference, error)
        with unless_busy(self.env):  # it is asked again, and told then
            self._paylink_tell_managers("answer", redact(str(error)))
            self.env.cr.commit()  # pylint: disable=invalid-commit

    # === WHAT MANAGERS HAVE TO KNOW === #

    def _paylink_tell_managers(self, kind, reason):
        """Give the payment managers a task, on the link if it is about that; once, until it is done.

        :param str kind: ``answer``: Stripe's does not fit, and is not told of again; ``page``: it refuses to open that
            of this payment; ``key``: it refuses the provider's key
        :param str reason: what Stripe says, or is wrong with it
        """
        link = self.paylink_id or None
        if kind == "key":
            self.provider_id._paylink_stripe_note_key(refused=True)
        key, record, about = {
            "answer": (Task.ANSWER_REFUSED, link, self),
            "page": (Task.PAGE_REFUSED, link, None if link else self),  # the next try is another transaction
            "key": (Task.KEY_REFUSED, None, self.provider_id),
        }[kind]
        texts = partial(getattr(self, f"_paylink_{kind}_texts"), reason)
        managers = self.company_id._paylink_managers()
        self.env["paylink.task.mixin"]._give(record, key, texts, managers, about=about, ever=kind == "answer")

    def _paylink_answer_texts(self, reason, env):
        return env._("The provider's answer about %(reference)s was refused", reference=self.reference), env._(
            "%(provider)s was asked about payment %(reference)s of %(partner)s. Its answer does not match the "
            "payment, so nothing was changed. The reason: %(reason)s Compare the payment at the provider with the one "
            "in Odoo.",
            **self.with_env(env)._paylink_task_facts(reason),
        )

    def _paylink_page_texts(self, reason, env):
        document = self.paylink_id.name or self.reference
        return env._("The payment page of %(document)s can't be opened", document=document), env._(
            "%(partner)s tried to pay %(reference)s by %(provider)s, which refused to open its payment page. The "
            "reason: %(reason)s The customer was told that paying is not possible at the moment.",
            **self.with_env(env)._paylink_task_facts(reason),
        )

    def _paylink_key_texts(self, reason, env):
        provider = self.provider_id.with_env(env).name
        if self.operation == "offline":
            amount = format_amount(env, self.amount, self.currency_id)
            return env._("Nobody can pay by %(provider)s: its key is refused", provider=provider), env._(
                "%(amount)s was to be charged to the stored method of %(partner)s (%(reference)s) by %(provider)s, and "
                "could not be. Nothing can be charged or paid at the moment, because Stripe refuses the key. The "
                "reason: %(reason)s An administrator must check “Stripe Secret Key” on the provider and, for a "
                "restricted key, its permissions.",
                amount=amount,
                **self.with_env(env)._paylink_task_facts(reason),
            )
        return env._("Nobody can pay by %(provider)s: its key is refused", provider=provider), env._(
            "%(partner)s tried to pay %(reference)s by %(provider)s and could not. Nobody can at the moment, because "
            "Stripe refuses the key. The reason: %(reason)s An administrator must check “Stripe Secret Key” on the "
            "provider and, for a restricted key, its permissions.",
            **self.with_env(env)._paylink_task_facts(reason),
        )

    def _paylink_task_facts(self, reason):
        return {
            "provider": self.provider_id.name,
            "reference": self.reference,
            "partner": self.partner_id.display_name,
            "reason": reason,
        }


def _answers(found):
    """An object of Stripe's, or ``None``, as the answers of a provider."""
    return [(STRIPE_CODE, found)] if found else None
