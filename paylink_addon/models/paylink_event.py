import json
import logging
import time
from datetime import timedelta

import psycopg2
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..tools.stripe_events import event_values

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


class PaylinkEvent(models.Model):
    """One message of a provider as it was received, and what became of it.

    A message is stored before it is acknowledged, handled by a job (see ``paylink_event_handling``), and stays as the
    record of what happened; its data is emptied after some time.
    """

    _name = "paylink.event"
    _description = "Provider Event"
    _order = "id desc"
    _rec_name = "event_id"
    _log_access = False  # nobody writes here but the jobs; `received_at` and `handled_at` say when

    provider_id = fields.Many2one("payment.provider", required=True, readonly=True, ondelete="cascade")
    event_id = fields.Char(required=True, readonly=True)
    type = fields.Char(required=True, readonly=True)
    object_id = fields.Char(readonly=True, help="What the message is about, as the provider names it.")
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
        help="It did not come by itself: the provider was asked what we have missed.",
    )
    payload = fields.Json(string="Data", readonly=True)
    payload_display = fields.Text(string="Data (text)", compute="_compute_payload_display")

    state = fields.Selection(STATES, required=True, readonly=True, default="waiting")
    error = fields.Text(readonly=True)
    try_count = fields.Integer(string="Failed Tries", readonly=True, default=0)
    next_try_at = fields.Datetime(string="Next Try on", readonly=True)
    handled_at = fields.Datetime(string="Handled on", readonly=True)
    transaction_id = fields.Many2one("payment.transaction", readonly=True, index="btree_not_null", ondelete="set null")

    _event_unique = models.Constraint("UNIQUE (provider_id, event_id)", "An event is stored once.")
    _open_index = models.Index("(state, id) WHERE state IN ('waiting', 'failed', 'refused')")
    _payload_index = models.Index("USING brin (received_at)")  # which costs a new message nothing

    # === COMPUTE METHODS === #

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
                    "The data of event %(name)s has been deleted after the retention time: it can't be handled again.",
                    name=emptied[0].event_id,
                )
            )
        self.sudo()._redo()
        return True

    # === RECEIVING === #

    @api.model
    def _receive(self, provider_id, events, is_swept=False):
        """Store the events that are not known yet, and wake the job that handles them as soon as that is committed.

        Plain SQL: Stripe's customers wait for the answer to this. Nothing else may have been written in the
        transaction: if somebody else stores the same event at this moment, it is begun anew.

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
        parameter = self.env["ir.config_parameter"].sudo().get_param(RETENTION_PARAMETER) or ""
        days = int(parameter) if parameter.isdecimal() else DEFAULT_RETENTION
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
