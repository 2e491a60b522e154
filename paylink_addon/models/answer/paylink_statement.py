from odoo import models

from .paylink_link_plan import ENDED_UNPAID


class PaylinkStatement(models.Model):
    """What is paid in parts is neither late nor asked for as a whole: the plan says when what is due."""

    _inherit = "paylink.statement"

    def _agreed(self, items):
        """The address of a plan is shown to the very customer that it was made with."""
        found, text = super()._agreed(items), self.env._("Paid in parts")
        for plan in self.env["paylink.plan"]._running_of(items):
            link = plan.link_id
            address = link.partner_id == self.partner_id and f"{link._page_path}/{link.access_token}"
            found |= dict.fromkeys((link.line_ids.move_line_id & items).ids, (text, address))
        return found

    def _shown_links(self):
        """Also those of plans that run, or of what is due after them."""
        domain = [("company_id", "in", self.company_id.ids), ("partner_id", "in", self.partner_id.ids)]
        plans = self.env["paylink.plan"].sudo().search([*domain, ("state", "in", ("running", *ENDED_UNPAID))])
        return super()._shown_links() | plans.link_id.filtered(lambda link: link.is_in_parts or link._is_live())
