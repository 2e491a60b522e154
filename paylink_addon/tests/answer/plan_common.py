from datetime import timedelta

from odoo import fields
from odoo.tests import freeze_time

from ..reminder.reminder_common import TODAY, ReminderCommon


class PlanCommon(ReminderCommon):
    """A company that lets its customers pay in parts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time(f"{TODAY} 10:00:00"))
        cls.company.write({"paylink_plan_parts": 4, "paylink_plan_least": 20, "paylink_plan_grace_days": 3})
        cls.company.partner_id.tz = "Europe/Paris"

    def _in_parts(self, amount=120.0, count=3, **values):
        """A link of an invoice of long ago, paid in parts."""
        link = self._link(self._due_invoice(10, amount=amount, **values))
        return link, link.sudo()._choose_plan(link.sudo()._plan_offers()[count - 2].key)

    def _follow(self, days):
        """Let the job run as so many days later; return what the customer is written."""
        before = self.env["mail.mail"].sudo().search([])
        day = TODAY + timedelta(days=days)
        with freeze_time(f"{day} 10:00:00"):
            plans = self.env["paylink.plan"].sudo()._to_follow(self.company, day)
            plans._follow(day)
            self.env.flush_all()
            self.env.invalidate_all()
        mails = self.env["mail.mail"].sudo().search([], order="id") - before
        waiting = self.env["mail.notification"].sudo().search([("notification_status", "=", "ready")])
        waiting.notification_status = "sent"  # they leave at once
        with freeze_time(f"{day} 10:00:00"):
            self.env["paylink.plan.part"].sudo()._newly_left()._note_left()
        return mails

    def _dispute(self, link, **values):
        """A bank takes a payment by ``link`` back, or may."""
        return (
            self.env["paylink.dispute"]
            .sudo()
            .create(
                {
                    "name": f"dp_{link.id}",
                    "provider_id": self.provider.id,
                    "transaction_id": link.transaction_ids[:1].id,
                    "currency_id": link.currency_id.id,
                    "status": "needs_response",
                    "item_ids": [fields.Command.set(link.line_ids.move_line_id.ids)],
                    **values,
                }
            )
        )
