from odoo import fields, models
from odoo.exceptions import AccessError

from ..const import LIVE_STATES


class ResPartner(models.Model):
    _inherit = "res.partner"

    paylink_link_count = fields.Integer(
        string="Collection Links", compute="_compute_paylink", groups="paylink_addon.group_paylink_user"
    )
    paylink_open_link_count = fields.Integer(
        string="Open Collection Links", compute="_compute_paylink", groups="paylink_addon.group_paylink_user"
    )

    def _compute_paylink(self):
        """The links the user may see, of each customer and of the contacts below it."""
        totals = {partner: [0, 0] for partner in self}
        contacts = self.with_context(active_test=False).search_fetch([("id", "child_of", self.ids)], ["parent_id"])
        for contact, state, count in self.env["paylink.link"]._read_group(
            [("partner_id", "in", contacts.ids)], ["partner_id", "state"], ["__count"]
        ):
            ancestor = contact
            while ancestor:
                if ancestor in totals:
                    totals[ancestor][0] += count
                    totals[ancestor][1] += count if state in LIVE_STATES else 0
                ancestor = ancestor.parent_id
        for partner, (count, live) in totals.items():
            partner.paylink_link_count = count
            partner.paylink_open_link_count = live

    def action_paylink_view_links(self):
        """Show the links of the customer."""
        self.ensure_one()
        links = self.env["paylink.link"].search([("partner_id", "child_of", self.id)])
        return links._get_records_action(name=self.env._("Payments of %(name)s", name=self.display_name)) | {
            "domain": [("partner_id", "child_of", self.id)],
            "views": [(False, "list"), (False, "form")],
            "res_id": False,
            "context": {"default_partner_id": self.id},
        }

    def action_paylink_send(self):
        """Open the wizard that asks these customers for all they owe."""
        return self.env["paylink.send"]._action_open(self)

    def _paylink_open_items(self, companies):
        """The customers' open receivable items in ``companies``, in sudo mode.

        A salesperson may ask a customer for what is due without being able to read the journal entries: what is checked
        is the right to use links and to read the customer.
        """
        if not self.env.su and not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        self.check_access("read")
        return (
            self.env["account.move.line"]
            .sudo()
            .search(
                [
                    ("partner_id", "child_of", self.commercial_partner_id.ids),
                    ("company_id", "in", companies.ids),
                    ("parent_state", "=", "posted"),
                    ("account_type", "=", "asset_receivable"),
                    ("reconciled", "=", False),
                    # Money given back waits for its credit note: it is not asked for again.
                    "|",
                    ("payment_id", "=", False),
                    ("payment_id.payment_type", "=", "inbound"),
                ],
                order="date_maturity, id",
            )
        )
