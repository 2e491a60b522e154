import logging

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import SQL, groupby
from psycopg2 import OperationalError

from ..tools.stripe_client import API_VERSION
from ..tools.stripe_errors import redact

_logger = logging.getLogger(__name__)

BATCH = 50
# How often a transaction that others disturbed is run again at once.
MAX_TRIES = 5

# How an object is asked for anew: by the names of its kind and of the method of StripeApi.
READERS = {
    "checkout.session": "session",
    "payment_intent": "intent",
    "setup_intent": "setup_intent",
    "charge": "charge",
    "refund": "refund",
    "dispute": "dispute",
}


class PaylinkEventHandling(models.Model):
    """How stored events are handled: in sets as long as all goes well, else one by one.

    *Handlers* are methods of this model named after the type of event, or the beginning of it: for
    ``charge.dispute.created`` the first of ``_handle_charge_dispute_created``, ``_handle_charge_dispute`` and
    ``_handle_charge`` that exists; without any it is ignored. A handler gets the events (``self``, in order of arrival,
    all locked), calls :meth:`_ignore` for those that are not ours, raises if it can't go on, and returns the
    transactions that have changed: they are post-processed together. It may be called again for an event that it has
    handled before.
    """

    _inherit = "paylink.event"

    # === HANDLERS === #

    def _handle_payment_method(self):
        """A stored card was renewed by its bank, or removed at Stripe."""
        for event in self:
            method = event.payload["object"]
            if not self.env["payment.token"]._paylink_stripe_apply(event.provider_id, method, event.type):
                event._ignore()
        return self.env["payment.transaction"]

    def _apply_to_transactions(self):
        """Tell each transaction what happened to it.

        :return: the transactions
        """
        Transaction = self.env["payment.transaction"].sudo()
        transactions = Transaction.browse()
        for provider, events in self.grouped("provider_id").items():
            found = Transaction._paylink_stripe_find(provider, [event.payload["object"] for event in events])
            self._lock(Transaction.concat(*found))
            for event, transaction in zip(events, found, strict=True):
                if transaction:
                    event.transaction_id = transaction
                    transaction._paylink_stripe_apply(event._object(), event.type)
                    transactions |= transaction
                else:
                    event._ignore()
        return transactions

    _handle_checkout_session = _apply_to_transactions
    _handle_payment_intent = _apply_to_transactions
    _handle_setup_intent = _apply_to_transactions
    _handle_charge_succeeded = _apply_to_transactions
    _handle_charge_refunded = _apply_to_transactions
    _handle_refund = _apply_to_transactions

    @api.model
    def _lock(self, transactions):
        """Lock them, and their links, at once: whoever changes them meanwhile waits, instead of undoing a whole set."""
        for records in (transactions.paylink_id, transactions):
            if records:
                self.env.cr.execute(
                    SQL(
                        "SELECT FROM %s WHERE id IN %s ORDER BY id FOR NO KEY UPDATE",
                        SQL.identifier(records._table),
                        tuple(records.ids),
                    ),
                    log_exceptions=False,
                )

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

    def _ignore(self):
        """Note that the events are nothing to us: an unknown type, an object of somebody else."""
        self._conclude("ignored")

    def _handler(self):
        """The function that handles this event, or None."""
        self.ensure_one()
        words = self.type.split(".")
        names = ("_handle_" + "_".join(words[:count]) for count in range(len(words), 0, -1))
        return next((getattr(type(self), name) for name in names if hasattr(type(self), name)), None)

    # === JOB === #

    @api.model
    def _cron_handle(self):
        """Handle what waits: new events set by set, then one by one those whose next try is due.

        The books come first: people are told when they are committed.
        """
        job, Transaction = self.env["ir.cron"], self.env["payment.transaction"].sudo()
        while count := self._work_new():
            if not job._commit_progress(count, remaining=1):
                return
            Transaction._paylink_tell_booked()
        due = [("state", "=", "waiting"), ("next_try_at", "<=", fields.Datetime.now())]
        for event in self.search(due, order="id", limit=BATCH):
            event._work_alone()
            if not job._commit_progress(1, remaining=1):
                return
        Transaction._paylink_tell_booked()
        job._commit_progress(remaining=0)

    def _redo(self):
        """Handle these events now, one by one, in transactions of their own."""
        with self.pool.cursor() as cursor:
            events = self.sorted("id").with_env(self.env(cr=cursor, user=SUPERUSER_ID, su=True))
            events.write({"state": "waiting", "try_count": 0, "next_try_at": fields.Datetime.now()})
            cursor.commit()
            for event in events:
                event._work_alone()
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

        :return: how many they were
        """
        for _try in range(MAX_TRIES):
            try:
                events = self._take(SQL("next_try_at IS NULL"), BATCH)
                self._post_process(events._run_handlers())
                self.env.flush_all()
            except OperationalError as error:  # others work on the same rows
                self._undo(error)
            except Exception as error:  # noqa: BLE001  whatever it is: it will come again, and then be told apart
                self._undo(error)
                break
            else:
                return len(events)
        events = self.search([("state", "=", "waiting"), ("next_try_at", "=", False)], order="id", limit=BATCH)
        for event in events:
            event._work_alone()
        return len(events)

    def _work_alone(self):
        """Handle one event in a transaction of its own: committed, or undone and its error stored in another one."""
        self.ensure_one()
        for tries_left in reversed(range(MAX_TRIES)):
            try:
                for event in self._take(SQL("id = %s", self.id), 1):
                    event._work_and_note()
                self.env.flush_all()
            except OperationalError as error:  # others work on the same rows
                self._undo(error)
                if not tries_left:
                    self._conclude_alone(error)
            except Exception as error:  # noqa: BLE001  it is stored and shown
                self._undo(error)
                self._conclude_alone(error)
                break
            else:
                break
        self.env.cr.commit()  # pylint: disable=invalid-commit

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
        transactions = self.env["payment.transaction"].sudo()
        for handler, events in groupby(self, lambda event: event._handler()):
            group = self.browse(event.id for event in events)
            if handler:
                transactions |= handler(group) or transactions.browse()
            else:
                group._ignore()
        self.filtered(lambda event: event.state == "waiting")._conclude("done")
        return transactions

    @api.model
    def _post_process(self, transactions):
        """Book the transactions, and their captures and refunds, that have changed since they were booked last."""
        transactions |= transactions.child_transaction_ids
        due = transactions.filtered(lambda tx: not tx.is_post_processed and tx.state != "draft")
        if due:
            due._post_process()
