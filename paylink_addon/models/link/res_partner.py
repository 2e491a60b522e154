from odoo import api, models
from odoo.exceptions import AccessError
from odoo.tools import SQL


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "paylink.status.mixin"]

    # === WHICH LINKS === #

    def _paylink_pairs_sql(self):
        """The links that the user may see of each customer and of the contacts below it.

        Unlike an invoice, a customer may be shared: neither another company's links nor a colleague's show.
        """
        domain = [("partner_id", "child_of", self.ids)] if self else []
        links = self.env["paylink.link"].with_context(active_test=False)._search(domain)
        self.env["paylink.link"].flush_model(["partner_id"])
        self.flush_model(["parent_id"])
        return SQL(
            """
            WITH RECURSIVE asked(record_id, link_id) AS (
                SELECT link.partner_id, link.id FROM paylink_link link WHERE link.id IN %s
                 UNION
                SELECT contact.parent_id, asked.link_id
                  FROM asked JOIN res_partner contact ON contact.id = asked.record_id
                 WHERE contact.parent_id IS NOT NULL
            )
            SELECT record_id, link_id, link_id AS id FROM asked
            """,
            links.subselect(),
        )

    # === ACTIONS === #

    def action_paylink_view_links(self):
        """Show the links of the customer."""
        self.ensure_one()
        self.check_access("read")
        links = self.env["paylink.link"].search([("partner_id", "child_of", self.id)])
        return links._get_records_action(name=self.env._("Payments of %(name)s", name=self.display_name)) | {
            "domain": [("partner_id", "child_of", self.id)],
            "views": [(False, "list"), (False, "form")],
            "res_id": False,
            "context": {"default_partner_id": self.id},
        }

    # === BUSINESS METHODS === #

    def _paylink_check_asking(self):
        """Refuse whoever may not send links, or not read these contacts and the customers that they belong to."""
        if not self.env.su and not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        (self | self.commercial_partner_id).check_access("read")

    def _paylink_open_items(self, companies):
        """The customers' open receivable items in ``companies``, in sudo mode.

        A salesperson may ask a customer for what is due without being able to read the journal entries: what is checked
        is the right to use links and to read the customer, who owes it, not only the contact. What contacts owe, or
        were invoiced, who are hidden from the user is left out: nobody is told of it, nor asks for it, by any sum.
        """
        self._paylink_check_asking()
        waiting = self.env["account.move.line"]._paylink_waiting(self.commercial_partner_id)
        items = (
            self.env["account.move.line"]
            .sudo()
            .search(
                [
                    ("partner_id", "child_of", self.commercial_partner_id.ids),
                    ("company_id", "in", companies.ids),
                    ("parent_state", "=", "posted"),
                    ("account_type", "=", "asset_receivable"),
                    ("reconciled", "=", False),
                    ("id", "not in", waiting.ids),
                    ("id", "not in", SQL("(%s)", self.env["account.move.line"]._paylink_kept_sql())),
                ],
                order="date_maturity, id",
            )
        )
        return items if self.env.su else self._paylink_of_readable(items)

    @api.model
    def _paylink_of_readable(self, items):
        """Those of ``items`` whose customers, and whom they were invoiced to, the user may read."""
        contacts = (items.partner_id | items.move_id.partner_id).with_env(self.env)
        hidden = contacts - contacts._filtered_access("read")
        if not hidden:
            return items
        return items.filtered(lambda item: not (item.partner_id | item.move_id.partner_id) & hidden)
