"""Stage of ``paylink.answer``: a promise to pay."""

import logging

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date

from ...tools import days
from ..reminder.res_company import OFFICE_HOURS

_logger = logging.getLogger(__name__)

# How many promises are done in one transaction.
BATCH = 50
# So many days late at most, whatever the company has set: reminders have long gone on since.
MOST_LATE = 7
# Of what nothing is said: see ``paylink.reminder.hold._standing``.
NOTHING = (False, False)


class PaylinkAnswerPromise(models.Model):
    """What a promise says. On its day the customer is reminded; what it holds up goes on by itself once it is over."""

    _inherit = "paylink.answer"

    told_at = fields.Datetime(
        string="Reminded on", readonly=True, help="When the customer was reminded of the day that was promised."
    )

    expiry_before = fields.Datetime(readonly=True, help="When the link would have expired but for the promise.")
    expiry_given = fields.Datetime(readonly=True, help="When it expires because of it.")

    def _undo_promise(self):
        """The link lasts no longer than before, unless somebody has changed that since."""
        self._undo_general()
        if self.expiry_given and self.link_id.expires_at == self.expiry_given:
            self.link_id.expires_at = self.expiry_before

    def _text_promise(self, env):
        return env._("Will pay on %(date)s.", date=format_date(env, self.date_until))

    def _page_text_promise(self, env):
        return env._(
            "You will pay on %(date)s: until then we do not remind you, and charge nothing automatically.",
            date=format_date(env, self.date_until),
        )

    # === ON ITS DAY === #

    @api.model
    def _remind_of_promises(self):
        """Remind those customers who have promised to pay today, each once: a part of a job. What it has missed as it
        stood still is told some days later, as reminders are.

        What was told is stored with the messages, so that neither a crash nor a second run tells it again.
        """
        job, now, due = self.env["paylink.job.mixin"], fields.Datetime.now(), []

        def look(company):
            if self._is_told_now(company, now):
                due.append(self._due_domain(company, now))

        def unread(company, error):  # the reminders of that company have told it
            _logger.info("No promises of company %s: %s", company.id, error)

        companies = self.env["res.company"].search([("paylink_reminders", "=", True)])
        job._each(companies, look, take=False, tell=unread)
        names = ("lifted_at", "kept_at", "told_at")
        promised = Domain("kind", "=", "promise") & Domain.AND([(name, "=", False)] for name in names)
        return job._each(self.sudo().search(promised & Domain.OR(due)), self._remind_now, size=BATCH)

    @api.model
    def _due_domain(self, company, now):
        """What was promised for today or, in the hours of reminders, some days ago."""
        today = company._paylink_today()
        late = min(company.paylink_reminder_catchup_days, MOST_LATE) if company._paylink_may_remind(now) else 0
        since = fields.Date.subtract(today, days=late)
        days_ = Domain("date_until", ">=", since) & Domain("date_until", "<=", today)
        return Domain("company_id", "=", company.id) & days_

    @api.model
    def _is_told_now(self, company, now):
        """In the hours in which the company reminds; on a day that has none, which the customer has chosen all the
        same, in those of offices.
        """
        opening, closing = OFFICE_HOURS
        hour = days.local(now, company.paylink_tz).time()
        return company._paylink_may_remind(now) or (
            opening <= hour < closing and not company._paylink_sends_on(company._paylink_day(now))
        )

    @api.model
    def _remind_now(self, answers):
        """Queue the messages; who has nothing to pay anymore, was reminded otherwise, or has agreed on something else
        since, gets none. What is promised for a later day is not asked for.
        """
        answers = answers._not_ended().filtered(lambda answer: not answer.told_at)
        links = self._links_to_tell((answers - answers._reminded_since())._put_off())
        payable = links._payable_amounts() if links else {}
        links.filtered(lambda link: link._awaits_customer() and payable[link.id] > 0)._send_promise_day()
        answers.told_at = fields.Datetime.now()

    @api.model
    def _links_to_tell(self, put_off):
        """The links by which it can be paid now.

        :param dict put_off: see :meth:`_put_off`
        """
        links = self.env["paylink.link"].sudo()
        return links.union(*(answer._asking_link()._without(later) for answer, later in put_off.items()))

    def _asking_link(self):
        """The link by which it can be paid now: the newest made of its own, where that has ended. One that has lasted
        through the promised day, which is over, lasts through this one.
        """
        link = self.link_id
        if not link._is_live() and (successor := link._successors().filtered(lambda one: one._is_live())):
            return successor.sorted("id")[-1:]
        if self.expiry_given and link.expires_at == self.expiry_given and not link.cancelled_at:
            link._last_through(link._today(), self)
        return link

    def _reminded_since(self):
        """Those whose day is over, and whose customers a rule has reminded since."""
        late = self.filtered(lambda answer: answer.date_until < answer.company_id._paylink_today())
        customers = late.partner_id.commercial_partner_id
        last = {
            (customer, company): day
            for customer, company, day in self.env["paylink.reminder.message"]._read_group(
                [("customer_id", "in", customers.ids)], ["customer_id", "company_id"], ["date:max"]
            )
        }

        def is_reminded(answer):
            day = last.get((answer.partner_id.commercial_partner_id, answer.company_id))
            return day and day > answer.date_until

        return late.filtered(is_reminded)

    def _put_off(self):
        """What is promised for a later day by now, ``{answer: open items}``: of those of whose open documents nothing
        is objected to, and something is still promised for their own day.
        """
        Hold = self.env["paylink.reminder.hold"].with_context(allowed_company_ids=self.company_id.ids)
        of_moves = Hold._standing([("move_id", "in", self.line_ids.move_id.ids)], "move_id")
        of_customers = Hold._standing_of_customers(self.partner_id.commercial_partner_id)
        found = {}
        for answer in self:
            items = answer.line_ids.move_line_id._paylink_unsettled()
            of_all = of_customers.get(answer.partner_id.commercial_partner_id.id, NOTHING)
            said = {move: of_moves.get(move.id, NOTHING) for move in items.move_id}
            days_ = {move: day for move, (day, _objected) in said.items() if day and day > answer.date_until}
            later = items.filtered(lambda item, days_=days_: item.move_id in days_)
            is_all_later = (of_all[0] or answer.date_until) > answer.date_until or (items and later == items)
            if not is_all_later and not any(objected for _day, objected in [of_all, *said.values()]):
                found[answer] = later
        return found
