from odoo.tests import tagged

from odoo.addons.paylink_addon.tests.browser_common import ToursCommon


@tagged("post_install", "-at_install")
class TestOpportunityTours(ToursCommon):
    """What a salesperson does, in a real browser, in French."""

    seller_groups = "sales_team.group_sale_salesman,base.group_partner_manager"

    def test_ask_from_an_opportunity(self):
        seller = self.seller
        lead = (
            self.env["crm.lead"]
            .sudo()
            .create(
                {
                    "name": "Escalier",
                    "type": "opportunity",
                    "user_id": seller.id,
                    "contact_name": "Zoé Petit",
                    "email_from": "zoe@example.com",
                }
            )
        )
        self.start_tour(f"/odoo/action-crm.crm_lead_action_pipeline/{lead.id}", "paylink_opportunity", login="camille")
        link = self.env["paylink.link"].with_user(seller).search([("lead_id", "=", lead.id)])
        self.assertEqual((link.amount, link.partner_id.name, link.user_id), (300, "Zoé Petit", seller))
