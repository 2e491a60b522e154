"""Stage of ``paylink.plan``: what the job waits for, as reminders and automatic payments do."""

from typing import NamedTuple

from odoo import models
from odoo.fields import Domain
from odoo.tools import SQL

from ..reminder.paylink_reminder_hold import OF_ALL


class Said(NamedTuple):
    """What is said of the documents of a plan besides the plan itself."""

    # The last day of what was promised, also if it is over.
    promised_until: object = False
    # Somebody else decides first: the customer says that something is wrong, or a bank has taken money back, or may.
    is_in_question: bool = False


class PaylinkPlanWait(models.Model):
    """Nobody is asked for a part, nor is one missed, as long as something speaks against that."""

    _inherit = "paylink.plan"

    def _under_way(self):
        """Those of which money is on its way."""
        items = {plan: plan.link_id.line_ids.move_line_id for plan in self.sudo()}
        query = SQL(
            "SELECT DISTINCT item_id FROM (%s) coming WHERE NOT is_booked",
            self.env["payment.transaction"]._paylink_coming_sql(
                items=self.env["account.move.line"].union(*items.values())
            ),
        )
        coming = {item_id for (item_id,) in self.env.execute_query(query)}
        return self.browse(plan.id for plan, own in items.items() if not coming.isdisjoint(own.ids))

    def _said(self):
        """What is said of the documents, by whatever link or whoever noted it: :class:`Said` by id, in few queries.

        Of what is paid, or was credited, nothing is said anymore.
        """
        plans = self.sudo()
        every = plans.link_id.line_ids.move_line_id
        items = every._paylink_unsettled()
        domain = [("move_line_id", "in", items.ids), ("link_id.cancelled_at", "=", False)]
        asking = self.env["paylink.link.line"].sudo().search(domain)
        about = (
            Domain("move_id", "in", items.move_id.ids)
            | (Domain("move_id", "=", False) & Domain("link_id", "in", asking.link_id.ids))
            | (OF_ALL & Domain("partner_id", "in", plans._customers().ids))
        )
        others = Domain("plan_id", "=", False) & Domain("company_id", "in", plans.company_id.ids)
        holds = self.env["paylink.reminder.hold"].sudo().search(others & about)
        lines, taken = asking.grouped("move_line_id"), every._paylink_charged_back()
        return {plan.id: plan._said_of_it(lines, holds, taken) for plan in plans}

    def _said_of_it(self, lines, holds, taken):
        """:meth:`_said` of one: what is on hold, also because transfers were announced, unless that was too often."""
        every, customers = self.link_id.line_ids.move_line_id, self._customers()
        items = every._paylink_unsettled()
        asking = self.env["paylink.link.line"].union(*(lines.get(item, ()) for item in items))
        named = {*items.move_id, *asking.filtered(lambda line: not line.is_invoice).link_id}
        own = holds.filtered(
            lambda hold: (
                hold.company_id == self.company_id
                and (about in named if (about := hold._is_about()) else hold.partner_id in customers)
            )
        )
        promises = own.filtered(lambda hold: hold.kind == "promise")
        is_objected = any(not hold.is_over for hold in own - promises)
        return Said(max(promises.mapped("date_until"), default=False), is_objected or bool(every & taken))

    def _customers(self):
        links = self.link_id
        return links.partner_id.commercial_partner_id | links.line_ids.move_id.commercial_partner_id
