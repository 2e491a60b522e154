"""Stage of ``paylink.event``: the job that handles what was stored, and its transactions."""

import logging

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import SQL, groupby
from psycopg2 import OperationalError

from ...tools.stripe_client import Asking, NotAsked, Questions
from ...tools.stripe_errors import redact

_logger = logging.getLogger(__name__)
BATCH = 50
# How often a transaction that others disturbed is run again at once.
MAX_TRIES = 5


class PaylinkEventRun(models.Model):
    """Handled set by set as long as all goes well, else one by one."""

    _inherit = "paylink.event"

    # === JOB === #

    @api.model
    def _cron_handle(self):
        """Handle what waits: new events set by set, then one by one those whose next try is due.

        The books come first: people are told when they are committed.
        """
        job, Transaction = self.env["ir.cron"], self.env["payment.transaction"].sudo()
        run = self._in_a_run()
        asking = run.env.context["paylink_asking"]
        while count := run._work_new():
            # Who is silent is asked again by the next run, not at once.
            if not job._commit_progress(count, remaining=0 if asking.is_silent else 1):
                return
            Transaction._paylink_tell_booked()
        asking.answers.clear()
        due = [("state", "=", "waiting"), ("next_try_at", "<=", fields.Datetime.now())]
        told = run._work_each(run.search(due, order="id")) and Transaction._paylink_tell_booked()
        if told or asking.is_silent:
            job._commit_progress(remaining=0)

    @api.model
    def _work_each(self, events):
        """Handle each in transactions of its own; what it can't even note, it tells."""
        return self.env["paylink.job.mixin"]._each(events, lambda event: event._work_alone(), take=False)

    def _redo(self):
        """Handle these events now, one by one, in transactions of their own."""
        with self.pool.cursor() as cursor:
            events = self.sorted("id").with_env(self.env(cr=cursor, user=SUPERUSER_ID, su=True))
            events.write({"state": "waiting", "try_count": 0, "next_try_at": fields.Datetime.now()})
            cursor.commit()
            events._in_a_run()._work_each(events)
            events.env["payment.transaction"]._paylink_tell_booked()
        self.invalidate_recordset()

    # === TRANSACTIONS === #

    @api.model
    def _take(self, condition, limit):
        """Lock waiting events, and the objects they are about, until the end of the transaction.

        What somebody else works on is left out: so the events of one object are handled one after the other, however
        many jobs and administrators are at work. What somebody else has *finished* since this transaction began raises
        a serialization failure: it must begin again.

        :param SQL condition: which of those that wait
        :return: the events, in order of arrival
        """
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                WITH candidate AS MATERIALIZED (
                    SELECT id, provider_id, object_key FROM paylink_event
                     WHERE state = 'waiting' AND %s ORDER BY id LIMIT %s
                ), object AS MATERIALIZED (
                    SELECT provider_id, object_key, pg_try_advisory_xact_lock(
                               hashtextextended('paylink_event ' || object_key, provider_id)) AS ours
                      FROM (SELECT DISTINCT provider_id, object_key FROM candidate) AS object
                )
                SELECT event.id FROM paylink_event AS event
                  JOIN candidate ON candidate.id = event.id
                  JOIN object ON object.provider_id = event.provider_id AND object.object_key = event.object_key
                 WHERE object.ours ORDER BY event.id FOR NO KEY UPDATE OF event SKIP LOCKED
                """,
                condition,
                limit,
            )
        )
        # What is paid is booked here and now (no job has to be called for it) and told of after the commit.
        taken = self.with_context(paylink_booked_at_once=True)
        return taken.browse(row[0] for row in self.env.cr.fetchall())

    def _work_new(self):
        """Handle the next new events as one set; if that fails, each in a transaction of its own. Does not commit.

        What was asked for the set is known to all tries: they handle no event that came later.

        :return: how many they were
        """
        inbox = self._in_a_run()
        asking = inbox.env.context["paylink_asking"]
        asking.answers.clear()
        new = [("state", "=", "waiting"), ("next_try_at", "=", False), ("id", "not in", list(asking.left))]
        events = inbox.search(new, order="id", limit=BATCH)
        if not events:
            return 0
        for _try in range(MAX_TRIES):
            try:
                taken = events._asking_first(lambda known: known._work_set())
            except OperationalError as error:  # others work on the same rows
                self._undo(error)
            except (Exception, NotAsked) as error:  # noqa: BLE001  it will come again, and then be told apart
                self._undo(error)
                break
            else:
                return len(taken)
        for part in events if asking.is_silent else [events]:  # the time that it was is not theirs
            part._work_each(part)
        return len(
            events.filtered(lambda event: event.state != "waiting" or event.next_try_at or event.id in asking.left)
        )

    def _work_alone(self):
        """Handle one event in a transaction of its own: committed, or undone and its error stored in another one.

        Where Stripe must be asked and has been silent, it is left to the next run.
        """
        self.ensure_one()
        # What is wrong is said in the language of those who read it: see _fail.
        event = self.provider_id.company_id._paylink_in_its_language(self._in_a_run())
        for tries_left in reversed(range(MAX_TRIES)):
            try:
                event._asking_first(lambda known: known._work_one())
            except OperationalError as error:  # others work on the same rows
                self._undo(error)
                if not tries_left:
                    self._conclude_alone(error)
            except NotAsked:
                event.env.context["paylink_asking"].left.add(self.id)
                break
            except Exception as error:  # noqa: BLE001  it is stored and shown
                self._undo(error)
                self._conclude_alone(error)
                break
            else:
                break
        self.env.cr.commit()  # pylint: disable=invalid-commit

    # === ASKING === #

    def _in_a_run(self):
        """These events in a run of the job, which knows what Stripe was asked in it."""
        return self if "paylink_asking" in self.env.context else self.with_context(paylink_asking=Asking())

    def _asking_first(self, work):
        """Do ``work``, a function of these events that locks what customers wait for. What Stripe has to be asked for
        is asked when nothing is locked: work is undone, and begun anew with the answers.

        :return: what ``work`` returns
        :raise NotAsked: Stripe is silent
        """
        asking = self.env.context["paylink_asking"]
        while True:
            try:
                return work(self.with_context(paylink_stripe_answers=asking.answers))
            except NotAsked as missing:
                self._undo(missing)
                if not asking.ask(missing):
                    raise

    # === HANDLING === #

    def _work_set(self):
        """Handle these new events as one set.

        :return: those that nobody else has in hand
        """
        events = self._take(SQL("next_try_at IS NULL AND id = ANY(%s)", self.ids), BATCH)
        self._post_process(events._run_handlers())
        self.env.flush_all()
        return events

    def _work_one(self):
        """Handle this event, unless somebody else does or has."""
        for event in self._take(SQL("id = %s", self.id), 1):
            event._work_and_note()
        self.env.flush_all()

    def _undo(self, error):
        """Undo the transaction; the next one sees what others have done."""
        _logger.info("Undone: %s", redact(str(error)))
        self.env.cr.rollback()

    def _work_and_note(self):
        """Handle one event; what can't be booked is undone, but not the news that it has been paid."""
        transactions = self._run_handlers()
        try:
            with self.env.cr.savepoint():
                self._post_process(transactions)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001  it is stored and shown
            self._fail(error)

    def _run_handlers(self):
        """Call each handler with all its events; what it does not ignore is done.

        :return: the transactions that have changed
        """
        transactions, questions = self.env["payment.transaction"].sudo(), Questions()
        for handler, events in groupby(self, lambda event: event._handler()):
            group = self.browse(event.id for event in events)
            with questions:
                if handler:
                    transactions |= handler(group) or transactions.browse()
                else:
                    group._ignore()
        questions.come_up()
        self.filtered(lambda event: event.state == "waiting")._conclude("done")
        return transactions

    @api.model
    def _post_process(self, transactions):
        """Book the transactions, and their captures and refunds, that have changed since they were booked last."""
        transactions |= transactions.child_transaction_ids
        due = transactions.filtered(lambda tx: not tx.is_post_processed and tx.state != "draft")
        if long := due._paylink_long():
            long._paylink_wake_booking()
        if due := due - long:
            due._post_process()
