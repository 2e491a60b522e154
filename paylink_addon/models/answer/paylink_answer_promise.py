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
        """Remind those customers who have promised to pay today, each once: a part of a job.

        What was told is stored with the messages, so that neither a crash nor a second run tells it again.
        """
        job, now, due = self.env["paylink.job.mixin"], fields.Datetime.now(), []

        def look(company):
            if self._is_told_now(company, now):
                due.append(Domain("company_id", "=", company.id) & Domain("date_until", "=", company._paylink_today()))

        def unread(company, error):  # the reminders of that company have told it
            _logger.info("No promises of company %s: %s", company.id, error)

        companies = self.env["res.company"].search([("paylink_reminders", "=", True)])
        job._each(companies, look, take=False, tell=unread)
        promised = Domain("kind", "=", "promise") & Domain("lifted_at", "=", False) & Domain("told_at", "=", False)
        return job._each(self.sudo().search(promised & Domain.OR(due)), self._remind_now, size=BATCH)

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
        """Queue the messages; who has nothing to pay anymore, or has agreed on something else since, gets none."""
        answers = answers.filtered(lambda answer: not answer.told_at and not answer.lifted_at)
        links = (answers - answers._overtaken()).link_id
        payable = links._payable_amounts() if links else {}
        links.filtered(lambda link: link._awaits_customer() and payable[link.id] > 0)._send_promise_day()
        answers.told_at = fields.Datetime.now()

    def _overtaken(self):
        """Those of whose documents something is objected to by now, or promised for a later day."""
        Hold = self.env["paylink.reminder.hold"].with_context(allowed_company_ids=self.company_id.ids)
        of_moves = Hold._standing([("move_id", "in", self.line_ids.move_id.ids)], "move_id")
        of_customers = Hold._standing_of_customers(self.partner_id.commercial_partner_id)

        def is_overtaken(answer):
            found = [of_moves.get(move.id) for move in answer.line_ids.move_id]
            found.append(of_customers.get(answer.partner_id.commercial_partner_id.id))
            return any(
                objected or (promised and promised > answer.date_until) for promised, objected in filter(None, found)
            )

        return self.filtered(is_overtaken)
