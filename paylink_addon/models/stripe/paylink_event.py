import json
import logging
import time
from datetime import timedelta

import psycopg2
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from psycopg2 import OperationalError

from ...const import Task
from ...tools.locks import hold
from ...tools.parameters import whole_number
from ...tools.stripe_client import API_VERSION, Questions
from ...tools.stripe_errors import StripeFailure, redact
from ...tools.stripe_events import event_values
from ...tools.texts import said
from .const import MOVING_EVENTS, STRIPE_EVENTS
from .payment_transaction import PaylinkStripeMismatch

_logger = logging.getLogger(__name__)
STATES = [
    ("waiting", "Waiting"),
    ("done", "Done"),
    ("ignored", "Ignored"),
    ("failed", "Failed"),
    ("refused", "Refused"),
]
COLUMNS = ("event_id", "type", "object_id", "object_key", "account", "is_live", "api_version", "created_at", "payload")
FIXED_COLUMNS = ("provider_id", "received_at", "is_swept", "state", "try_count")
HANDLE_JOB = "paylink_addon.ir_cron_paylink_handle_events"
# Written here once: put together anew for each message they would take longer than the database.
STORE = (
    f"INSERT INTO paylink_event ({', '.join(FIXED_COLUMNS + COLUMNS)}) VALUES {{}} "  # noqa: S608  names of ours
    "ON CONFLICT (provider_id, event_id) DO NOTHING"
)
CALLED = "SELECT call_at FROM ir_cron_trigger WHERE cron_id = %s AND call_at <= %s LIMIT 1 FOR KEY SHARE SKIP LOCKED"
CALL = "INSERT INTO ir_cron_trigger (cron_id, call_at) SELECT id, %s FROM ir_cron WHERE id = %s AND active"
RETENTION_PARAMETER = "paylink_addon.event_retention_days"
DEFAULT_RETENTION = 90
GC_LIMIT = 10_000
# A call to the job that is older than this, in seconds, has not been heard: its caller was killed before it called
# aloud, or the job's worker is busy. It is repeated, but by no process more often than that.
UNHEARD = 1
_last_calls = {}
# How an object is asked for anew: by the names of its kind and of the method of StripeApi.
READERS = {
    "checkout.session": "session",
    "payment_intent": "intent",
    "setup_intent": "setup_intent",
    "charge": "charge",
    "refund": "refund",
    "dispute": "dispute",
}
# After which pauses (in minutes) what failed is tried again: for three days, as long as Stripe repeats a message.
PAUSES = (1, 5, 30, 120, 360, 720, 720, 720, 720, 720)
ERROR_LENGTH = 2000


class PaylinkEvent(models.Model):
    """One message of a provider as it was received, and what became of it.

    A message is stored before it is acknowledged, handled by a job, and stays as the record of what happened; its data
    is emptied after some time.
    """

    _name = "paylink.event"
    _inherit = ["paylink.ending.mixin"]
    _description = "Provider Event"
    _order = "id desc"
    _rec_name = "event_id"
    _log_access = False  # nobody writes here but the jobs; `received_at` and `handled_at` say when

    provider_id = fields.Many2one("payment.provider", required=True, readonly=True, ondelete="cascade")
    event_id = fields.Char(required=True, readonly=True)
    type = fields.Char(required=True, readonly=True)
    type_display = fields.Char(string="What happened", compute="_compute_type_display")
    object_id = fields.Char(
        string="Reference at the provider", readonly=True, help="What the message is about, as the provider names it."
    )
    object_key = fields.Char(
        string="Payment",
        required=True,
        readonly=True,
        help="What the messages of one payment have in common; they are handled one after the other.",
    )
    account = fields.Char(readonly=True, help="The connected account it comes from, where there is one.")
    is_live = fields.Boolean(string="Live", readonly=True)
    api_version = fields.Char(string="API Version", readonly=True)
    created_at = fields.Datetime(string="Happened on", readonly=True)
    received_at = fields.Datetime(string="Received on", required=True, readonly=True, default=fields.Datetime.now)
    is_swept = fields.Boolean(
        string="Found Later",
        readonly=True,
        help="It did not arrive by itself: it was found when the provider was asked for missed events.",
    )
    # It has secrets of payments, and all that the provider knows of the customer.
    payload = fields.Json(string="Data", readonly=True, groups="base.group_system")
    payload_display = fields.Text(string="Data (text)", compute="_compute_payload_display", groups="base.group_system")
    state = fields.Selection(STATES, required=True, readonly=True, default="waiting")
    error = fields.Text(readonly=True)
    try_count = fields.Integer(string="Failed Tries", readonly=True, default=0)
    next_try_at = fields.Datetime(string="Next Try on", readonly=True)
    handled_at = fields.Datetime(string="Handled on", readonly=True)
    transaction_id = fields.Many2one("payment.transaction", readonly=True, index="btree_not_null", ondelete="set null")
    link_id = fields.Many2one(related="transaction_id.paylink_id", string="Collection Link")
    partner_id = fields.Many2one(related="transaction_id.partner_id", string="Customer")

    _event_unique = models.Constraint("UNIQUE (provider_id, event_id)", "An event is stored once.")
    _open_index = models.Index("(state, id) WHERE state IN ('waiting', 'failed', 'refused')")
    _payload_index = models.Index("USING brin (received_at)")  # which costs a new message nothing

    # === COMPUTE METHODS === #

    @api.depends("type")
    @api.depends_context("lang")
    def _compute_type_display(self):
        for event in self:
            event.type_display = said(STRIPE_EVENTS.get(event.type, event.type), self.env)

    @api.depends("payload")
    def _compute_payload_display(self):
        for event in self:
            event.payload_display = json.dumps(event.payload, indent=2, ensure_ascii=False) if event.payload else False

    # === ACTIONS === #

    def action_handle_again(self):
        """Handle the events now, whatever became of them: what was done already is not done twice."""
        self.check_access("read")
        if not self.env.is_system():
            raise AccessError(self.env._("Only administrators can handle events again."))
        if emptied := self.sudo().filtered(lambda event: not event.payload):
            raise UserError(
                self.env._(
                    "The data of event %(name)s was deleted after the retention period: it can't be handled again.",
                    name=emptied[0].event_id,
                )
            )
        self.sudo()._redo()
        return True

    # === RECEIVING === #

    @api.model
    def _receive(self, provider_id, events, is_swept=False):
        """Store the events that are not known yet, and wake the job that handles them as soon as that is committed.

        Plain SQL: Stripe's customers wait for the answer to this (bench/webhooks.py). Nothing else may have been
        written in the transaction: if somebody else stores the same event at this moment, it is begun anew.

        :param int provider_id: of a ``payment.provider``
        :param list events: as Stripe gives them, verified; in order of arrival
        :param bool is_swept: they did not come by themselves
        :return: how many were new
        :raise ValueError: an event can't be stored
        """
        now = fields.Datetime.now()
        fixed = (provider_id, now, is_swept, "waiting", 0)
        rows = [(*fixed, *(values[name] for name in COLUMNS)) for values in map(event_values, events)]
        try:
            return self._store(rows, now)
        except psycopg2.errors.SerializationFailure:
            self.env.cr.rollback()
            return self._store(rows, now)

    def _store(self, rows, now):
        """Store the rows and make sure that the job will run after this is committed.

        The job is started by a row in ``ir_cron_trigger``, which it deletes first of all, and one such row is enough
        for any number of events. So an event makes none if it can lock one that is there:

        - a row that a running job has deleted (which is committed only when the job ends) is locked by the job and
          skipped here. Who knows whether that job will still see this event? A new row is made, for its next run.
        - a row that could be locked is kept until this event is committed: the job that deletes it waits for that, and
          only then looks for events.

        No event is left to the regular interval, unless the server dies between this commit and the call.

        :return: how many rows were new
        """
        cr, job = self.env.cr, self.env["ir.model.data"]._xmlid_to_res_id(HANDLE_JOB) or 0
        cr.execute(STORE.format(", ".join(["%s"] * len(rows))), rows, log_exceptions=False)
        count = cr.rowcount
        if not count:
            return 0
        cr.execute(CALLED, (job, now), log_exceptions=False)
        called_at = next(iter(cr.fetchall()), (None,))[0]
        if not called_at:
            cr.execute(CALL, (now, job))
        if self._must_call(called_at, now):
            cr.postcommit.add(self._call_job)
        return count

    # === WAKING THE JOB === #

    @api.model
    def _must_call(self, called_at, now):
        """Whether this process has to wake the workers: nobody else has, or nobody seems to have heard it."""
        database, moment = self.env.cr.dbname, time.monotonic()
        heard = called_at and (
            (now - called_at).total_seconds() <= UNHEARD or moment - _last_calls.get(database, -UNHEARD) < UNHEARD
        )
        if not heard:
            _last_calls[database] = moment
        return not heard

    @api.model
    def _call_job(self):
        """Wake the workers of scheduled jobs. The event is stored: it must not be refused because this fails."""
        try:
            self.env["ir.cron"]._notifydb()
        except psycopg2.Error:
            _logger.exception(
                "The job that handles provider events could not be called: it comes by itself in a minute"
            )

    # === CLEANING UP === #

    @api.autovacuum
    def _gc_payloads(self):
        """Empty the data of events after the retention time.

        :return: how many were emptied, and whether there may be more
        """
        days = whole_number(self.env, RETENTION_PARAMETER, DEFAULT_RETENTION)
        self.env.cr.execute(
            SQL(
                """
                UPDATE paylink_event SET payload = NULL WHERE id IN (
                    SELECT id FROM paylink_event
                     WHERE received_at < %s AND payload IS NOT NULL AND state <> 'waiting' LIMIT %s)
                """,
                fields.Datetime.now() - timedelta(days=days),
                GC_LIMIT,
            )
        )
        self.invalidate_model(["payload"])
        return self.env.cr.rowcount, self.env.cr.rowcount == GC_LIMIT

    # === HANDLERS === #
    # How stored events are handled: in sets as long as all goes well, else one by one.
    #
    # *Handlers* are methods of this model named after the type of event, or the beginning of it: for
    # ``charge.dispute.created`` the first of ``_handle_charge_dispute_created``, ``_handle_charge_dispute`` and
    # ``_handle_charge`` that exists; without any it is ignored. A handler gets the events (``self``, in order of
    # arrival, all locked), calls :meth:`_ignore` for those that are not ours, raises if it can't go on, and returns the
    # transactions that have changed: they are post-processed together. It may be called again for an event that it
    # has handled before.

    def _handle_payment_method(self):
        """A stored card was renewed by its bank, or removed at Stripe."""
        Token = self.env["payment.token"]
        return self._tell_tokens(
            lambda event, method: Token._paylink_stripe_apply(event.provider_id, method, event.type, event.created_at)
        )

    def _handle_mandate_updated(self):
        """The consent to debit a bank account has changed."""
        Token = self.env["payment.token"]
        return self._tell_tokens(lambda event, mandate: Token._paylink_stripe_revoked(event.provider_id, mandate))

    def _handle_customer_deleted(self):
        """A customer was deleted at Stripe, with all that was stored there."""
        Token = self.env["payment.token"]
        return self._tell_tokens(lambda event, gone: Token._paylink_stripe_customer_deleted(event.provider_id, gone))

    def _tell_tokens(self, tell):
        """Tell stored methods what the events are about.

        :param tell: function of an event and its object, which returns the methods it was about
        """
        for event in self:
            if not tell(event, event.payload["object"]):
                event._ignore()
        return self.env["payment.transaction"]

    def _apply_to_transactions(self):
        """Tell each transaction what happened to it.

        :return: the transactions
        """
        return (
            self.env["payment.transaction"]
            .sudo()
            .union(*(events._apply_at(provider) for provider, events in self.grouped("provider_id").items()))
        )

    def _apply_at(self, provider):
        """See :meth:`_apply_to_transactions`: the events of one provider."""
        Transaction = self.env["payment.transaction"].sudo()
        found = Transaction._paylink_stripe_find(provider, [event.payload["object"] for event in self])
        found = dict(zip(self, found, strict=True))
        self._hold_with_links(Transaction.concat(*found.values()))

        def apply(event):
            if tx := found[event]:
                event.transaction_id = tx
                tx._paylink_stripe_apply(event._told(), event.type)
            else:
                event._ignore()

        self._each_asking(apply)
        return Transaction.union(*found.values())

    _handle_checkout_session = _apply_to_transactions

    _handle_payment_intent = _apply_to_transactions

    _handle_setup_intent = _apply_to_transactions

    _handle_charge_succeeded = _apply_to_transactions

    _handle_charge_refunded = _apply_to_transactions

    _handle_refund = _apply_to_transactions

    def _handle_charge_dispute(self):
        """A customer's bank takes a payment back, or gives it back.

        :return: the transactions that were found to be paid meanwhile
        """
        return (
            self.env["payment.transaction"]
            .sudo()
            .union(*(events._dispute_at(provider) for provider, events in self.grouped("provider_id").items()))
        )

    def _dispute_at(self, provider):
        """See :meth:`_handle_charge_dispute`: the events of one provider."""
        Transaction = self.env["payment.transaction"].sudo()
        objects = self._each_asking(lambda event: event._dispute())
        known = dict(zip(self, Transaction._paylink_stripe_find(provider, list(objects.values())), strict=True))
        found = self._each_asking(lambda event: known[event] or provider._paylink_stripe_disputed(objects[event]))
        self._hold_with_links(Transaction.concat(*found.values()))

        def apply(event):
            if tx := found[event]:
                event.transaction_id = tx
                return tx._paylink_stripe_dispute(objects[event])
            event._ignore()
            return tx

        return Transaction.union(*self._each_asking(apply).values())

    def _dispute(self):
        """The dispute; asked for anew where the message says that money has moved, and does not say which."""
        found = self._object()
        moves = {"charge.dispute.funds_withdrawn": 1, "charge.dispute.funds_reinstated": 2}.get(self.type, 0)
        if len(found.get("balance_transactions") or ()) < moves:
            found = self.provider_id._paylink_stripe().dispute(found["id"])
        return found

    def _each_asking(self, work):
        """Do ``work``, a function, with each event. What it has to ask for any comes up at once.

        :return: what it returns, by event
        """
        found, questions = {}, Questions()
        for event in self:
            with questions:
                found[event] = work(event)
        questions.come_up()
        return found

    @api.model
    def _hold_with_links(self, transactions):
        """Hold them all at once: whoever changes one meanwhile waits, instead of undoing a whole set."""
        hold(transactions.paylink_id, transactions)

    def _object(self):
        """What the event is about, as it was when it happened.

        An event from the list of events is written in the account's API version, not in ours: its object is asked for
        as it is now, in ours.
        """
        self.ensure_one()
        data = self.payload["object"]
        reader = READERS.get(data.get("object"))
        if self.api_version in (False, API_VERSION) or not reader:
            return data
        return getattr(self.provider_id._paylink_stripe(), reader)(data["id"])

    def _told(self):
        """What the event is about, with the moment at which money moved if the event says it (``paylink_moved_at``)."""
        is_own = self.api_version in (False, API_VERSION) and self.type == "checkout.session.completed"
        moment = self.created_at if is_own or self.type in MOVING_EVENTS else None
        return self._object() | {"paylink_moved_at": moment}

    def _ignore(self):
        """Note that the events are nothing to us: an unknown type, an object of somebody else."""
        self._conclude("ignored")

    def _handler(self):
        """The function that handles this event, or None."""
        self.ensure_one()
        words = self.type.split(".")
        names = ("_handle_" + "_".join(words[:count]) for count in range(len(words), 0, -1))
        return next((getattr(type(self), name) for name in names if hasattr(type(self), name)), None)

    # === OUTCOMES === #
    # What became of an event: noted, tried again, or told to people.

    def _conclude(self, state, error=False):
        self.write({"state": state, "error": error, "handled_at": fields.Datetime.now(), "next_try_at": False})

    def _conclude_alone(self, error):
        """Store the error of an event whose handling was undone, unless somebody else is at it or has handled it."""
        try:
            for event in self._take(SQL("id = %s", self.id), 1):
                event._fail(error)
            self.env.flush_all()
        except OperationalError as conflict:
            self._undo(conflict)

    def _fail(self, error):
        """Note why the event was not handled, and when it is tried again; in the end, tell people."""
        self.ensure_one()
        text = _explain(error)
        if isinstance(error, PaylinkStripeMismatch):
            self._conclude("refused", text)
            self._try_to_tell()
        elif self.try_count == len(PAUSES):
            self._conclude("failed", text)
            self._try_to_tell()
        else:
            next_try = fields.Datetime.now() + timedelta(minutes=PAUSES[self.try_count])
            self._conclude("waiting", text)
            self.write({"try_count": self.try_count + 1, "next_try_at": next_try, "handled_at": False})

    # === TELLING PEOPLE === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"state"}

    def _paylink_done_provider_event(self, _task):
        return self.state in ("done", "ignored")

    def _try_to_tell(self):
        """Tell people; not being able to must not undo what is noted."""
        try:
            with self.env.cr.savepoint():
                self._tell_managers()
        except OperationalError:
            raise
        except Exception:
            _logger.exception("Nobody was told of event %s", self.event_id)

    def _tell_managers(self):
        """Give the payment managers of the company a task, on the link if there is one."""
        self.ensure_one()
        link = (self.transaction_id or self._look_for_transaction()).paylink_id
        managers = self.provider_id.company_id._paylink_managers()
        self.env["paylink.task.mixin"]._give(link or None, Task.EVENT, self._problem_texts, managers, about=self)

    def _look_for_transaction(self):
        """The transaction that an event which was not handled is about, if that can be found out."""
        Transaction = self.env["payment.transaction"].sudo()
        try:
            with self.env.cr.savepoint():
                (found,) = Transaction._paylink_stripe_find(self.provider_id, [self.payload["object"]])
        except OperationalError:
            raise
        except Exception:  # noqa: BLE001  perhaps the very reason why it was not handled
            found = Transaction.browse()
        self.transaction_id = found
        return found

    def _problem_texts(self, env):
        provider = self.provider_id.with_env(env).name
        values = {"event": self.event_id, "type": self.type, "provider": provider, "reason": self.error}
        if self.state == "refused":
            return env._("A message from %(provider)s was refused", provider=provider), env._(
                "Event %(event)s (%(type)s) from %(provider)s does not match its payment, so nothing was changed. The "
                "reason: %(reason)s Compare the payment at the provider with the one in Odoo.",
                **values,
            )
        return env._("A message from %(provider)s could not be handled", provider=provider), env._(
            "Event %(event)s (%(type)s) from %(provider)s could not be handled for three days. The reason: "
            "%(reason)s Once that is fixed, an administrator can handle it again under Collection Links → "
            "Configuration → Provider Events.",
            **values,
        )


def _explain(error):
    """The text of an error, for administrators."""
    text = str(error) or type(error).__name__
    if not isinstance(error, UserError | StripeFailure):
        text = f"{type(error).__name__}: {text}"
    return redact(text).replace("\0", "")[:ERROR_LENGTH]
