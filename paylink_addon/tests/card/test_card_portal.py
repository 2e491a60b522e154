import re

from odoo import Command
from odoo.tests import HttpCase, tagged

from ...const import Task
from .card_common import CardCommon

PAGE = "/my/payment_method"


@tagged("post_install", "-at_install")
class TestCardPortal(CardCommon, HttpCase):
    """What customers have stored, in the portal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company_contact = cls._customer("Lambert SARL", is_company=True, lang="fr_FR")
        cls.marie.parent_id = cls.company_contact
        cls.portal = cls._create_new_portal_user(login="card-client", partner_id=cls.marie.id)
        cls.portal.write({"company_ids": [Command.set(cls.company.ids)], "company_id": cls.company.id})
        cls.mate = cls._customer("Paul", parent_id=cls.company_contact.id, email="paul@example.com")
        cls.own = cls._store_card(cls._card_request()).token_id

    def setUp(self):
        super().setUp()
        self.authenticate("card-client", "card-client")

    def _foreign(self):
        """Methods of others: a colleague, another customer, one of another company of ours."""
        other = self._other_company(name="Other company")
        own_elsewhere = self.own.sudo().copy({"provider_id": self._demo_provider(other).id, "payment_details": "9999"})
        tokens = [self._store_card(self._card_request(partner)).token_id for partner in (self.mate, self.john)]
        for number, token in enumerate(tokens):
            token.sudo().payment_details = f"777{number}"
        return [*tokens, own_elsewhere]

    def _post(self, action, **data):
        csrf = re.search(r'name="csrf_token" value="([^"]+)"', self.url_open(PAGE).text)[1]
        return self.url_open(f"{PAGE}/{action}", data={"csrf_token": csrf, **data})

    def test_own_methods_with_what_was_agreed_to(self):
        foreign = self._foreign()
        page = self.url_open(PAGE).text
        self.assertIn("1234", page)
        self.assertIn("autorise", page)
        for token in foreign:
            self.assertNotIn(token.payment_details, page)

    def test_methods_of_others_are_left_alone(self):
        for token in self._foreign():
            default = token._paylink_customer().paylink_token_id
            for action in ("default", "remove"):
                self._post(action, token_id=token.id)
            self._post("add", replaces=token.id)
            self.make_jsonrpc_request("/payment/archive_token", {"token_id": token.id})
            self.assertTrue(token.active, token.partner_id.name)
            self.assertEqual(token._paylink_customer().paylink_token_id, default)
        self.assertFalse(self.env["paylink.card.request"].search([("is_from_portal", "=", True)]))
        for nonsense in ("", "x", str(10**30), "1 OR 1=1"):
            self.assertEqual(self._post("remove", token_id=nonsense).status_code, 200)

    def test_removed_there_and_whoever_relies_on_it_is_told(self):
        for remove in (
            lambda token: self._post("remove", token_id=token.id),
            lambda token: self.make_jsonrpc_request("/payment/archive_token", {"token_id": token.id}),
        ):
            token = self._store_card(self._card_request()).token_id
            token._paylink_make_default()
            remove(token)
            self.assertEqual((token.active, token.paylink_end), (False, "customer"))
            tasks = self.env["mail.activity"].sudo().search([("paylink_key", "=", f"{Task.PROFILE_GONE}:{token.id}")])
            self.assertEqual(tasks.res_id, self.company_contact.id)

    def test_default(self):
        second = self._store_card(self._card_request()).token_id
        self.assertEqual(self.company_contact.paylink_token_id, self.own)
        page = self._post("default", token_id=second.id)
        self.assertEqual(self.company_contact.paylink_token_id, second)
        self.assertEqual(page.text.count("text-bg-primary"), 1)

    def test_stored_with_the_consent(self):
        """One request for any number of clicks; it shows what is agreed to, and replaces what it is to replace."""
        for data in ({}, {"replaces": self.own.id}):
            pages = [self._post("add", **data) for _time in range(2)]
            request = self.env["paylink.card.request"].search([("is_from_portal", "=", True)], order="id desc", limit=1)
            for page in pages:
                self.assertTrue(page.url.endswith(f"/card/{request.access_token}"), page.url)
            self.assertIn("autorise", pages[0].text)
            self.assertNotIn("refusé", pages[0].text, "who replaces one of their own accord knows why")
            self.assertEqual((request.partner_id, request.state), (self.marie, "open"))
            token = self._store_card(request).token_id
            self.assertTrue(token.paylink_consent)
            self.assertIn("/my/payment_method", self.url_open(f"/card/{request.access_token}").text)
        self.assertFalse(self.own.active)
        self.assertEqual(self.env["paylink.card.request"].search_count([("is_from_portal", "=", True)]), 2)

    def test_request_after_request(self):
        self.env["ir.config_parameter"].set_param("paylink_addon.max_attempts_per_hour", "2")
        for _time in range(4):
            self._post("add")
            request = self.env["paylink.card.request"].search([("is_from_portal", "=", True)], order="id desc", limit=1)
            request.sudo().cancelled_at = request.create_date
        self.assertEqual(self.env["paylink.card.request"].search_count([("is_from_portal", "=", True)]), 2)

    def test_page_of_odoo_where_nothing_can_be_stored_by_a_request(self):
        self.env["paylink.card.template"].search([]).active = False
        self.assertIn("o_payment_form", self.url_open(PAGE).text)

    def test_nothing_stored_and_a_great_deal(self):
        self.own.sudo().active = False
        self.assertIn("enregistré aucun moyen de paiement", self.url_open(PAGE).text)
        for number in range(30):
            token = self.own.sudo().copy({"active": True, "payment_details": f"{number:04d}", "paylink_bank": "B" * 80})
        self.assertEqual(self.url_open(PAGE).text.count('class="card mb-3"'), 30, token)
