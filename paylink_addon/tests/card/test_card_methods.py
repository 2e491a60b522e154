from datetime import date

from odoo.tests import tagged

from .card_stripe_common import CardStripeCommon

SESSIONS, INTENTS = "/v1/checkout/sessions", "/v1/payment_intents"


@tagged("post_install", "-at_install")
class TestCardMethods(CardStripeCommon):
    """Which methods are stored at Stripe, how they are charged, and what becomes of them there."""

    def _charge(self, token, amount=25.0):
        tx = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": token.payment_method_id.id,
                    "token_id": token.id,
                    "amount": amount,
                    "currency_id": self.company.currency_id.id,
                    "partner_id": token.partner_id.id,
                    "operation": "offline",
                }
            )
        )
        tx._charge_with_token()
        self.send_waiting()
        return tx

    # === CANADIAN DEBITS === #

    def test_canadian_debit_is_stored_and_charged(self):
        self._take_debits()
        for is_company, kind in ((True, "business"), (False, "personal")):
            with self.subTest(kind):
                self.marie.is_company = is_company
                token = self._stored_by(self._card_request(), "acss_debit")
                asked = self.requests("POST", SESSIONS)[-1].params["payment_method_options"]["acss_debit"]
                self.assertEqual(asked["currency"], self.company.currency_id.name.lower())
                self.assertEqual(asked["mandate_options"]["transaction_type"], kind)
                self.assertEqual(asked["mandate_options"]["payment_schedule"], "combined")
                self.assertEqual(
                    (token.payment_details, token.paylink_bank, token.payment_method_id.code, token.paylink_expires_on),
                    ("6789", "STRIPE TEST BANK", "acss_debit", False),
                )
                tx = self._charge(token)
                self.assertEqual(tx.state, "pending")
                self.assertEqual(self.requests("POST", INTENTS)[-1].params["mandate"], token.paylink_stripe_mandate)
                self.fake.settle(tx.paylink_stripe_intent)
                self.apply_events()
                self.assertEqual(tx.state, "done")

    def test_notice_of_canadian_debits(self):
        """Only where one can be stored; in the words for the kind of customer."""
        request = self._card_request()
        self.assertNotIn("PAD", request.sudo()._consent_words())
        self._take_debits()
        for is_company, kind in ((True, "business"), (False, "personal")):
            self.marie.is_company = is_company
            self.assertIn(f"{kind} pre-authorized", request.sudo()._consent_words())
        self.template.method_ids = self.env.ref("payment.payment_method_card")
        self.assertNotIn("PAD", request.sudo()._consent_words())

    def test_debits_of_new_customers(self):
        """Who names a company agrees to debits of a company: the page says so, and what is kept and asked for, too."""
        self._take_debits()
        for company, kind in (("Atelier Martin", "business"), (False, "personal")):
            with self.subTest(kind):
                request = self._new_request(lang="en_US")
                shown = request.sudo()._page_values()["consent"]
                self.assertTrue("business pre-" in shown and "personal pre-" in shown, shown)
                self._start(request, {"given_name": "A", "given_email": "a@example.com", "given_company": company})
                self.assertIn(f"{kind} pre-authorized", request.consent_text)
                self.assertEqual(request.consent_text.count("pre-authorized"), 1)
                asked = self.requests("POST", SESSIONS)[-1].params["payment_method_options"]["acss_debit"]
                self.assertEqual(asked["mandate_options"]["transaction_type"], kind)

    def test_debit_that_fails_days_later(self):
        self._take_debits()
        tx = self._charge(self._stored_by(self._card_request(), "acss_debit"))
        self.fake.settle(tx.paylink_stripe_intent, succeed=False)
        self.apply_events()
        self.assertEqual(tx.state, "error")

    def test_small_deposits_are_confirmed_days_later(self):
        self._take_debits()
        for succeeds, state in ((True, "stored"), (False, "failed")):
            with self.subTest(succeeds=succeeds):
                request = self._card_request()
                tx = self._start(request)
                self.fake.pay(tx.paylink_stripe_session, "acss_debit", "microdeposits")
                self.come_back(tx)
                self.assertEqual((request.state, request._page_view()), ("pending", "progress"))
                self.fake.verify(tx.paylink_stripe_intent, succeeds)
                self.deliver_and_handle()
                self.assertEqual((request.state, bool(request.token_id)), (state, succeeds))
        self.assertEqual(self.env["payment.token"].search_count([("partner_id", "=", self.marie.id)]), 1)

    def test_debit_pays_a_link(self):
        """In a payment, too, Stripe wants to know what the customer agrees to."""
        self._take_debits()
        self.assertEqual(self.pay_on_page(self._free_link(10), "acss_debit").state, "pending")

    # === ACCEPTED METHODS === #

    def test_page_shows_what_the_template_accepts(self):
        self._take_debits()
        codes = {"card": "card", "sepa_direct_debit": "sepa_debit"}
        methods = self.env["payment.method"].sudo().with_context(active_test=False)
        self.template.method_ids = methods.search([("code", "in", list(codes))])
        tx = self._start(self._card_request())
        self.assertEqual(self.requests("POST", SESSIONS)[-1].params["allowed_payment_method_types"], {"0": "card"})
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["payment_method_types"], ["card"])
        self.assertNotIn("payment_method_options", self.requests("POST", SESSIONS)[-1].params)

    def test_bank_asks_the_customer(self):
        """3-D Secure is done on Stripe's page; who fails there may try again."""
        request = self._card_request()
        tx = self._start(request)
        self.fake.pay(tx.paylink_stripe_session, outcome="3ds_fail")
        self.deliver_and_handle()
        self.assertFalse(request.token_id)
        self.fake.pay(tx.paylink_stripe_session, outcome="3ds_succeed")
        self.deliver_and_handle()
        self.assertEqual((request.state, request.token_id.payment_details), ("stored", "4242"))

    def test_currency_that_the_methods_do_not_take(self):
        methods = self.env["payment.method"].sudo().with_context(active_test=False)
        for code in ("sepa_direct_debit", "acss_debit"):
            self.template.method_ids = methods.search([("code", "=", code)])
            problem = self.template._storing_problems(self.company, self.marie)[self.marie]
            self.assertIn("can store", problem or "", code)
        self._take_debits()
        self.assertFalse(self.template._storing_problems(self.company, self.marie)[self.marie])

    # === WHAT BECOMES OF IT AT STRIPE === #

    def test_bank_replaces_the_card(self):
        """However late an older message comes."""
        token = self._stored_by(self._card_request())
        self.fake.replace_card(token.provider_ref, last4="1111", exp_year=2035)
        self.fake.advance(5)
        self.fake.replace_card(token.provider_ref, last4="2222", exp_year=2036)
        self.deliver_and_handle(order="reverse")
        self.assertEqual((token.payment_details, token.paylink_expires_on), ("2222", date(2036, 12, 31)))

    def test_what_is_removed_there_is_archived(self):
        self._take_debits()
        removals = {
            "detached": lambda token: self.fake.detach(token.provider_ref),
            "mandate": lambda token: self.fake.revoke(token.paylink_stripe_mandate),
            "customer": lambda token: self.fake.delete_customer(token.paylink_stripe_customer),
        }
        for name, remove in removals.items():
            with self.subTest(name):
                customer = self._customer(name, email=f"{name}@example.com")
                token = self._stored_by(self._card_request(customer), "acss_debit")
                remove(token)
                self.deliver_and_handle()
                self.assertFalse(token.active)
                self.assertFalse(token.paylink_stripe_to_detach)

    def test_charge_finds_that_it_is_gone(self):
        """The messages were lost."""
        self._take_debits()
        removals = {
            "detached": lambda token: self.fake.detach(token.provider_ref),
            "mandate": lambda token: self.fake.revoke(token.paylink_stripe_mandate),
            "customer": lambda token: self.fake.delete_customer(token.paylink_stripe_customer),
        }
        for name, remove in removals.items():
            with self.subTest(name):
                customer = self._customer(name, email=f"{name}@example.com")
                token = self._stored_by(self._card_request(customer), "acss_debit")
                remove(token)
                tx = self._charge(token)
                self.assertEqual((tx.state, token.active), ("error", False))

    def test_key_of_another_account_archives_nothing(self):
        token = self._stored_by(self._card_request())
        other = self.fake.add_account("Other")
        self.provider.write({"paylink_stripe_secret_key": other.key()})
        self.provider._paylink_stripe_connect()
        self._charge(token)
        self.assertTrue(token.active)

    def test_removal_says_what_the_provider_answers(self):
        """Removed here in any case; there as soon as it answers."""
        faults = {"success": None, "warning": "503"}
        for kind, fault in faults.items():
            with self.subTest(kind):
                token = self._stored_by(self._card_request())
                if fault:
                    self.fake.fault(fault, "POST", "*/detach", times=9)
                with self._request(token) as own:
                    answer = own.action_paylink_remove()
                self.assertEqual(answer["params"]["type"], kind)
                self.assertFalse(token.active)
                self.assertEqual(token.paylink_profile_status, "leaving" if fault else "removed")
                self.fake.abandon_faults()
                self.send_waiting()
                self.assertFalse(self.fake.get(token.provider_ref)["customer"])
                self.assertEqual(token.paylink_profile_status, "removed")

    def test_nothing_is_detached_before_it_is_charged(self):
        """A charge that was stored, and did not reach Stripe yet, still needs the method."""
        token = self._stored_by(self._card_request())
        self.fake.fault("503", "POST", INTENTS, times=9)
        tx = self._charge(token)
        self.assertEqual(tx.paylink_todo, "charge")
        token.active = False
        self.fake.abandon_faults()
        self._run_cron("ir_cron_paylink_stripe_detach")
        self.assertTrue(self.fake.get(token.provider_ref)["customer"])
        self.send_waiting()
        self.assertEqual((tx.state, self.fake.get(token.provider_ref)["customer"]), ("done", None))
