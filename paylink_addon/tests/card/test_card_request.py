from datetime import timedelta

from freezegun import freeze_time
from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardRequest(CardCommon):
    """Card requests: sent, stored, over; who may do what."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("card-seller", "paylink_addon.group_paylink_user,sales_team.group_sale_salesman")
        cls.colleague = cls._user("card-colleague", "paylink_addon.group_paylink_user")
        cls.manager = cls._user("card-manager", "paylink_addon.group_payment_manager")
        groups = "account.group_account_invoice,sales_team.group_sale_salesman_all_leads"
        cls.everything = cls._user("card-all", groups)

    def _dialog(self, records, user=None, **values):
        Dialog = self.env["paylink.card.send"].with_user(user or self.env.user)
        return Dialog.with_context(active_model=records._name, active_ids=records.ids).create(values)

    # === SENDING === #

    def test_sent_from_customers_invoices_orders(self):
        order = self.env["sale.order"].sudo().create({"partner_id": self.marie.id}).with_env(self.env)
        for records in (self.marie, self._invoice(), order):
            with self.subTest(model=records._name):
                dialog = self._dialog(records, user=self.everything, send_sms=True)
                self.assertEqual(dialog.line_ids.partner_id, self.marie)
                action = dialog.action_send()
                request = self.env["paylink.card.request"].browse(action["res_id"])
                self.assertEqual((request.state, request.status, request.lang), ("open", "not_opened", "fr_FR"))
                mail = self.env["mail.mail"].search([("model", "=", request._name), ("res_id", "=", request.id)])
                self.assertEqual(mail.email_to, "marie@example.com")
                self.assertIn("Enregistrez votre moyen de paiement", mail.subject)
                self.assertIn(request.url, mail.body_html)
                self.assertNotIn(request.access_token, mail.body)
                sms = self.env["sms.sms"].search([("partner_id", "=", self.marie.id)], order="id desc", limit=1)
                self.assertIn(request.url, sms.body)

    def test_many_at_once_and_who_is_left_out(self):
        nobody = self._customer("No Address")
        dialog = self._dialog(self.marie | self.john | nobody)
        self.assertEqual((dialog.ready_count, dialog.problem_count), (2, 1))
        self.assertIn("No Address has no e-mail address", dialog.line_ids.filtered("problem").problem)
        dialog.action_send()
        self.assertEqual(dialog.request_ids.partner_id, self.marie | self.john)
        dialog.action_send()
        self.assertEqual(self.env["paylink.card.request"].search_count([("partner_id", "=", self.marie.id)]), 1)

    def test_of_many_each_is_asked_by_what_works(self):
        """As of links: one channel that does not work keeps nobody from being asked by the other."""
        cases = {
            "Both": ({"email": "both@lambert.fr", "phone": "+33612345678"}, (True, True), ""),
            "Landline": ({"email": "l@lambert.fr", "phone": "+33142685300"}, (True, False), "Not sent by SMS.*mobile"),
            "Bad e-mail": (
                {"email": "nonsense", "phone": "+33639981235"},
                (False, True),
                "Not sent by e-mail.*nonsense",
            ),
            "Doubtful": ({"email": "l@gmial.com", "phone": "+33612345678"}, (True, True), "Did you mean gmail.com"),
            "Nothing": ({"email": "nonsense", "phone": "+33142685300"}, None, ""),
        }
        partners = {name: self._customer(name, **values) for name, (values, _ways, _text) in cases.items()}
        dialog = self._dialog(self.env["res.partner"].union(*partners.values()), send_email=True, send_sms=True)
        dialog.action_send()
        for name, (_values, ways, text) in cases.items():
            with self.subTest(name):
                line = dialog.line_ids.filtered(lambda line, name=name: line.partner_id == partners[name])
                request = dialog.request_ids.filtered(lambda one, name=name: one.partner_id == partners[name])
                self.assertEqual(bool(line.problem), ways is None)
                self.assertRegex(line.warning or "", text or "^$")
                self.assertEqual(ways and (request.send_email, request.send_sms), ways)
        only = self._dialog(partners["Landline"], send_email=True, send_sms=True)
        self.assertIn("not a mobile number", only.line_ids.problem, "the only one is corrected")

    def test_request_of_a_colleague_is_mentioned(self):
        """Not shown: only that there is one, and whose."""
        request = self._card_request(user_id=self.colleague.id)
        dialog = self._dialog(self.marie | self.john, user=self.seller)
        marie, john = dialog.line_ids.sorted(lambda line: line.partner_id != self.marie)
        self.assertIn(self.colleague.name, marie.warning)
        self.assertFalse(marie.open_request_id)
        self.assertNotIn("already", john.warning)
        self.assertNotIn(request.name, marie.warning)
        own = self._dialog(self.marie, user=self.colleague).line_ids
        self.assertEqual((own.open_request_id, "already" in own.warning), (request, False))

    def test_address_that_a_colleague_has_asked(self):
        """However it is typed: stored addresses are normalized."""
        request, Dialog = self._new_request(user_id=self.colleague.id), self.env["paylink.card.send"]
        for typed in ("ada@example.com", "Ada@Example.com", " Ada Lovelace <ADA@example.com>"):
            with self.subTest(typed):
                line, own = (
                    Dialog.with_user(user).create({"line_ids": [Command.create({"email": typed})]}).line_ids
                    for user in (self.seller, self.colleague)
                )
                self.assertIn(self.colleague.name, line.warning)
                self.assertEqual(own.open_request_id, request)

    def test_same_queries_for_any_number(self):
        customers = [self._customer(f"Customer {number}", email=f"c{number}@example.com") for number in range(25)]
        counts = []
        for number in (5, 20):
            chosen = self.env["res.partner"].concat(*customers[:number])
            dialog = self._dialog(chosen)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            dialog.action_send()
            self.env.flush_all()
            counts.append(self.cr.sql_log_count - before)
        self.assertLess(counts[1], counts[0] + 15 * 3, counts)

    def test_what_can_not_be_sent(self):
        archived = self._customer("Archived", email="archived@example.com")
        archived.active = False
        self.provider.sudo().allow_tokenization = True
        cases = {
            "no e-mail address": {"partner": self._customer("Nobody")},
            "is not an e-mail address": {"partner": self._customer("Bad", email="nonsense")},
            "is archived": {"partner": archived},
        }
        for text, case in cases.items():
            with self.subTest(text=text):
                dialog = self._dialog(case["partner"])
                self.assertIn(text, dialog.line_ids.problem)
                with self.assertRaisesRegex(UserError, text):
                    dialog.action_send()

    def test_template_without_words_in_the_language(self):
        self.template.copy({"name": "Other", "sequence": 1})
        other = self.env["paylink.card.template"].create(
            {"name": "English only", "title": "Store it", "consent": "I agree."}
        )
        french, english = self._dialog(self.marie, template_id=other.id), self._dialog(self.john, template_id=other.id)
        self.assertIn("has no wording in French", french.line_ids.problem)
        self.assertFalse(english.line_ids.problem)

    def test_no_provider_can_store_it(self):
        self.provider.sudo().allow_tokenization = False
        self.assertIn("can store", self._dialog(self.marie).line_ids.problem)
        with self.assertRaisesRegex(UserError, "can store"):
            self._card_request().action_send()

    def test_only_accepted_methods(self):
        card = self.env.ref("payment.payment_method_card").sudo()
        self.template.method_ids = card
        self.assertIn("can store", self._dialog(self.marie).line_ids.problem)
        self.provider.sudo().payment_method_ids += card
        card.active = True
        self.assertFalse(self._dialog(self.marie).line_ids.problem)
        request = self._card_request()
        request.sudo()._agree("192.0.2.7")
        with self.assertRaisesRegex(UserError, "no longer available"):
            request.sudo()._start_attempt(self.provider.id, self.payment_method_id)

    # === STORED === #

    def test_stored_with_what_was_agreed_to(self):
        request = self._card_request(user_id=self.env.uid)
        token = self._store_card(request).token_id
        self.assertEqual((request.state, request.token_id), ("stored", token))
        self.assertEqual(token.partner_id, self.marie)
        self.assertIn(f"autorise {self.company.name}", token.paylink_consent)
        self.assertEqual(
            (token.paylink_consent_version, token.paylink_consent_lang, token.paylink_consent_ip),
            (self.template.consent_version, "fr_FR", "192.0.2.7"),
        )
        self.assertTrue(token.paylink_consent_at)
        self.assertTrue(token.paylink_is_default)
        self.assertEqual(self.marie.paylink_profile_count, 1)
        self.assertTrue(request.unread)
        self.assertIn(self.marie.name, request._stored_text(token), "who, in what Odoo shows the owner at once")
        mails = self.env["mail.mail"].search([("model", "=", request._name), ("res_id", "=", request.id)])
        self.assertIn("autorise ", mails.filtered(lambda mail: mail.email_to == "marie@example.com").body_html)

    def test_other_words_are_another_version(self):
        version = self.template.consent_version
        self.template.name = "Another name"
        self.assertEqual(self.template.consent_version, version)
        self.template.with_context(lang="fr_FR").consent = "J'accepte."
        self.assertEqual(self.template.consent_version, version + 1)
        self.template.update_field_translations("consent", {"fr_FR": "J'accepte tout."})
        self.assertEqual(self.template.consent_version, version + 2)
        request = self._card_request()
        request.sudo()._agree("192.0.2.7")
        self.assertEqual(request._page_view(), "store")
        self.template.consent = "I agree to more."
        self.assertEqual(request._page_view(), "consent")
        with self.assertRaisesRegex(UserError, "agree first"):
            request.sudo()._start_attempt(self.provider.id, self.payment_method_id)

    def test_replaced_method_is_retired_when_the_new_one_works(self):
        old = self._store_card(self._card_request()).token_id
        dialog = self._dialog(old)
        self.assertEqual((dialog.kind, dialog.template_id), ("update", self.update_template))
        dialog.action_send()
        request = dialog.request_ids
        self.assertEqual(request.replaces_id, old)
        refused = self._store_card(request, state="error")
        self.assertEqual((request.status, old.active), ("interrupted", True))
        self.assertFalse(refused.token_id.active, "a method that does not work can't be charged")
        new = self._store_card(request).token_id
        self.assertEqual((old.active, new.active, self.marie.paylink_token_id), (False, True, new))
        self.assertEqual(request.attempt_count, 2)

    def test_second_outcome_changes_nothing(self):
        request = self._card_request()
        first = self._store_card(request)
        request.sudo()._store(first.token_id)
        self.assertEqual(len(request.message_ids.filtered(lambda m: m.subtype_id == self._subtype("stored"))), 1)

    def _subtype(self, name):
        return self.env.ref(f"paylink_addon.mt_card_{name}")

    # === OVER === #

    def test_expired_cancelled_renewed(self):
        request = self._card_request()
        self.assertEqual(request.expires_at.date(), fields.Date.today() + timedelta(days=14))
        with freeze_time(fields.Datetime.now() + timedelta(days=15)):
            self._run_cron("ir_cron_paylink_card_expire")
            self.assertEqual(request.state, "expired")
            with self.assertRaisesRegex(UserError, "is expired"):
                request.action_send()
            with self.assertRaisesRegex(UserError, "no longer be used"):
                request.sudo()._agree("192.0.2.7")
            first = request.action_renew()
            self.assertEqual(request.action_renew()["res_id"], first["res_id"])
        successor = self.env["paylink.card.request"].browse(first["res_id"])
        self.assertEqual((successor.state, successor.partner_id), ("draft", self.marie))
        self.assertNotEqual(successor.access_token, request.access_token)
        successor.action_send()
        successor.action_cancel()
        self.assertEqual(successor.state, "cancelled")

    def test_over_before_the_job_has_said_so(self):
        request = self._card_request(expires_at=fields.Datetime.now() + timedelta(hours=1))
        request.action_send()
        with freeze_time(fields.Datetime.now() + timedelta(hours=2)):
            self.env.invalidate_all()
            self.assertEqual((request.state, request.is_over), ("open", True))
            request.action_renew()
            self.assertEqual((request.state, len(request.renewal_ids)), ("expired", 1))

    def test_stored_is_not_cancelled(self):
        request = self._card_request()
        self._store_card(request)
        with self.assertRaisesRegex(UserError, "stored method"):
            request.action_cancel()

    # === RIGHTS === #

    def test_own_all_manager(self):
        request = self._card_request(user_id=self.seller.id)
        self.assertTrue(request.with_user(self.seller).read(["url"]))
        with self.assertRaises(AccessError):
            request.with_user(self.colleague).read(["url"])
        with self.assertRaises(AccessError):
            request.with_user(self.colleague).action_cancel()
        request.with_user(self.manager).action_cancel()

    def test_clients_write_nothing_of_ours(self):
        request = self._card_request(user_id=self.seller.id, issue=False).with_user(self.seller)
        values = {
            "access_token": "a" * 24,
            "token_id": False,
            "stored_at": "2026-01-01",
            "consent_text": "anything",
            "consent_at": "2026-01-01 00:00:00",
            "cancelled_at": False,
        }
        for name, value in values.items():
            with self.subTest(field=name), self.assertRaises(AccessError):
                request.write({name: value})
        with self.assertRaises(AccessError):
            request.write({"user_id": self.manager.id})
        request.write({"email": "other@example.com"})
        request._issue()
        with self.assertRaisesRegex(UserError, "once the link is out"):
            request.write({"partner_id": self.john.id})

    def test_hidden_customers_are_not_asked(self):
        token = self._store_card(self._card_request(self.john)).token_id
        self.env["ir.rule"].sudo().create(
            {
                "name": "Not John",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {self.john.id})]",
            }
        )
        for records in (self.john, token):
            with self.subTest(model=records._name), self.assertRaises(AccessError):
                self._dialog(records, user=self.seller)
        with self.assertRaises(AccessError):
            token.with_user(self.seller).read(["display_name"])
        with self.assertRaises(AccessError):
            token.with_user(self.seller).action_paylink_remove()
        self.assertFalse(self.env["payment.token"].with_user(self.seller).search([("id", "=", token.id)]))

    def test_profiles_are_managed_by_who_may_see_the_customer(self):
        first = self._store_card(self._card_request()).token_id
        second = self._store_card(self._card_request()).token_id
        self.assertEqual(self.marie.paylink_token_id, first)
        second.with_user(self.seller).action_paylink_set_default()
        self.assertEqual(self.marie.paylink_token_id, second)
        first.with_user(self.seller).action_paylink_remove()
        self.assertFalse(first.active)
        outsider = self._user("card-outsider", "base.group_user")
        with self.assertRaises(AccessError):
            second.with_user(outsider).action_paylink_remove()
        with self.assertRaises(AccessError):
            second.with_user(self.seller).write({"paylink_consent": "anything"})

    def test_method_of_another_customer_is_not_replaced(self):
        token = self._store_card(self._card_request(self.john)).token_id
        with self.assertRaisesRegex(UserError, "not a payment method of"):
            self._card_request(replaces_id=token.id)

    def test_templates_are_the_managers(self):
        values = {"name": "Mine", "title": "T", "consent": "C"}
        with self.assertRaises(AccessError):
            self.env["paylink.card.template"].with_user(self.seller).create(values)
        own = self.env["paylink.card.template"].with_user(self.manager).create(values)
        with self.assertRaises(AccessError):
            own.write({"consent_version": 7})
        with self.assertRaises(ValidationError):
            own.write({"consent": "  "})
        link_template = self.env.ref("paylink_addon.mail_template_link")
        with self.assertRaises(UserError):
            own.sudo().mail_template_id = link_template

    def test_companies_do_not_mix(self):
        other = self._other_company(name="Other company")
        self.env.user.company_ids = [Command.link(other.id)]
        token = self._store_card(self._card_request()).token_id
        self.assertEqual(token.company_id, self.company)
        self.assertFalse(self.marie.with_company(other).paylink_token_id)
        theirs = self.template.copy({"company_id": other.id})
        self.assertNotIn(theirs, self.env["paylink.card.template"].with_user(self.seller).search([]))
