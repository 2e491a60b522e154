"""Stage of ``paylink.reminder.rule``: the job that reminds."""

import logging
from functools import partial

import psycopg2
from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, split_every

from ...const import Task
from ...tools.locks import take_free
from ...tools.texts import reason
from .paylink_reminder import RETRIED
from .paylink_reminder_rule_pick import Pick

_logger = logging.getLogger(__name__)
# How many customers are done in one transaction.
CHUNK = 200
# How often a chunk is begun anew that meets another run, or a colleague who changes the same rows.
TRIES = 5
CONFLICTS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
    psycopg2.errors.UniqueViolation,
)
ACTIVITY = "paylink_addon.mail_activity_reminder"


class PaylinkReminderRuleRun(models.Model):
    """The run: what is due is picked, then done in transactions of some customers each.

    Whatever crashes undoes one transaction, before anything has left; the next run picks what it had not done.
    """

    _inherit = "paylink.reminder.rule"

    # === ACTIONS === #

    @api.model
    def _is_running(self, company):
        return company.paylink_reminder_requested

    @api.model
    def _check_manager(self):
        if not self.env.user.has_group("paylink_addon.group_payment_manager"):
            raise AccessError(self.env._("Only payment managers can send reminders, and switch them on and off."))

    def action_run_now(self):
        """Let the job remind for the user's company now, by all its rules, whatever the hour."""
        company = self.env.company
        self._check_manager()
        if not company.paylink_reminders:
            raise UserError(self.env._("Reminders are off: switch them on first."))
        company.sudo().paylink_reminder_requested = True
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_remind")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": self.env._("Today's reminders are being sent.")},
        }

    # === CRON === #

    @api.model
    def _cron_remind(self):
        """Remind for every company that wants it, in its hours or when somebody has asked for it."""
        companies = self.env["res.company"].search([("paylink_reminders", "=", True)])
        job = self.env["paylink.job.mixin"]
        job._in_turn(
            *(partial(job._alone, partial(self._remind_for, one), partial(self._report_run, one)) for one in companies),
            self.env["paylink.reminder.message"]._follow_deliveries,
        )

    def _remind_for(self, company):
        """What is due for one company, if it is time; see :meth:`_run`."""
        if not company.paylink_reminder_requested and not company._paylink_may_remind(fields.Datetime.now()):
            return True
        done = self._run(company)
        if done and company.paylink_reminder_requested:
            company.paylink_reminder_requested = False
        return done

    @api.model
    def _run(self, company, date=None):
        """Remind all customers of ``company`` of what is due today.

        :param date: another day
        :return: whether all is done; else the time was up, and the job is called again soon
        """
        rules = self._of_company(company)
        date = date or company._paylink_today()
        customers = rules._due_customers(date)
        progress, left = self.env["ir.cron"], len(customers)
        time_left = progress._commit_progress(remaining=left)
        for chunk in split_every(CHUNK, customers, list):
            # Each transaction sees anew what is switched on.
            rules = rules.exists().filtered("active")
            if not company.paylink_reminders or not rules:
                return True
            if time_left <= 0 or not rules._make_pdfs(date, chunk, left):
                return False
            self.env["paylink.job.mixin"]._do(
                self.env["res.partner"].browse(chunk), partial(rules._remind_in_turn, date), rules._report_failure
            )
            left -= len(chunk)
            time_left = progress._commit_progress(len(chunk), remaining=left)
        self.env["paylink.task.mixin"]._end(self._of_company(company), Task.REMINDER_ERROR)
        return True

    def _of_company(self, company):
        """The rules of ``company``; what is noted for all of its people is worded in its language."""
        rules = self.sudo().with_company(company).with_context(lang=company._paylink_lang())
        return rules.search([("company_id", "=", company.id)])

    def _due_customers(self, date):
        """The ids of who is to be reminded, or to be tried again."""
        return list(dict.fromkeys([*self._wanted().customer_id.ids, *(pick.customer_id for pick in self._pick(date))]))

    def _remind_in_turn(self, date, customers):
        """What other transactions were faster with is picked anew; if they still are, the next run has its turn.

        :raises UniqueViolation: each time: what is in the way is no other run, somebody has to look at it
        """
        for turn in range(1, TRIES + 1):
            try:
                self._remind(date, customers.ids)
                self.env.flush_all()
                self.env["paylink.task.mixin"]._end(customers, Task.REMINDER_ERROR)
                return
            except CONFLICTS as error:
                self.env.cr.rollback()
                _logger.info("Reminders: another transaction was faster (%s of %s)", turn, TRIES)
                if turn == TRIES and isinstance(error, psycopg2.errors.UniqueViolation):
                    raise

    def _report_run(self, company, error):
        """The run of a company has failed as a whole."""
        rules = self._of_company(company)
        rules._report_failure(rules[:1], error)

    def _report_failure(self, record, error):
        """Somebody has to look at it, on the customer or the rule; each run tries again."""
        _logger.info("Reminders: %s failed", record, exc_info=error)
        note = Markup("<pre>%s</pre>") % reason(error)
        self[:1]._give_tasks(
            record,
            Task.REMINDER_ERROR,
            lambda env: (env._("Reminders can't be sent: an error must be fixed."), note),
        )

    def _remind(self, date, customers):
        """Queue the messages for ``customers`` that are not being written to by somebody else.

        What somebody wants to be tried again comes first: it counts for the number of messages in some days.
        """
        mine = self._take_customers(customers)
        self._retry_wanted(date, mine)
        picks = self._pick(date, mine) if mine else []
        if picks:
            Message = self.env["paylink.reminder.message"].sudo()
            Message._deliver(Message._compose(picks, date), date)

    def _take_customers(self, customers):
        """The ids of those ``customers`` that no other run has in hand; they are held from now on."""
        return take_free(self.env["res.partner"].sudo().browse(customers)).ids

    # === DOCUMENTS === #

    def _make_pdfs(self, date, customers, left):
        """Make the missing PDFs of what will be sent, each in a transaction of its own: one takes a second.

        :param left: the number of customers that the job has still to do
        :return: whether all is done; else the time was up
        """
        rules = self.filtered("attach_pdf")
        if not rules:
            return True
        ids = dict.fromkeys(pick.move_id for pick in rules._pick(date, customers) if pick.move_id)
        Link = self.env["paylink.link"].sudo()
        # What can't be made goes out without: whoever wants it finds it on the page of the link.
        return self.env["paylink.job.mixin"]._each(
            self.env["account.move"].sudo().browse(ids)._paylink_without_pdf(),
            Link._make_pdf,
            take=False,
            tell=lambda move, error: _logger.info("Reminders: no PDF of %s", move.id, exc_info=error),
        )

    # === TASKS === #

    def _give_tasks(self, records, key, texts, user=None, about=None):
        """Give a task on each of ``records``. See ``paylink.task.mixin``.

        :param user: default who is responsible for the rule; where that person has left, an administrator
        """
        user = (user or self.user_id).filtered("active") or self.env.company._paylink_administrator()
        self.env["paylink.task.mixin"]._give(records, key, texts, user, about=about, activity_type=ACTIVITY, quiet=True)

    def _works_with(self, template):
        """Whether the reminders that could not be made with ``template`` can be now, as far as they are due."""
        rows = self.env["paylink.reminder"].sudo().search([("rule_id", "=", self.id), ("reason", "=", "template")])
        Message, date = self.env["paylink.reminder.message"].sudo(), self.company_id._paylink_today()
        return all(
            Message._can_be_said(draft, channel, template, date)
            for draft in rows._drafts()
            for channel, used in draft.channels.items()
            if used == template
        )

    # === TRYING AGAIN === #
    # What could not be sent and somebody wants to be tried again, however late it is.

    def _wanted(self, customers=None):
        """The reminders of these rules that are to be tried again.

        :param customers: ids of commercial partners, default all
        """
        domain = [("is_wanted", "=", True), ("rule_id", "in", self.ids)]
        if customers is not None:
            domain.append(("customer_id", "in", customers))
        return self.env["paylink.reminder"].sudo().search(domain)

    def _retry_wanted(self, date, customers):
        """Try again what is wanted for ``customers``, by the channels that have not been used yet."""
        wanted = self._wanted(customers)
        wanted.is_wanted = False
        for step, rows in wanted.grouped("step_id").items():
            if step:
                step.rule_id._retry(step, rows, date)

    def _retry(self, step, rows, date):
        """Compose anew what ``rows`` of ``step`` are about; what is paid by now keeps its row."""
        Message = self.env["paylink.reminder.message"].sudo()
        drafts = Message._compose(self._still_allowed(step, rows, date), date)
        former = (
            self.env["paylink.reminder"]
            .sudo()
            .search([("step_id", "=", step.id), ("customer_id", "in", rows.customer_id.ids)])
        )
        by_thing = former.grouped(lambda row: (row.move_line_id.id or None, row.link_id.id or None))
        for draft in drafts:
            none = former.browse()
            mine = none.union(*(by_thing.get((pick.item_id, pick.link_id), none) for pick in draft.picks))
            told = set(mine.filtered(lambda row: row.outcome == "message").mapped("channel"))
            draft.channels = {name: template for name, template in draft.channels.items() if name not in told}
            draft.reason = "" if draft.channels else "address"
            # They would be in the way of what is sent now.
            mine.filtered(lambda row: row.reason in RETRIED).unlink()
        Message._deliver(drafts, date, automatic=False)

    def _still_allowed(self, step, rows, date):
        """Picks for what ``rows`` are about, if nothing but the day speaks against it."""
        conditions = self._conditions(date)
        conditions.pop("moment")
        if self.kind == "link":
            candidates = self._link_candidates_sql(self.company_id, date, links=rows.link_id.ids or [0])
        else:
            candidates = self._candidates_sql(self.company_id, items=rows.move_line_id.ids or [0])
        self.env.flush_all()
        query = SQL(
            """SELECT customer_id, item_id, link_id, move_id, currency_id, residual::float8 FROM (%s) c WHERE %s
             ORDER BY customer_id, due_date, item_id, link_id""",
            candidates,
            SQL(" AND ").join(SQL("(%s)", condition) for condition in conditions.values()),
        )
        return [Pick(*row, self.id, step.id) for row in self.env.execute_query(query)]
