import logging
from functools import partial

from markupsafe import Markup
from odoo import api, models
from odoo.tools import split_every
from psycopg2 import OperationalError

from ...const import Task
from ...tools.locks import take_free
from ...tools.texts import reason

_logger = logging.getLogger(__name__)


class PaylinkJobMixin(models.AbstractModel):
    """The frame of all scheduled jobs: their parts, and in these the records, each in a transaction of its own.

    Whatever fails is undone and told, and keeps nobody from the rest: another add-on, a provider or a record's data can
    raise anything. What others work on at the same time is left out: the job comes again.
    """

    _name = "paylink.job.mixin"
    _description = "Scheduled Jobs"

    @api.model
    def _in_turn(self, *parts):
        """Do the parts of a job one after the other.

        :param parts: functions without arguments; one that returns ``False`` says that the time is up
        :return: whether all were done
        """
        for name, part in _by_name(parts).items():
            if self._alone(partial(self._do_part, name, part), partial(self._tell_of_part, name)) is False:
                return False
            self.env["ir.cron"]._commit_progress()
        return True

    @api.model
    def _do_part(self, name, part):
        done = part()
        if done is not False:
            self.env["paylink.task.mixin"]._end(None, _key(name))  # it failed before
        return done

    @api.model
    def _each(self, records, work, *, size=1, take=True, tell=None, place=None, scope=None):
        """Do ``work`` with ``records``, ``size`` at a time; where a set fails, with each of it alone.

        :param work: a function of a record set
        :param bool take: the records are held and read anew; those that others hold are left out. Not where ``work``
            asks somebody else: nothing is held while another server is silent
        :param tell: a function of a record and its error; by default the payment managers get a task, until it is done
        :param place: on which that task stands: a function of a record; by default itself, where it can have tasks
        :param scope: the record whose ``records`` these are, where the same is done for several: the tasks of the
            others are none of these
        :return: whether all were done; else the time was up, and the job is called again soon
        """
        job, left = self.env["ir.cron"], len(records)
        key = _key(_name(work), records._name, *([str(scope.id)] if scope else []))
        failed_before = self.env["paylink.task.mixin"]._about(key)
        for record_id in failed_before.keys() - set(records.ids):
            failed_before.pop(record_id).unlink()  # somebody else has done it

        def attempt(some):
            work(some)
            if not failed_before.keys().isdisjoint(some.ids):
                found = self.env["paylink.task.mixin"]._about(key)
                self.env["mail.activity"].sudo().union(*(found.get(record.id, ()) for record in some)).unlink()

        tell = tell or partial(self._tell, key=key, place=place)
        for ids in split_every(size, records.ids):
            self._do(records.browse(ids), attempt, tell, take=take)
            left -= len(ids)
            if not job._commit_progress(len(ids), remaining=left):
                return not left
        return True

    @api.model
    def _wake(self, job, at=None):
        """Have a job run as soon as this is committed; somebody may have deleted it.

        :param str job: XML id
        :param at: the moment, if it is not to run at once
        """
        if found := self.env.ref(job, raise_if_not_found=False):
            found.sudo()._trigger(at=at)

    @api.model
    def _do(self, records, work, tell, *, take=False):
        """Do ``work`` with a set; where that fails, with each of it. What they mean: :meth:`_each`. Does not commit."""

        def failed(error):
            if len(records) == 1:
                tell(records, error)
                return
            for record in records:
                self._do(record, work, tell, take=take)
                self.env["ir.cron"]._commit_progress()

        def attempt():
            if mine := take_free(records) if take else records:
                work(_in_language(mine))

        self._alone(attempt, failed, is_set=len(records) > 1)

    @api.model
    def _alone(self, attempt, failed, is_set=False):
        """Do something in this transaction; where it fails, undo that and tell ``failed``, which may fail as well.

        :param attempt: a function without arguments
        :param failed: a function of the error
        :param bool is_set: also tell that others work on the same rows
        :return: what ``attempt`` returns, or ``None``
        """
        try:
            done = attempt()
            self.env.cr.flush()
            return done
        except Exception as error:  # noqa: BLE001  whatever it is
            self.env.cr.rollback()
            if isinstance(error, OperationalError) and not is_set:
                _logger.info("Left to the next run: %s", error)
                return None
            self._alone(partial(failed, error), self._log)
            return None

    # === TELLING === #

    @api.autovacuum
    def _tell_what_is_missing(self):
        """Tell an administrator, once, which optional part the server has not, and what follows from it."""
        if self.env["paylink.server.mixin"]._can_make_pdf():
            self.env["paylink.task.mixin"]._end(None, Task.NO_PDF)
        else:
            administrator = self.env.company._paylink_administrator()
            self.env["paylink.task.mixin"]._give(None, Task.NO_PDF, self._no_pdf_texts, administrator, ever=True)

    @api.model
    def _no_pdf_texts(self, env):
        return env._("This server can't make PDFs"), env._(
            "The program wkhtmltopdf is missing on the server. Customers see receipts and invoices as pages to print, "
            "and no new PDF is attached to messages. Install wkhtmltopdf to have PDFs."
        )

    @api.model
    def _tell(self, record, error, key, place=None):
        """Give the payment managers the task to look after a record."""
        self._log(error, record)
        found = (place(record) if place else "activity_ids" in record and record) or None
        company = ("company_id" in record and record.company_id) or None
        users = company._paylink_managers() if company else self.env.company._paylink_administrator()
        texts = partial(self._failure_texts, record, reason(error))
        self.env["paylink.task.mixin"]._give(found, key, texts, users, about=record)

    @api.model
    def _tell_of_part(self, name, error):
        """Give an administrator the task to look after a part of a job."""
        self._log(error, name)
        texts = partial(self._part_failure_texts, name, reason(error))
        self.env["paylink.task.mixin"]._give(None, _key(name), texts, self.env.company._paylink_administrator())

    @api.model
    def _failure_texts(self, record, why, env):
        model, name = env["ir.model"]._get(record._name).name, record.display_name
        summary = env._("A scheduled job failed on %(model)s %(name)s", model=model, name=name)
        return summary, self._failure_note(why, env)

    @api.model
    def _part_failure_texts(self, name, why, env):
        return env._("A part of a scheduled job failed: %(part)s", part=name), self._failure_note(why, env)

    @api.model
    def _failure_note(self, why, env):
        return Markup("<p>%s</p><pre>%s</pre>") % (
            env._("It is tried again each time the job runs. The reason:"),
            why,
        )

    @api.model
    def _log(self, error, what=None):
        _logger.error("A job could not do its work with %s", what, exc_info=error)


def _key(*names):
    """The key of the tasks about what failed: each work has its own."""
    return ".".join([Task.JOB, *names])


def _in_language(records):
    """What a job says, and why something fails, is in the language of whose records these are, where that is one's."""
    company = records.company_id if "company_id" in records else None
    return company._paylink_in_its_language(records) if company and len(company) == 1 else records


def _by_name(parts):
    """The parts of a job by their names; what has the name of another is numbered."""
    named = {}
    for part in parts:
        name = _name(part)
        named[f"{name} {len(named)}" if name in named else name] = part
    return named


def _name(function):
    """What a function is called; one without a name of its own: what it is written in."""
    while isinstance(function, partial):
        function = function.func
    return function.__qualname__.partition(".<locals>")[0].rpartition(".")[2].lstrip("_")
