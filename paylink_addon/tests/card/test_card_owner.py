from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardOwner(CardCommon):
    """Whose a stored method is: nobody else's debts are charged to it, and nobody else's card takes its place."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("owner-seller", "paylink_addon.group_paylink_user,base.group_partner_manager")
        cls.colleague = cls._user("owner-colleague", "paylink_addon.group_paylink_user")

    def _profile(self, partner=None, **values):
        token = self._store_card(self._card_request(partner)).token_id
        token.sudo().write(values)
        return token

    def _linked(self, partner):
        request = self._new_request(user_id=self.seller.id)
        token = self._stored_by_newcomer(request)
        request._link_to(partner)
        return request, token

    def _dialog(self, token, user=None):
        Dialog = self.env["paylink.profile.charge"].with_user(user or self.seller)
        return Dialog.with_context(active_model="payment.token", active_ids=token.ids).create({})

    # === LINKS THAT WERE WRONG === #

    def test_what_was_asked_of_the_wrong_customer_replaces_nothing(self):
        """The earlier mail is dead; what was on its way all the same replaces nothing of somebody else's."""
        request, token = self._linked(self.john)
        asked = self._card_request(self.john, template_id=self.update_template.id, replaces_id=token.id)
        late = self._card_request(self.john, template_id=self.update_template.id, replaces_id=token.id)
        late.sudo().with_context(lang=late.lang)._agree("192.0.2.7", None)
        request.action_undo_link()
        self.assertEqual((asked.state, late.state), ("cancelled", "cancelled"))
        request._link_to(self.marie)
        self.assertEqual(self.marie.paylink_token_id, token)
        late.sudo().cancelled_at = False
        other = self._store_card(late).token_id
        self.assertEqual((self.marie.paylink_token_id, token.active), (token, True))
        self.assertEqual((self.john.paylink_token_id, other.partner_id), (other, self.john))

    def test_undone_link_makes_nothing_else_the_default(self):
        request, token = self._linked(self.john)
        self._profile(self.john)
        self.assertEqual(self.john.paylink_token_id, token)
        request.action_undo_link()
        self.assertFalse(self.john.paylink_token_id)

    def test_foreign_default_is_not_charged(self):
        """However it came about: a contact that is merged into another customer's takes along what it has stored."""
        company = self._customer("Lambert SARL", is_company=True)
        contact = self._customer("Paul Lambert", parent_id=company.id)
        token = self._profile(contact)
        self.assertEqual(company.paylink_token_id, token)
        invoice = self._invoice(company)
        self.env.cr.execute(
            "UPDATE res_partner SET paylink_token_id = jsonb_build_object(%s, %s) WHERE id = %s",
            [str(self.company.id), token.id, self.john.id],
        )
        self.john.invalidate_recordset()
        with self.assertRaisesRegex(UserError, "no payment method"):
            self._invoice(self.john).action_paylink_charge_now()
        self.john.sudo().paylink_token_id = False
        self.marie.parent_id = self._customer("Dubois SARL", is_company=True)
        self._merge(contact | self.marie, self.marie)
        self.assertEqual(token.partner_id, self.marie)
        self.assertFalse(company.paylink_token_id)
        self.assertFalse(invoice.paylink_can_charge)

    def test_contacts_that_move_without_methods_cost_nothing(self):
        company = self._customer("Lambert SARL", is_company=True)
        Partner = type(self.env["res.partner"])
        search, asked = Partner._search, []

        def note(self, domain, *args, **kwargs):
            asked.append(str(domain))
            return search(self, domain, *args, **kwargs)

        with patch.object(Partner, "_search", note):
            self.john.parent_id = company
            self.env.flush_all()
        self.assertFalse([domain for domain in asked if "paylink_token_id" in domain])
        token = self.env["payment.token"]
        with patch.object(type(token), "_search_paylink_is_default", side_effect=AssertionError("All are read.")):
            self.john.parent_id = False

    # === A NEW DEFAULT === #

    def test_what_works_takes_the_place_of_what_does_not(self):
        problems = {
            "expired": {"paylink_expires_on": fields.Date.today() - timedelta(days=40)},
            "refused": {"paylink_refused_at": fields.Datetime.now()},
            "removed": {"active": False},
        }
        for name, values in problems.items():
            with self.subTest(name):
                customer = self._customer(name, email=f"{name}@example.com")
                self._profile(customer, **values)
                self.assertEqual(self._profile(customer), customer.paylink_token_id)
                customer = self._customer(f"{name} linked", email=f"{name}2@example.com")
                self._profile(customer, **values)
                self.assertEqual(self._linked(customer)[1], customer.paylink_token_id)

    # === COMPANIES === #

    def test_companies_are_kept_apart(self):
        token = self._profile()
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        other = self._other_company(name="Other")
        self.env.user.company_ids += branch
        for company in (branch, other):
            self.seller.company_ids += company
        self.assertIn("No payment provider", self.template._storing_problems(branch, self.marie)[self.marie] or "")
        with self.subTest("asked in its company"):
            dialog = self.env["paylink.card.send"].with_context(active_model="payment.token", active_ids=token.ids)
            dialog = dialog.with_context(allowed_company_ids=[other.id, self.company.id]).create({})
            dialog.action_send()
            self.assertEqual((dialog.company_id, dialog.request_ids.company_id), (self.company, self.company))
        with self.subTest("charged in its company"):
            self._invoice()
            elsewhere = token.with_user(self.seller).with_context(allowed_company_ids=branch.ids)
            charge = self.env["paylink.profile.charge"].with_env(elsewhere.env)
            charge = charge.with_context(active_model="payment.token", active_ids=token.ids)
            for call in (elsewhere.action_paylink_charge, lambda: charge.create({})):
                with self.assertRaisesRegex(UserError, "switch to it"):
                    call()
        with self.subTest("several companies"):
            foreign = token.sudo().copy({"provider_id": self._demo_provider(other).id, "company_id": other.id})
            both = self.env["paylink.card.send"].with_context(allowed_company_ids=[self.company.id, other.id])
            with self.assertRaisesRegex(UserError, "of one company"):
                both.with_context(active_model="payment.token", active_ids=(token | foreign).ids).create({})

    # === CHARGED AS SHOWN === #

    def test_only_what_was_shown_is_charged(self):
        token, invoice = self._profile(), self._invoice(amount=100)
        dialog = self._dialog(token)
        self.assertEqual(dialog.line_ids.shown, 100)
        register = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        register.create({"amount": 30})._create_payments()
        self.assertEqual(invoice.amount_residual, 70)
        with self.assertRaisesRegex(UserError, "has changed"):
            dialog.action_charge()
        again = self._dialog(token)
        self.assertEqual((again.total, again.line_ids.shown), (70, 70))
        link = self.env["paylink.link"].browse(again.action_charge()["res_id"])
        self.assertEqual(link.transaction_ids.amount, 70)

    # === RIGHTS === #

    def test_who_may_have_a_method_replaced(self):
        """Not by whom the request of a colleague is hidden from, nor in the name of all new customers."""
        request = self._new_request(user_id=self.seller.id)
        waiting = self._stored_by_newcomer(request)
        Request = self.env["paylink.card.request"].with_user(self.colleague)
        newcomer = self.company.paylink_newcomer_id
        for values in (
            {"replaces_id": waiting.id, "template_id": self.new_template.id},
            {"template_id": self.update_template.id},
            {"template_id": self.template.id},
        ):
            with self.subTest(**values), self.assertRaises(UserError):
                Request.create({"partner_id": newcomer.id, "email": "x@example.com", "lang": "fr_FR", **values})
        self.assertTrue(Request.create({"template_id": self.new_template.id, "email": "x@example.com"}))
        own = self._profile()
        self.assertTrue(
            Request.create({"partner_id": self.marie.id, "template_id": self.template.id, "replaces_id": own.id})
        )
