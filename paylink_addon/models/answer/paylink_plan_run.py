"""Stage of ``paylink.plan``: the job that asks for parts on their days, and ends plans that are kept or broken."""

from datetime import date
from functools import partial

from odoo import api, fields, models
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)
# How many plans are done in one transaction.
CHUNK = 50


class PaylinkPlanRun(models.Model):
    """Each plan is looked at once a day, in the hours in which the company reminds.

    What is sent is queued in the transaction that notes it: whatever crashes undoes both, and the next run does it.
    """

    _inherit = "paylink.plan"

    @api.model
    def _cron_follow(self):
        """Follow the plans of the companies whose hours it is; not of those that are no more."""
        found = self.sudo()._read_group([("state", "=", "running"), ("company_id.active", "=", True)], ["company_id"])
        companies = (partial(self._follow_for, company) for (company,) in found)
        self.env["paylink.job.mixin"]._in_turn(self._note_left, *companies)

    @api.model
    def _note_left(self):
        """Note which announcements have left, whatever hour it is: from then on customers have their time."""
        return self.env["paylink.job.mixin"]._each(
            self.env["paylink.plan.part"].sudo()._newly_left().plan_id,
            lambda plans: (plans.part_ids & plans.part_ids._newly_left())._note_left(),
            size=CHUNK,
            place=lambda plan: plan.link_id,
        )

    @api.model
    def _follow_for(self, company):
        """All plans of one company that were not looked at today, if it is time.

        :return: whether all is done; else the time was up, and the job is called again soon
        """
        if not company._paylink_may_remind(fields.Datetime.now()):
            return True
        today = company._paylink_today()
        return self.env["paylink.job.mixin"]._each(
            self._to_follow(company, today),
            lambda plans: plans._follow(today),
            size=CHUNK,
            place=lambda plan: plan.link_id,
            scope=company,
        )

    @api.model
    def _to_follow(self, company, today):
        """Those of a company that run, and were not looked at on this day, in sudo mode."""
        domain = [("state", "=", "running"), ("company_id", "=", company.id)]
        plans = self.sudo().search([*domain, "|", ("followed_on", "=", False), ("followed_on", "<", today)], order="id")
        return plans.with_company(company)

    def _follow(self, today):
        """What is to be done with these, whose rows are held, on this day."""
        plans = self.filtered(lambda plan: plan.state == "running")
        left = plans._left()
        running = plans._end_kept(left)._end_gone()
        running._drop_useless_methods()
        running.part_ids._fates()  # of all at once
        said = running._said()
        questioned = running.filtered(lambda plan: said[plan.id].is_in_question)
        promised = running.filtered(lambda plan: (said[plan.id].promised_until or date.min) >= today)
        waiting = running._under_way() | questioned | promised
        missed = (running - waiting).filtered(
            lambda plan: plan._is_missed(left[plan.id], today, said[plan.id].promised_until)
        )
        missed._break()
        questioned._all_open().told_at = False  # once that is settled they are asked for anew
        ready = running - missed - waiting
        due = [plan._due_part(left, today) for plan in ready - ready._charge_parts(left, today)]
        self.env["paylink.plan.part"].union(*(plan._open_parts(left[plan.id]) for plan in ready))._tell_unreached()
        self.env["paylink.plan.part"].union(*due)._ask()
        (running - missed)._keep_promises(today)
        plans.followed_on = today

    def _end_kept(self, left):
        """End those of which nothing is due; return the others. What is being changed is due again."""
        kept = self.filtered(lambda plan: left[plan.id] <= 0 and plan.link_id._documents_stand())
        kept._end("kept", _lt("Nothing is due anymore."))
        return self - kept

    def _end_gone(self):
        """End those whose documents were canceled; return those whose documents stand."""
        changed = self.filtered(lambda plan: not plan.link_id._documents_stand())
        gone = changed.filtered(lambda plan: set(plan.link_id.line_ids.move_id.mapped("state")) <= {"cancel"})
        gone._end("ended", _lt("Its documents were canceled."))
        return self - changed

    def _is_missed(self, left, today, promised_until):
        """Whether a part was not paid in time: the customer was asked for it, and had some days, also after what was
        promised meanwhile.
        """
        company = self.company_id
        for part in self._open_parts(left).filtered(lambda part: part._was_asked_for()):
            days = [part.date_due, company._paylink_day(part.told_at), promised_until]
            if fields.Date.add(max(filter(None, days)), days=company.paylink_plan_grace_days) < today:
                return True
        return False

    def _due_part(self, left, today):
        """The last part whose day has come, if it or one before it is open and was not asked for: all come with it."""
        due = self._open_parts(left[self.id]).filtered(lambda part: part.date_due <= today)
        return due[-1:] if not all(due.mapped("told_at")) else due.browse()

    def _keep_promises(self, today):
        """They last as long as the plans, and so do their links: what is asked for late is paid late."""
        self.link_id._last_as_new()
        for company, plans in self.grouped("company_id").items():
            until = fields.Date.add(today, days=company.paylink_plan_grace_days)
            short = plans.hold_ids.filtered_domain([("active", "=", True), ("date_until", "<", until)])
            short.date_until = until
