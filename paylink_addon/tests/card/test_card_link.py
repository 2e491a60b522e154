from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardLink(CardCommon):
    """What new customers store: asked for, linked to a customer, and back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        groups = "paylink_addon.group_paylink_user,base.group_partner_manager"
        cls.seller = cls._user("link-seller", groups)
        cls.open_template = cls.new_template.copy({"kind": "generic", "company_id": cls.company.id, "name": "Page"})
        cls.colleague = cls._user("link-colleague", groups)

    def _dialog(self, user=None, **values):
        return self.env["paylink.card.send"].with_user(user or self.env.user).create(values)

    def _ask(self, email="", phone="", **values):
        line = Command.create({"email": email, "phone": phone, "lang": "fr_FR"})
        return self._dialog(line_ids=[line], **values)

    def _link_dialog(self, request):
        return request.env["paylink.card.link"].browse(request.action_link()["res_id"])

    # === ASKED === #

    def test_asked_by_typed_addresses(self):
        dialog = self._ask("ada@example.com", "06 39 98 00 01", user=self.seller, send_sms=True)
        self.assertEqual((dialog.kind, dialog.template_id), ("new", self.new_template))
        dialog.action_send()
        request = dialog.request_ids
        self.assertEqual((request.state, request.is_new, request.user_id), ("open", True, self.seller))
        self.assertFalse(request.partner_id.active)
        mail = self.env["mail.mail"].search([("model", "=", request._name), ("res_id", "=", request.id)])
        self.assertEqual(mail.email_to, "ada@example.com")
        self.assertNotIn(request.partner_id.name, mail.body_html)
        sms = self.env["sms.sms"].search([], order="id desc", limit=1)
        self.assertEqual(sms.number, "+33639980001")
        self.assertIn(request.url, sms.body)

    def test_owner_has_left(self):
        """The payment managers are told of what waits to be linked, until it is."""
        manager = self._user("link-manager", "paylink_addon.group_payment_manager")
        request = self._new_request(user_id=self.seller.id)
        self.seller.active = False
        self._stored_by_newcomer(request)
        domain = [("res_model", "=", request._name), ("res_id", "=", request.id), ("user_id", "=", manager.id)]
        task = self.env["mail.activity"].search(domain)
        self.assertEqual(task.paylink_key, "card_to_link")
        self.assertIn("Ada Martin", task.note)
        request._link_to(self.marie)
        self.env.cr.flush()
        self.assertFalse(task.exists())

    def test_addresses_that_can_not_work(self):
        cases = [
            ({}, {}, "no e-mail address"),
            ({"email": "nonsense"}, {}, "is not an e-mail address"),
            ({"email": "ada@example.com"}, {"send_sms": True}, "no mobile number"),
            ({"phone": "12"}, {"send_email": False, "send_sms": True}, "is not a phone number"),
            ({"phone": "01 40 00 00 00"}, {"send_email": False, "send_sms": True}, "is not a mobile number"),
        ]
        for addresses, channels, text in cases:
            with self.subTest(text=text, **addresses):
                dialog = self._ask(**addresses, **channels)
                self.assertIn(text, dialog.line_ids.problem)
                with self.assertRaisesRegex(UserError, text):
                    dialog.action_send()
        with self.assertRaisesRegex(UserError, "Choose"):
            self._dialog().action_send()
        self.assertFalse(self.env["paylink.card.request"].search([("is_new", "=", True)]))

    def test_known_address_is_proposed_to_who_may_read_it(self):
        dialog = self._ask("Marie@Example.com")
        self.assertEqual((dialog.line_ids.known_id, dialog.line_ids.ask_known), (self.marie, True))
        dialog.action_send()
        self.assertEqual((dialog.request_ids.partner_id, dialog.request_ids.kind), (self.marie, "existing"))
        other = self._ask("marie@example.com")
        other.line_ids.ask_known = False
        other.action_send()
        self.assertTrue(other.request_ids.is_new)
        self._hide(self.marie)
        self.assertFalse(self._ask("marie@example.com", user=self.seller).line_ids.known_id)

    def _hide(self, partner):
        self.env["ir.rule"].sudo().create(
            {
                "name": "Hidden",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {partner.id})]",
            }
        )

    def test_other_customers_can_not_be_slipped_in(self):
        line = Command.create({"partner_id": self.john.id, "email": "x@example.com", "lang": "fr_FR"})
        with self.assertRaisesRegex(UserError, "have changed"):
            self._dialog(line_ids=[line]).action_send()

    def test_asked_anew(self):
        """Who says nothing of themselves until the request is over is asked by another one."""
        for template in (self.new_template, self.open_template):
            request = self._new_request(template_id=template.id, partner_id=self.company._paylink_newcomer().id)
            request.action_cancel()
            again = self.env["paylink.card.request"].browse(request.action_renew()["res_id"])
            self.assertEqual((again.email, again.is_new, again._asks_who()), ("ada@example.com", True, True))

    # === LINKED === #

    def test_stored_waits_to_be_linked(self):
        request = self._new_request(user_id=self.seller.id)
        token = self._stored_by_newcomer(request, given_company="Atelier Martin")
        self.assertEqual((request.state, request.linking, request.unread), ("stored", "to_link", True))
        self.assertEqual(request.token_id.paylink_profile_status, "to_link")
        self.assertEqual(request.customer_name, "Atelier Martin, Ada Martin")
        self.assertFalse(token._paylink_customer().paylink_token_id)
        found = self.env["paylink.card.request"].with_user(self.seller).search([("linking", "=", "to_link")])
        self.assertEqual(found, request)
        for method in ("action_paylink_set_default", "action_paylink_request_update", "action_paylink_charge"):
            with self.subTest(method=method), self.assertRaisesRegex(UserError, "not linked"):
                getattr(token.with_user(self.seller), method)()
        with self.assertRaises(AccessError):
            token.with_user(self.colleague).action_paylink_remove()
        token.with_user(self.seller).action_paylink_remove()
        self.assertFalse(request.linking)

    def test_suggested_with_reasons(self):
        firm = self._customer("Atelier Martin", is_company=True, vat="FR23334175221")
        same = self._customer("ADA MARTIN", email="Ada@Example.com", phone="+33 6 12 34 56 78")
        by_phone = self._customer("Somebody", phone="06 12 34 56 78")
        hidden = self._customer("Hidden", email="ada@example.com")
        self._customer("Archived", email="ada@example.com").active = False
        other = self._other_company(name="Other")
        self._customer("Theirs", email="ada@example.com", company_id=other.id)
        request = self._new_request(user_id=self.seller.id)
        self._stored_by_newcomer(
            request, given_company="atelier martin", given_phone="0612345678", given_vat="fr 23 334175221"
        )
        self._hide(hidden)
        dialog = self._link_dialog(request.with_user(self.seller))
        self.assertEqual(
            [(line.partner_id, line.reason) for line in dialog.line_ids],
            [
                (same, "same e-mail address, same phone number, same name"),
                (firm, "same VAT number, same name"),
                (by_phone, "same phone number"),
            ],
        )
        self.assertEqual(request.partner_id, self.company.paylink_newcomer_id, "Nothing is linked by itself.")

    def test_suggestions_are_one_query(self):
        requests = self.env["paylink.card.request"]
        for number in range(12):
            requests |= self._new_request(f"n{number}@example.com")
        requests.sudo()._suggestions()
        with self.assertQueryCount(4):
            requests.sudo()._suggestions()

    def test_linked_undone_linked_again(self):
        request = self._new_request(user_id=self.seller.id)
        token = self._stored_by_newcomer(request)
        own = request.with_user(self.seller)
        dialog = self._link_dialog(own)
        dialog.partner_id = self.john
        dialog.action_link()
        self.assertEqual((request.partner_id, request.linking), (self.john, "linked"))
        self.assertEqual((token.partner_id, request.transaction_ids.partner_id), (self.john, self.john))
        self.assertEqual((self.john.paylink_token_id, request.email), (token, "ada@example.com"))
        self.assertIn("autorise ", token.paylink_consent)
        with self.assertRaisesRegex(UserError, "does not wait"):
            dialog.action_link()
        own.action_undo_link()
        self.assertEqual((request.linking, self.john.paylink_token_id.id), ("to_link", False))
        self.assertEqual(token.partner_id, self.company.paylink_newcomer_id)
        first = self._store_card(self._card_request()).token_id
        own._link_to(self.marie.with_user(self.seller))
        self.assertEqual(self.marie.paylink_token_id, first, "The customer had a default.")

    def test_charged_is_not_undone(self):
        request = self._new_request()
        token = self._stored_by_newcomer(request)
        request._link_to(self.marie)
        charge = self._attempt(self._link(self._invoice()))
        charge.write({"token_id": token.id, "operation": "offline"})
        charge._set_done()
        with self.assertRaisesRegex(UserError, "has been charged"):
            request.action_undo_link()
        self.assertEqual(token.partner_id, self.marie)

    def test_customer_is_created_from_it(self):
        request = self._new_request(user_id=self.seller.id)
        token = self._stored_by_newcomer(
            request, given_company="Atelier Martin", given_phone="06 39 98 00 03", given_vat="nonsense"
        )
        request.with_user(self.seller).action_create_customer()
        contact = token.partner_id
        self.assertEqual(
            (contact.name, contact.email, contact.parent_id.name, contact.parent_id.is_company, contact.lang),
            ("Ada Martin", "ada@example.com", "Atelier Martin", True, "fr_FR"),
        )
        self.assertEqual(contact.commercial_partner_id.paylink_token_id, token)
        again = self._new_request(user_id=self.seller.id)
        self._stored_by_newcomer(again)
        action = again.with_user(self.seller).action_create_customer()
        dialog = self.env["paylink.card.link"].with_user(self.seller).browse(action["res_id"])
        self.assertIn(contact, dialog.line_ids.partner_id)
        self.assertEqual(again.linking, "to_link")
        dialog.action_create_customer()
        self.assertEqual(again.linking, "linked")
        self.assertNotEqual(again.partner_id, contact)

    # === RIGHTS === #

    def test_who_may_link(self):
        request = self._new_request(user_id=self.seller.id)
        self._stored_by_newcomer(request)
        foreign = self._customer("Theirs", company_id=self._other_company(name="Other").id)
        self._hide(self.john)
        dialog = self._link_dialog(request.with_user(self.seller))
        for user in (self.colleague, self._user("link-nobody", "base.group_user")):
            for method in ("action_link", "action_create_customer", "action_undo_link"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(request.with_user(user), method)()
            with self.assertRaises(AccessError):
                dialog.with_user(user).action_create_customer()
        for partner in (self.john, foreign, self.company.paylink_newcomer_id):
            with self.subTest(partner=partner.id), self.assertRaises(UserError):
                dialog.partner_id = partner
                dialog.action_link()
        for values in ({"request_id": request.id}, {"line_ids": [Command.create({"partner_id": self.john.id})]}):
            with self.assertRaises(AccessError):
                dialog.write(values)
        with self.assertRaises(AccessError):
            request.with_user(self.seller).write({"given_name": "x"})
        self.assertEqual(request.linking, "to_link")

    def test_who_stands_for_them_stays_hidden(self):
        newcomer = self._new_request().partner_id
        with self.assertRaises(ValidationError):
            newcomer.active = True
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        with self.assertRaisesRegex(UserError, "can't be merged"):
            wizard._merge((newcomer | self.john).ids, self.john)
        self.assertEqual(self._new_request("other@example.com").partner_id, newcomer)
        self.assertNotIn(newcomer, self.env["res.partner"].search([]))
