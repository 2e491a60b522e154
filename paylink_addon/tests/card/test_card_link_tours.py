from odoo.tests import tagged

from ..browser_common import ToursCommon
from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardLinkTours(CardCommon, ToursCommon):
    """A salesperson asks a new customer for a card and says whose it is, in a real browser, in French."""

    seller_groups = "paylink_addon.group_paylink_user,base.group_partner_manager"

    def test_linked(self):
        self._customer("Ada M.", email="ada@example.com")
        request = self._new_request(user_id=self.seller.id)
        self._stored_by_newcomer(request, given_company="Atelier Martin")
        action = "/odoo/action-paylink_addon.paylink_card_request_to_link_action"
        self.start_tour(action, "paylink_card_link", login="camille")
        self.assertEqual((request.linking, request.is_new), ("to_link", True))
        self.start_tour(action, "paylink_card_create", login="camille")
        self.assertEqual((request.linking, request.partner_id.parent_id.name), ("linked", "Atelier Martin"))

    def test_new_customer_is_asked(self):
        action = "/odoo/action-paylink_addon.paylink_card_request_action"
        self.start_tour(action, "paylink_card_ask_new", login="camille")
        request = self.env["paylink.card.request"].search([("email", "=", "nouveau@example.com")])
        self.assertEqual((request.is_new, request.status), (True, "not_opened"))
        known = self.env["paylink.card.request"].search([("partner_id", "=", self.marie.id)])
        self.assertEqual(known.kind, "existing")
