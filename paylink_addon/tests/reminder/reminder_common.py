from datetime import date, timedelta

from odoo import Command

from ..common import PaylinkCommon

# A Wednesday.
TODAY = date(2026, 3, 18)


class ReminderCommon(PaylinkCommon):
    """A company that reminds, and short ways to rules, invoices and runs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {
                "paylink_reminders": True,
                "paylink_tz": "Europe/Paris",
                "resource_calendar_id": cls._calendar().id,
                "email": "compta@example.com",
            }
        )
        cls.company.partner_id.lang = "en_US"
        groups = "paylink_addon.group_payment_manager,account.group_account_invoice"
        cls.manager = cls._user("manager", groups, email="manager@example.com")

    @classmethod
    def _calendar(cls, company=None, weekdays=range(7), hours=(0, 24), **values):
        """Sending hours: always, if nothing else is said."""
        lines = [
            Command.create(
                {
                    "name": str(day),
                    "dayofweek": str(day),
                    "hour_from": hours[0],
                    "hour_to": hours[1],
                    "day_period": "morning",
                }
            )
            for day in weekdays
        ]
        company = company or cls.company
        return cls.env["resource.calendar"].create(
            {"name": "Hours", "company_id": company.id, "attendance_ids": [Command.clear(), *lines], **values}
        )

    @classmethod
    def _holiday(cls, calendar, begin="2000-01-01 00:00:00", end="2100-01-01 00:00:00", **values):
        """A holiday of a calendar: it never ends, if nothing else is said. No calendar: of all of the company's."""
        values = {"calendar_id": calendar.id, "date_from": begin, "date_to": end, **values}
        return cls.env["resource.calendar.leaves"].create(values)

    @classmethod
    def _rule(cls, days=(3, 10, 30), tones=("1", "2", "3"), **values):
        """A rule with a step for each of ``days``, ever firmer."""
        steps = [Command.create({"days": day, "tone": tone}) for day, tone in zip(days, tones, strict=False)]
        return cls.env["paylink.reminder.rule"].create(
            {
                "name": "Overdue",
                "company_id": cls.company.id,
                "user_id": cls.manager.id,
                "include_link": False,
                "step_ids": steps,
                **values,
            }
        )

    @classmethod
    def _due_invoice(cls, late=0, partner=None, amount=100.0, **values):
        """An invoice that is ``late`` days overdue on :data:`TODAY`."""
        due = TODAY - timedelta(days=late)
        return cls._invoice(partner, amount, invoice_date=due - timedelta(days=30), invoice_date_due=due, **values)

    @classmethod
    def _chargeback(cls, link):
        """A chargeback of a payment by ``link``, as the provider's messages have it."""
        return (
            cls.env["paylink.dispute"]
            .sudo()
            .create(
                {
                    "name": f"dp_{link.id}",
                    "provider_id": cls.provider.id,
                    "transaction_id": cls._force_attempt(link, 1).id,
                    "currency_id": link.currency_id.id,
                    "status": "needs_response",
                    "item_ids": [Command.set(link.line_ids.move_line_id.ids)],
                }
            )
        )

    def _remind(self, day=TODAY):
        """Run the rules as on ``day``; return the messages that were made."""
        before = self.env["paylink.reminder.message"].search([])
        rules = self.env["paylink.reminder.rule"].search([("company_id", "=", self.company.id)])
        customers = rules._due_customers(day)
        if customers:
            rules._remind(day, customers)
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["paylink.reminder.message"].search([]) - before

    def _mails(self, messages):
        return (
            self.env["mail.mail"].sudo().search([("mail_message_id", "in", messages.mail_message_id.ids)], order="id")
        )

    def _reminders(self, moves=None):
        domain = [("move_id", "in", moves.ids)] if moves else []
        return self.env["paylink.reminder"].search(domain, order="id")
