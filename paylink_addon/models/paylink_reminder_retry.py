from odoo import models
from odoo.tools import SQL

from .paylink_reminder import RETRIED
from .paylink_reminder_pick import Pick


class PaylinkReminderRetry(models.Model):
    """What could not be sent and somebody wants to be tried again, however late it is."""

    _inherit = "paylink.reminder.rule"

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
