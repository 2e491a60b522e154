"""Stage of ``payment.transaction``: what is asked of Stripe, once each."""

import logging
from datetime import timedelta
from functools import partial

from odoo import SUPERUSER_ID, api, fields, models

from ...const import Task
from ...tools.locks import unless_busy
from ...tools.stripe_client import with_metadata
from ...tools.stripe_errors import StripeAbsent, StripeDeclined, StripeFailure, StripeRefused, redact
from .const import STRIPE_CODE
from .payment_transaction import PaylinkStripeMismatch
from .payment_transaction_apply import INTENT_EXPAND

_logger = logging.getLogger(__name__)
# Stripe forgets idempotency keys after 24 hours: later, a repetition would be a new request.
KEY_LIFE = timedelta(hours=23)
# What is asked of Stripe once the wish is stored; the first four move money.
TODO = [
    ("charge", "Charge the stored method"),
    ("refund", "Refund"),
    ("capture", "Capture"),
    ("void", "Void"),
    ("expire", "Close the payment page"),
    ("details", "Ask for the fee and the method"),
]
MONEY = ("charge", "refund", "capture", "void")
# How long the fee of a payment is asked for.
DETAILS_LIFE = timedelta(hours=6)
SESSION_EXPAND = ("payment_intent.latest_charge.balance_transaction", "setup_intent.payment_method")


class PaymentTransactionRequests(models.Model):
    """Requests to Stripe: stored with a key, committed, sent, and their answers applied, whatever fails in between.

    A database transaction that is run again (a conflict, a crash) would repeat what it sent. So nothing is sent in
    it: ``paylink_stripe_todo`` says what is to be sent, which is done after the commit, and by a job where that was
    not possible. A repetition has the same key, so Stripe carries it out once.
    """

    _inherit = "payment.transaction"

    paylink_stripe_todo = fields.Selection(
        TODO, string="To be sent to Stripe", copy=False, readonly=True, index="btree_not_null"
    )
    paylink_stripe_sent_at = fields.Datetime(
        string="First sent to Stripe", copy=False, readonly=True, help="Set before a request that moves money is sent."
    )
    paylink_stripe_ask_at = fields.Datetime(
        string="Next Look-up",
        copy=False,
        readonly=True,
        help="When Stripe is asked about the outcome, unless it reports it before.",
    )

    # === STORING THE WISH === #

    def _paylink_sends_at_once(self):
        """After the commit: a part of the wish that was committed alone would never be sent."""
        return not self._paylink_is_stripe() and super()._paylink_sends_at_once()

    def _paylink_stripe_queue(self, todo, after_commit=True):
        """Have something asked of Stripe once this database transaction is committed.

        What moves money is sent right after the commit, the rest by the job.

        :param str todo: a key of :data:`TODO`
        :param bool after_commit: False where the caller sends it
        """
        if not self:
            return
        self.write({"paylink_stripe_todo": todo, "paylink_stripe_sent_at": False})
        if todo in MONEY and after_commit:
            self._paylink_stripe_send_after_commit()
        elif todo == "expire" or any(tx.tokenize for tx in self):
            self.env.ref("paylink_addon.ir_cron_paylink_stripe_send").sudo()._trigger()

    def _paylink_stripe_send_after_commit(self):
        ids, registry = self.ids, self.env.registry

        @self.env.cr.postcommit.add
        def send():
            try:
                with registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    env["payment.transaction"].browse(ids)._paylink_stripe_send()
            except Exception:
                _logger.exception("What is to be sent for transactions %s is left to the job", ids)

    # === SENDING === #

    @api.model
    def _cron_paylink_stripe_send(self):
        """Send what could not be sent right after it was stored."""
        waiting = self.search([("paylink_stripe_todo", "!=", False)], order="id")
        for tx in waiting:
            tx._paylink_stripe_send()
            self.env["ir.cron"]._commit_progress(1)

    def _paylink_stripe_send(self):
        """Send what is to be sent for these transactions, each in database transactions of its own. Commits."""
        for tx in self.sorted("id"):
            try:
                tx._paylink_stripe_send_one()
            except PaylinkStripeMismatch as mismatch:
                tx._paylink_stripe_refuse_answer(mismatch)
            except StripeFailure as error:
                self.env.cr.rollback()
                _logger.info("%s: %s is tried again later: %s", tx.reference, tx.paylink_stripe_todo, error)
            except Exception:
                self.env.cr.rollback()
                _logger.exception("%s: %s failed", tx.reference, tx.paylink_stripe_todo)

    def _paylink_stripe_send_one(self):
        self.ensure_one()
        todo = self.paylink_stripe_todo
        if not todo:
            return
        answer = self._paylink_stripe_ask(todo) if todo in MONEY else getattr(self, f"_paylink_stripe_ask_{todo}")()
        if answer:
            # In a transaction of its own: the question may have taken long, and others have written meanwhile.
            self._paylink_apply([(STRIPE_CODE, answer)])
            if todo in MONEY:
                self._paylink_stripe_book()

    def _paylink_stripe_book(self):
        """Book what the answer has settled, for the user who waits for it; the jobs do it where this fails."""
        payment = self._paylink_stripe_payment()
        for tx in self | payment | payment.child_transaction_ids:
            if tx.state in ("done", "cancel", "error") and not tx.is_post_processed:
                tx._paylink_stripe_try_to_book()

    def _paylink_stripe_try_to_book(self):
        if self.paylink_id:
            self._paylink_try_to_book()
            self.env.cr.commit()  # pylint: disable=invalid-commit
            return
        try:
            self._post_process()
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except Exception as error:  # noqa: BLE001  Odoo's job tries again, and logs what is wrong
            self.env.cr.rollback()
            _logger.info("%s is booked later: %s", self.reference, error)

    def _paylink_stripe_ask(self, todo):
        """Send a request that moves money, and return Stripe's answer, or a refusal in the place of one.

        :raise StripeFailure: no answer, or not now: the wish stays, and is sent again with the same key
        """
        repeated = bool(self.paylink_stripe_sent_at)
        if not repeated:
            self.paylink_stripe_sent_at = fields.Datetime.now()
        self.env.cr.commit()  # pylint: disable=invalid-commit
        found = repeated and getattr(self, f"_paylink_stripe_seek_{todo}")()
        if found:
            return found
        if repeated and self.paylink_stripe_sent_at + KEY_LIFE < fields.Datetime.now():
            return self._paylink_stripe_refusal(self._paylink_reader_env()._("Stripe has never received the request."))
        try:
            return getattr(self, f"_paylink_stripe_ask_{todo}")()
        except StripeDeclined as error:
            return self._paylink_stripe_refusal(error.message, error)
        except (StripeRefused, StripeAbsent) as error:
            _logger.info("%s: %s was refused: %s", self.reference, todo, error)
            return self._paylink_stripe_refusal(
                self._paylink_reader_env()._("Stripe refused the request: %(reason)s", reason=error.message)
            )

    @api.model
    def _paylink_stripe_refusal(self, message, error=None):
        """An answer in the form of an object, so that it is kept and applied as Stripe's are.

        :param StripeDeclined error: where the customer's bank declined
        """
        return {
            "object": "paylink.refusal",
            "message": message,
            "declined": bool(error),
            "code": getattr(error, "code", None),
            "decline_code": getattr(error, "decline_code", None),
            "intent": getattr(error, "payment_intent", None),
        }

    # === WHAT MOVES NO MONEY === #

    def _paylink_stripe_ask_expire(self):
        """Close the page. Where the customer was faster, what they paid is taken instead."""
        stripe = self.provider_id._paylink_stripe()
        session_id, key = self.paylink_stripe_session, f"{self.paylink_stripe_key}-expire"
        self.env.cr.commit()  # pylint: disable=invalid-commit
        try:
            return stripe.session_expire(session_id, key=key)
        except StripeRefused:
            return stripe.session(session_id, expand=SESSION_EXPAND)
        except StripeAbsent:
            return self._paylink_stripe_refusal(self._paylink_reader_env()._("The payment page does not exist."))

    def _paylink_stripe_ask_details(self):
        """The method used and the fee, which is booked a moment after the payment."""
        if self.last_state_change + DETAILS_LIFE < fields.Datetime.now():
            self.paylink_stripe_todo = False
            return None
        try:
            return self._paylink_stripe_fetch(self.paylink_stripe_intent) if self.paylink_stripe_intent else None
        except (StripeAbsent, StripeRefused) as error:
            self.paylink_stripe_todo = False
            _logger.info("%s: no details: %s", self.reference, error)
            return None

    # === LOOKING UP === #

    def _paylink_stripe_lookup(self):
        """Ask Stripe what became of these transactions: of unknown outcomes, and of pages whose end we never heard.

        Commits after each. What can't be asked now is left for the next time.
        """
        for tx in self:
            if tx.paylink_stripe_todo:
                tx._paylink_stripe_send()
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

    # === LOOKING UP SILENT PAYMENTS === #

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

    # === ACTIONS === #

    def action_paylink_view_events(self):
        """Show administrators what the provider has told about this transaction."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_event_action")
        return action | {"domain": [("transaction_id", "=", self.id)], "context": {}}
