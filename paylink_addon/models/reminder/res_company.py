from datetime import datetime, time, timedelta

from odoo import fields, models
from odoo.tools.intervals import Intervals

from ...tools import days

# Monday to Friday.
OFFICE_DAYS = range(5)
OFFICE_HOURS = time(9), time(17)


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_reminders = fields.Boolean(
        string="Reminders on", help="If off, nobody is reminded, whatever the rules say."
    )
    paylink_reminder_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Sending hours",
        check_company=True,
        help="Days, hours and public holidays; in the company's time zone. Empty: the company's working hours.",
    )
    paylink_reminder_gap_days = fields.Integer(
        string="At most one reminder per customer within",
        default=1,
        help="In days, over all rules: only the firmest reminder is sent. 0: no limit.",
    )
    paylink_reminder_catchup_days = fields.Integer(
        string="Catch up",
        default=7,
        help="How many days late a reminder may be sent, after holidays or an interruption. Older ones are not sent.",
    )
    # Somebody wants a run now, whatever the hour.
    paylink_reminder_requested = fields.Boolean()

    _paylink_reminder_days_in_bounds = models.Constraint(
        "CHECK(paylink_reminder_gap_days BETWEEN 0 AND 3650 AND paylink_reminder_catchup_days BETWEEN 0 AND 3650)",
        "Enter numbers of days from 0 to 3650.",
    )

    def _paylink_reminder_lateness(self):
        """How many days a reminder may be late: what waits for its turn among others is not too old for it."""
        return max(self.paylink_reminder_catchup_days, self.paylink_reminder_gap_days)

    def _paylink_may_remind(self, moment):
        """Whether ``moment`` (UTC) lies within the sending hours, and it is no holiday."""
        self.ensure_one()
        start = days.local(moment, self.paylink_tz)
        return self._paylink_sends_between(start, start + timedelta(seconds=1))

    def _paylink_reminding(self):
        """The companies that remind at this moment."""
        now = fields.Datetime.now()
        return self.filtered(lambda company: company.paylink_reminders and company._paylink_may_remind(now))

    def _paylink_sends_on(self, date):
        """Whether reminders go out on ``date`` at all."""
        zone = self._paylink_zone()
        return self._paylink_sends_between(
            zone.localize(datetime.combine(date, time.min)), zone.localize(datetime.combine(date, time.max))
        )

    def _paylink_sends_between(self, start, end):
        calendar = self.sudo().paylink_reminder_calendar_id or self.sudo().resource_calendar_id
        # A holiday of another company is none here, nor one of another calendar.
        domain = [("time_type", "=", "leave"), ("company_id", "in", (False, self.id))]
        options = {"domain": [*domain, ("calendar_id", "in", [False, *calendar.ids])], "tz": self._paylink_zone()}
        if calendar.flexible_hours or not calendar._get_global_attendances():
            # It does not say when. Of flexible hours Odoo knows how many are worked: it puts them around noon, on any
            # day from the first on.
            holidays = calendar._leave_intervals_batch(start, end, **options)[False]
            hours = self._paylink_office_hours(start, end) - holidays
        else:
            hours = calendar._work_intervals_batch(start, end, **options)[False]
        return bool(list(hours))

    def _paylink_office_hours(self, start, end):
        """When people expect to hear of a company that does not say when it works."""
        zone, hours = self._paylink_zone(), []
        for number in range((end - start).days + 2):
            day = start + timedelta(days=number)
            opening, closing = (zone.localize(datetime.combine(day, moment)) for moment in OFFICE_HOURS)
            if day.weekday() in OFFICE_DAYS and max(start, opening) < min(end, closing):
                hours.append((max(start, opening), min(end, closing), self))
        return Intervals(hours)
