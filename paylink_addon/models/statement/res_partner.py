from odoo import models


class ResPartner(models.Model):
    """The account of a customer: its open items, and the page on which it sees them itself."""

    _inherit = "res.partner"

    def action_paylink_account(self):
        """Show the open items of the customer, to ask for some of them."""
        self.ensure_one()
        rows = self.env["paylink.account.item"]._open_account(self)
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_account_item_action")
        return action | {
            "name": self.env._("Account of %(name)s", name=self.commercial_partner_id.display_name),
            "domain": [("partner_id", "=", self.commercial_partner_id.id), ("user_id", "=", self.env.uid)],
            "context": {"paylink_has_items": bool(rows)},
        }

    def action_paylink_statement(self):
        """Show the statement page of the customer; it is made if there is none."""
        self.ensure_one()
        return self.env["paylink.statement"]._for_customers(self)._get_records_action()

    def action_paylink_print_statements(self):
        """The statements of these customers as a PDF."""
        return self.env["paylink.statement"]._for_customers(self).action_print()

    def action_paylink_excel_statement(self):
        """The statement of the customer as an Excel file."""
        self.ensure_one()
        return self.env["paylink.statement"]._for_customers(self).action_excel()

    def action_paylink_send_statements(self):
        """Open the wizard that sends their statement to these customers."""
        return self.env["paylink.statement.send"]._action_open(self)
