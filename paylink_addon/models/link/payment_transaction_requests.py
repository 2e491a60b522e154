"""Stage of ``payment.transaction``: what is asked of providers, once each."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.modules import module
from odoo.tools import format_amount, split_every
from psycopg2 import OperationalError
from requests.exceptions import RequestException

from ...tools.answers import Answers, NoAnswer, NotSent, may_be_done
from ...tools.hooks import named_hook
from ...tools.locks import WAIT, a_slot, hold_and_touch
from .payment_transaction import ON_REQUEST

_logger = logging.getLogger(__name__)
BOOKED_AFTER = timedelta(minutes=2)
# Who pays more items than these does not wait for the books.
MANY_ITEMS = 500
# What is asked, and moves money; a provider may add what does not.
TODO = [
    ("charge", "Charge the stored method"),
    ("refund", "Refund"),
    ("capture", "Capture"),
    ("void", "Release"),
]
MONEY = tuple(todo for todo, _label in TODO)
# How Odoo asks for it.
SENDERS = {
    "charge": "_send_payment_request",
    "refund": "_send_refund_request",
    "capture": "_send_capture_request",
    "void": "_send_void_request",
}
# How often an answer is applied when others change the same rows.
MAX_TRIES = 5
# How many charges the job has in flight at once: it waits for the slowest provider, not for one after the other. Each
# takes a connection of its own. The slots of those who wait on pages are not its business: it has a worker to itself.
BESIDE = 8
# How many seconds it lets them be before it books what was answered meanwhile, and looks at the clock.
PAUSE = 1.0


class PaymentTransactionRequests(models.Model):
    """Requests to providers: stored, committed, sent, and their answers applied, whatever fails in between.

    A database transaction that is run again (a conflict, a crash) would repeat what it sent. So nothing is sent in it:
    ``paylink_todo`` says what is to be sent, which is done after the commit, and by a job where that was not possible.
    That it is about to be sent is committed, too, before it is.

    The provider's part are hooks, found by its code (:meth:`_paylink_of_provider`). Where a provider has none of its
    own, the one that ends in ``_general`` asks by Odoo's methods:

    - ``_paylink_prepare_<code>(todo)``: refuse now what it could never do; whether it is in progress from now on;
    - ``_paylink_ask_<code>(todo)``: send the request, with ``paylink_key`` as its key, and return the answers as
      ``(provider_code, payment_data)``, or ``None`` where there is none yet. Whoever applies them ends the wish;
    - ``_paylink_seek_<code>(todo)``: what became of a request that was sent before, in the same form; nothing where it
      has to be sent again. Of a provider without this hook a request is sent once: if it does not answer, the
      transaction stays in progress until its own message comes, or somebody has looked there (``paylink_answer``);
    - ``_paylink_answered_<code>()``: what follows from the answers to a request that moves money;
    - ``_paylink_not_sent_<code>(error)``: what to do about an exception; the database transaction is undone already.
    """

    _inherit = "payment.transaction"

    paylink_key = fields.Char(
        string="Idempotency Key",
        copy=False,
        readonly=True,
        groups="base.group_system",
        help="Random, one per attempt: a request that is repeated with it is carried out once.",
    )
    paylink_todo = fields.Selection(
        TODO, string="To be sent to the provider", copy=False, readonly=True, index="btree_not_null"
    )
    paylink_asked = fields.Selection(TODO, string="Asked of the provider", copy=False, readonly=True)
    paylink_sent_at = fields.Datetime(
        string="First sent", copy=False, readonly=True, help="Set before a request that moves money is sent."
    )

    paylink_answer = fields.Selection(
        [("awaited", "Awaited"), ("lost", "Lost")],
        string="Provider's Answer",
        copy=False,
        readonly=True,
        index="btree_not_null",
        help="Of providers that can't be asked later what became of a request: it was sent, and is not answered.",
    )

    # === ASKING === #

    def _paylink_request(self, todo, amount=None, **values):
        """Ask the provider for something, once, and apply its answer. Commits.

        Whatever undoes this before the wish is committed undoes all of it, and nothing was sent: the call may be run
        again. After that nothing runs it again. Callers have checked the rights; ``self`` is in sudo mode.

        :param str todo: a key of :data:`TODO`
        :param float amount: how much of the payment, in its currency; ``None``: all that is left of it
        :param values: further ones of the transaction of a refund, capture or void
        :return: what Odoo's own actions return: a notification
        :raises UserError: it can't be asked of the provider; nothing is stored
        """
        self.ensure_one()
        self._ensure_provider_is_not_disabled()
        wish = self if todo == "charge" else self._paylink_operation(todo, amount, values)
        wish._log_sent_message()
        wish._paylink_wish(todo)
        self.env.cr.commit()  # pylint: disable=invalid-commit
        wish.with_context(paylink_request=True)._paylink_send_now()
        return wish._build_action_feedback_notification()

    def _paylink_operation(self, todo, amount, values):
        """The transaction of a refund, capture or void.

        The payment is held: who hears of its outcome at the same time is run again, and finds this, or we find that.
        What was captured and then voided would be booked twice.

        :raises UserError: the payment is not in the state for that anymore
        """
        hold_and_touch(self)
        if self.state != ("done" if todo == "refund" else "authorized"):
            raise UserError(
                self.env._(
                    "Payment %(reference)s has changed in the meantime: reload the page.", reference=self.reference
                )
            )
        source = self.with_context(payment_backend_action=True)
        amount = source._paylink_checked_amount(todo, amount)
        return source._create_child_transaction(amount, is_refund=todo == "refund", **values)

    def _paylink_wish(self, todo):
        """Store what is to be asked, of each; it is sent after the commit.

        :param str todo: a key of :data:`TODO`
        :raises UserError: the provider could never do it
        """
        self._paylink_store_wish(todo, self.filtered(lambda tx: tx._paylink_check_wish(todo)))

    def _paylink_store_wish(self, todo, started):
        """:param started: which of these are in progress from now on"""
        started._set_pending()
        self._paylink_queue(todo)

    def _paylink_check_wish(self, todo):
        """Whether the transaction is in progress as soon as the wish is stored: see :meth:`_paylink_wish`."""
        if todo == "charge":
            self._paylink_check_limits()
        return self._paylink_of_provider("prepare")(todo)

    def _paylink_wish_charges(self):
        """Store the wishes to charge stored methods, all at once; what can't be charged fails, and keeps no other."""
        self._paylink_in_one_batch(lambda own: own._paylink_wish_each())
        self._paylink_wake_sender()

    def _paylink_wish_each(self):
        self._log_sent_message()
        fitting = started = self.browse()
        for tx in self:
            try:
                if tx._paylink_check_wish("charge"):
                    started |= tx
                fitting |= tx
            except UserError as error:  # an amount that the provider can't take
                tx._set_error(str(error))
        fitting._paylink_store_wish("charge", started)

    def _paylink_queue(self, todo):
        """Have something sent by the job, if nobody sends it before.

        :param str todo: a key of :data:`TODO`, or what a provider has added
        """
        asked = {"paylink_asked": todo} if todo in MONEY else {}
        self.write({"paylink_todo": todo, "paylink_sent_at": False, **asked})

    @api.model
    def _paylink_wake_sender(self):
        """Have the job send what is to be sent as soon as this is committed."""
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_send")

    def _paylink_wish_and_send(self, todo):
        """Store what is to be asked, and have it sent after the commit: for what Odoo's own code asks of a provider."""
        self._paylink_wish(todo)
        self._paylink_send_after_commit()

    def _paylink_send_after_commit(self):
        """Send what is to be sent right after this database transaction, if it is committed: see
        :meth:`_paylink_send_now`. Whoever has asked for it waits for the answer, and sees it.
        """
        ids, registry = self.ids, self.env.registry

        @self.env.cr.postcommit.add
        def send():
            try:
                with registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    wishes = env["payment.transaction"].browse(ids)
                    wishes.with_context(paylink_request=True)._paylink_send_now()
            except Exception:
                _logger.exception("What is to be sent for transactions %s is left to the job", ids)

    def _paylink_check_limits(self):
        """Refuse what the provider can't take: see ``payment.provider._paylink_limits``.

        :raises UserError: with the reason
        """
        self.ensure_one()
        if reason := self.provider_id._paylink_refusal_text(self.currency_id, self.amount, self.partner_id):
            raise UserError(
                self.env._(
                    "%(provider)s can't take %(amount)s. %(reason)s",
                    provider=self.provider_id.name,
                    amount=format_amount(self.env, self.amount, self.currency_id),
                    reason=reason,
                )
            )

    def _paylink_withdraw_charges(self, reason):
        """Give up charges that were stored, but not sent yet.

        Whoever sends one notes that on the same row, and commits it, before: of the two that change it at the same time
        one fails, and begins again.

        :param reason: what the timeline says: see :func:`~..tools.texts.said`
        """
        unsent = self.filtered(lambda tx: tx.paylink_todo == "charge" and not tx.paylink_sent_at)
        unsent.paylink_todo = False
        unsent.filtered(lambda tx: tx.state in ("draft", "pending"))._paylink_close(reason)

    # === SENDING === #

    @api.model
    def _cron_paylink_send(self):
        """Send what could not be sent right after it was stored."""
        job = self.env["paylink.job.mixin"]
        job._in_turn(self._paylink_send_beside, self._paylink_send_waiting, self._paylink_tell_unanswered)

    @api.model
    def _paylink_send_waiting(self):
        waiting = self.search([("paylink_todo", "!=", False)], order="id")
        return self.env["paylink.job.mixin"]._each(waiting, lambda tx: tx._paylink_send(), take=False, place=ON_REQUEST)

    @api.model
    def _paylink_send_beside(self):
        """Send what is charged to stored methods side by side, each with a cursor of its own; what fails there is left
        to :meth:`_paylink_send_waiting`, with what else waits. The first one of each provider goes ahead: what speaks
        against all of its charges is known then. What is confirmed is booked while others wait for their answers.
        Commits.

        :return: whether all were tried; else the time was up
        """
        charges = self.search(
            [("paylink_todo", "=", "charge"), ("paylink_sent_at", "=", False), ("paylink_id", "!=", False)], order="id"
        )
        if len(charges) < 2 or module.current_test:  # a test has one connection
            return True
        send = partial(_send_one, self.env.registry, getattr(threading.current_thread(), "dbname", None))
        first = [own.ids[:1] for own in charges.grouped("provider_id").values()]
        others = [tx_id for tx_id in charges.ids if [tx_id] not in first]
        pool = ThreadPoolExecutor(BESIDE)
        try:
            return self._paylink_book_as_sent(_as_sent(pool, send, [*first, others]), len(charges))
        finally:
            pool.shutdown(cancel_futures=True)

    @api.model
    def _paylink_book_as_sent(self, sent, left):
        """Book what has been sent, some after some, and look at the clock. Commits.

        :param sent: an iterator of lists of ids, some of which are confirmed
        :param int left: how many there will be in all
        :return: whether all were sent; else the time was up
        """
        # What a worker that is stopped has not booked any more waits no longer than this.
        self._paylink_wake_booking(at=fields.Datetime.now() + BOOKED_AFTER)
        self.env.cr.commit()  # pylint: disable=invalid-commit
        for ids in sent:
            left -= len(ids)
            if not self.env["ir.cron"]._commit_progress(len(ids), remaining=left):
                break
            self.browse(ids)._paylink_book_meanwhile()
        self._paylink_wake_booking()  # of what has not been booked yet
        return not left

    @api.model
    def _paylink_wake_booking(self, at=None):
        """Have the job book what is confirmed as soon as this is committed, or at some moment."""
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_book", at)

    def _paylink_long(self):
        """Those that have paid so many items that booking them takes longer than anybody waits for an answer, and
        nearly as long as a worker may take: that is left to the job, which books each alone.
        """
        return self.filtered(lambda tx: tx.state == "done" and len(tx.paylink_id.line_ids) > MANY_ITEMS)

    def _paylink_book_meanwhile(self):
        """Book those of these that are confirmed, and tell who has to know, while the job waits for others; what fails
        is left to the job that books. Commits.
        """
        confirmed = self.filtered(lambda tx: tx.state == "done" and not tx.is_post_processed)
        job, size = self.env["paylink.job.mixin"], confirmed._paylink_set_size()
        confirmed = confirmed.with_context(paylink_booked_at_once=True)
        for ids in split_every(size, confirmed.ids):
            job._do(confirmed.browse(ids), lambda txs: txs._paylink_book_all(), lambda tx, error: job._log(error, tx))
            self.env["ir.cron"]._commit_progress()
        if confirmed:
            self._paylink_tell_booked()

    def _paylink_send_now(self):
        """Send what is to be sent, for whoever waits for it; the job does, where workers enough are busy with something
        slow: until then it is in progress. Commits.
        """
        with a_slot(self.env.cr, wait=WAIT) as is_free:
            if is_free:
                self._paylink_send()
            else:
                self._paylink_wake_sender()
                self.env.cr.commit()  # pylint: disable=invalid-commit

    def _paylink_send(self):
        """Send what is to be sent for these transactions, each in database transactions of its own. Commits."""
        for tx in self.sorted("id"):
            try:
                tx._paylink_send_one()
            except OperationalError as error:
                self.env.cr.rollback()  # somebody else works on the same rows, perhaps on the same wish
                _logger.info("%s: what is to be sent is left to the job: %s", tx.reference, error)
            except Exception as error:  # noqa: BLE001  whatever it is, the provider's part knows what it means
                self.env.cr.rollback()
                tx._paylink_of_provider("not_sent")(error)

    def _paylink_send_one(self):
        self.ensure_one()
        todo = self.paylink_todo
        if not todo:
            return
        if self._paylink_is_put_off(todo):
            return
        moves_money = todo in MONEY
        if moves_money and not self.paylink_sent_at and self._paylink_take_back():
            self.env.cr.commit()  # pylint: disable=invalid-commit
            return
        sent_before = moves_money and self._paylink_note_sent()
        answers = (sent_before and self._paylink_of_provider("seek")(todo)) or self._paylink_of_provider("ask")(todo)
        if answers is None:
            return
        self._paylink_apply(answers)
        if moves_money and not self.env.context.get("paylink_beside"):
            self._paylink_of_provider("answered")()

    def _paylink_is_put_off(self, todo):
        """Hook: whether a request is of no use now, and left to a later run of the job: its provider can't be reached.
        Who waits for the answer has it tried all the same.
        """
        until = self.provider_id.sudo().paylink_pause_until
        return bool(until and until > fields.Datetime.now() and not self.env.context.get("paylink_request"))

    def _paylink_take_back(self):
        """Hook: give up a request that nobody wants anymore, right before it is sent for the first time.

        :return: whether it was given up
        """
        return False

    def _paylink_note_sent(self):
        """Commit that the request is about to be sent; the wish ends with that where it can't be looked up later.

        Two that come here at the same time change the same row: one of them fails, and sends nothing.

        :return: whether it was sent before
        """
        sent_before = bool(self.paylink_sent_at)
        if not sent_before:
            self.paylink_sent_at = fields.Datetime.now()
            if not hasattr(self, f"_paylink_seek_{self.provider_code}"):
                self.write({"paylink_todo": False, "paylink_answer": "awaited"})
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return sent_before

    def _paylink_apply(self, answers):
        """Apply what a provider has answered, in a database transaction that is repeated; it is not asked again.

        :param list answers: ``(provider_code, payment_data)`` as :meth:`_process` gets them
        """
        cr = self.env.cr
        for _try in range(MAX_TRIES):
            try:
                for provider_code, payment_data in answers:
                    self._process(provider_code, payment_data)
                cr.commit()  # pylint: disable=invalid-commit
                return
            except OperationalError:
                cr.rollback()

    # === THE PROVIDER'S PART === #

    def _paylink_of_provider(self, hook):
        """The method of a hook: that of the transaction's provider, else the general one.

        :param str hook: ``prepare``, ``ask``, ``seek``, ``answered`` or ``not_sent``
        """
        self.ensure_one()
        return named_hook(self, f"paylink_{hook}", self.provider_code)

    def _paylink_prepare_general(self, todo):
        """Once a charge is stored, money may be under way; a refund, capture or void waits for the provider's word."""
        return todo == "charge"

    def _paylink_ask_general(self, todo):
        """Ask by Odoo's own method, which applies the answers itself, in the database transaction that it is called in.

        :return: the answers that are still to be applied: all of them, if a conflict has undone it, else none
        """
        answers = Answers()
        asking = self.with_context(paylink_answers=answers)
        try:
            try:
                getattr(asking, SENDERS[todo])()
                self.paylink_answer = False
            except NotSent as error:
                self._paylink_put_back(todo, error)
            except (ValidationError, NoAnswer, RequestException) as error:
                asking._paylink_note_failure(error, is_answered=bool(answers))
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except OperationalError:
            self.env.cr.rollback()
            return answers
        return []

    def _paylink_put_back(self, todo, error):
        """Nothing was sent: the provider can't be reached. It is asked later, by the job. Commits.

        :param str todo: a key of :data:`TODO`
        """
        _logger.info("%s could not be sent: %s", self.reference, error)
        self.paylink_answer = False
        self._paylink_queue(todo)
        self.env.cr.commit()  # pylint: disable=invalid-commit
        self.provider_id.sudo()._paylink_pause()

    def _paylink_note_failure(self, error, is_answered):
        """What was asked for was refused, as in Odoo's ``_refund`` or ``_charge_with_token``; or nobody knows what
        became of it: then it stays in progress, and people are told.

        :param bool is_answered: the provider has said something that could not be taken in
        """
        if is_answered or may_be_done(error):
            _logger.info("%s: the outcome is unknown: %s", self.reference, error)
            self.paylink_answer = "lost"
            self._paylink_wake_sender()
        else:
            self.paylink_answer = False
            self._set_error(str(error))

    def _process(self, provider_code, payment_data):
        """Keep what a provider answers for who has asked: a conflict must not lose it."""
        answers = self.env.context.get("paylink_answers")
        if answers is not None:
            answers.append((provider_code, payment_data))
        found = super()._process(provider_code, payment_data)
        found.filtered("paylink_answer").sudo().paylink_answer = False
        return found

    def _paylink_answered_general(self):
        """Booking what has come is left to the page that the customer comes back to, and to the job."""

    def _paylink_not_sent_general(self, error):
        """Whoever asks right now is told; the job goes on with what else is waiting."""
        if self.env.context.get("paylink_request"):
            raise error
        _logger.error("%s could not be asked for: %s", self.reference, error, exc_info=error)


def _as_sent(pool, send, sets):
    """Send one set after the other, all of each side by side; yield, now and then, the ids of what has been sent.

    :param send: a function of an id
    :param sets: lists of ids
    """
    for ids in sets:
        flights = {pool.submit(send, tx_id): tx_id for tx_id in ids}
        while flights:
            landed, _others = wait(flights, timeout=PAUSE)
            yield sorted(flights.pop(flight) for flight in landed)


def _send_one(registry, dbname, tx_id):
    """Send one charge, in a thread of the job; booking it is left to that, with others that were answered.

    :param int tx_id: of a ``payment.transaction``
    """
    threading.current_thread().dbname = dbname  # as the logs have it
    try:
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {"paylink_beside": True})
            env["payment.transaction"].browse(tx_id)._paylink_send()
    except Exception:
        _logger.exception("What is to be sent for transaction %s is left to the job", tx_id)
