import json
from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.stripe.payment_transaction_checkout import _logger as checkout_logger
from .stripe_common import StripeCommon

SESSIONS = "/v1/checkout/sessions"


@tagged("post_install", "-at_install")
class TestStripeCheckout(StripeCommon):
    """From the payment form to Stripe's page and back."""

    def test_link_is_paid(self):
        """The whole way: form, page, return, books."""
        invoice = self._invoice(amount=120.5)
        link = self._link(invoice)
        tx = self.pay_on_page(link)
        self.assertEqual((tx.state, link.state, invoice.payment_state), ("done", "paid", "paid"))
        self.assertEqual(tx.paylink_method_display, "Visa •••• 4242")
        self.assertEqual(tx.payment_method_id.code, "visa")
        self.assertEqual((tx.paylink_fee, tx.paylink_fee_currency_id.name), (2.06, "USD"))
        self.assertEqual(link.attempt_count, 1)
        (payment,) = self.fake.ledger()
        self.assertEqual((payment.received, payment.reference), (12050, tx.reference))
        self.assertEqual(payment.id, tx.paylink_stripe_intent)
        self.assertEqual(tx.provider_reference, tx.paylink_stripe_intent)

    def test_form_offers_one_choice_and_leads_to_us(self):
        """The page of the link offers Stripe; its form goes to our route, its policy lets it lead on to Stripe."""
        link = self._link(self._invoice())
        page = self.url_open(f"/pay/{link.access_token}")
        self.assertEqual(page.text.count('name="option"'), 1)
        self.assertIn(f"form-action 'self' https: {self.fake.url};", page.headers["Content-Security-Policy"])
        values = self._attempt(link)._get_processing_values()
        self.assertIn('action="/paylink/stripe/checkout"', values["redirect_form_html"])

    def test_what_stripe_is_asked_for(self):
        """Reference, language, customer, page's end, and nothing that the dashboard decides."""
        link = self._link(self._invoice(), expires_at=fields.Datetime.now() + timedelta(hours=5))
        tx = self.start(link)
        (entry,) = self.requests("POST", SESSIONS)
        self.assertEqual(entry.key, tx.paylink_key)
        session = self.fake.get(tx.paylink_stripe_session)
        self.assertEqual((session["client_reference_id"], session["locale"]), (tx.reference, "fr"))
        self.assertEqual(session["metadata"]["paylink_tx"], str(tx.id))
        self.assertAlmostEqual(session["expires_at"], link.expires_at.timestamp(), delta=2)
        customer = self.fake.get(session["customer"])
        self.assertEqual((customer["name"], customer["email"]), ("Marie Dubois", "marie@example.com"))
        self.assertNotIn("payment_method_types", entry.params)
        self.assertIn("/paylink/stripe/return?tx=", session["success_url"])
        self.assertTrue(session["success_url"].startswith("https://pay.example.com/"))

    def test_page_ends_within_stripes_limits(self):
        """A link that ends in a minute, in a month, never."""
        for hours in (0.1, 1, 22, 23.9, 720, None):
            with self.subTest(hours=hours):
                ends = fields.Datetime.now() + timedelta(hours=hours) if hours else False
                tx = self.start(self._link(self._invoice(), expires_at=ends))
                left = self.fake.get(tx.paylink_stripe_session)["expires_at"] - self.fake.world.clock.now()
                self.assertTrue(31 * 60 < left < 23.5 * 3600, left)

    def test_locales(self):
        cases = {"fr_FR": "fr", "en_US": "en", "en_GB": "en-GB", "pt_BR": "pt-BR", "de_CH": "de", "xx_XX": "auto"}
        tx = self._attempt(self._link(self._invoice()))
        for lang, locale in cases.items():
            with self.subTest(lang):
                self.assertEqual(tx.with_context(lang=lang)._paylink_stripe_locale(), locale)

    def test_one_line_per_document_or_one_for_all(self):
        """Lines add up to what is paid; where they don't (a part, a credit), there is one line."""
        first, second = self._invoice(amount=100), self._invoice(amount=20.25)
        credit = self._invoice(amount=30, move_type="out_refund")
        whole, part = first | second, first | second | credit
        cases = [
            ("whole", whole, {}, None, [10000, 2025]),
            ("part", whole, {"allow_partial": True}, 50, [5000]),
            ("credit", part, {}, None, [9025]),
        ]
        for name, invoices, values, amount, expected in cases:
            with self.subTest(name):
                tx = self.start(self._link(invoices, **values), amount=amount)
                items = list(
                    self.provider._paylink_stripe().call(
                        "checkout.sessions.line_items.list", tx.paylink_stripe_session
                    )["data"]
                )
                self.assertEqual(sorted(item["amount_total"] for item in items), sorted(expected))
                for invoice in invoices if len(items) > 1 else []:
                    self.assertIn(invoice.name, " ".join(item["description"] for item in items))
                if name == "credit":
                    owed = invoices.filtered(lambda move: move.move_type == "out_invoice")
                    self.assertEqual([item["description"] for item in items], [", ".join(owed.mapped("name"))])
                tx._paylink_close("next")

    def test_free_amount(self):
        tx = self.start(self._free_link(12.34, reference="Contract 7"))
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["amount_total"], 1234)

    # === THE SAME PAGE AGAIN === #

    def test_second_click_leads_to_the_same_page(self):
        tx = self.start(self._link(self._invoice()))
        session = tx.paylink_stripe_session
        self.assertIn(session, self.checkout(tx).headers["Location"])
        self.assertEqual(len(self.requests("POST", SESSIONS)), 1)

    def test_lost_answer_leads_to_the_same_page(self):
        """Stripe made the page, but we never heard: asking again gives that page, not a second one."""
        tx = self._attempt(self._link(self._invoice()))
        self.fake.fault("disconnect_after", "POST", SESSIONS, times=3)
        response = self.checkout(tx)
        self.assertEqual((response.status_code, tx.state), (503, "draft"))
        self.assertIn("Try again" if tx.partner_lang == "en_US" else "<form", response.text)
        self.assertEqual(self.checkout(tx).status_code, 303)
        self.assertEqual(len(self.fake.realm().all("checkout.session")), 1)

    def test_changed_document_does_not_change_a_repeated_request(self):
        """What is asked with one key is always the same, whatever happens to the documents in between."""
        invoice = self._invoice(amount=100)
        link = self._link(invoice | self._invoice(amount=50), allow_partial=True)
        tx = self._attempt(link, 70)
        self.fake.fault("disconnect_after", "POST", SESSIONS, times=3)
        self.checkout(tx)
        invoice.ref = "changed"
        link.sudo().line_ids[0].name = "Something else"
        self.assertEqual(self.checkout(tx).status_code, 303)
        self.assertEqual(
            len({json.dumps(entry.params, sort_keys=True) for entry in self.requests("POST", SESSIONS)}), 1
        )

    def test_customer_is_used_again(self):
        for _time in range(2):
            self.pay_on_page(self._free_link(10))
        self.pay_on_page(self._free_link(10, partner_id=self.john.id))
        self.assertEqual(len(self.requests("POST", "/v1/customers")), 2)
        self.assertEqual(self.env["paylink.stripe.customer"].search_count([("account", "=", self.fake.account.id)]), 2)

    def _customer_at_stripe(self):
        """Who pays the next time, as Stripe knows them, and how many requests it took to tell."""
        before = len(self.fake.journal())
        tx = self.start(self._free_link(10, partner_id=self.john.id))
        found = self.fake.get(self.fake.get(tx.paylink_stripe_session)["customer"])
        told = [entry for entry in self.fake.journal()[before:] if entry.path.startswith("/v1/customers")]
        return found["name"], found["email"], len([entry for entry in told if entry.method == "POST"])

    def test_customer_follows_the_contact(self):
        """Another name or address is told once; who has none anymore, or one that Stripe refuses, has none there."""
        self.assertEqual(self._customer_at_stripe(), ("John Smith", "john@example.com", 1))
        cases = [
            ({"name": "John Doe"}, ("John Doe", "john@example.com", 1)),
            ({"email": "doe@example.com"}, ("John Doe", "doe@example.com", 1)),
            ({"email": "john@intranet"}, ("John Doe", None, 3)),
            ({"email": "j@example.com", "name": "J"}, ("J", "j@example.com", 1)),
            ({"email": False}, ("J", None, 1)),
            ({"phone": "+33639980000"}, ("J", None, 0)),
        ]
        for values, expected in cases:
            with self.subTest(values=values):
                self.john.write(values)
                self.assertEqual(self._customer_at_stripe(), expected)
                self.assertEqual(self._customer_at_stripe(), (*expected[:2], 0), "once")

    def test_customer_follows_a_merge(self):
        """Who was merged into a contact of another name is called by that from then on."""
        self.start(self._free_link(10, partner_id=self.john.id))
        new = self._customer("John Smith-Doe", email="smith-doe@example.com")
        self._merge(self.john | new, new)
        tx = self.start(self._free_link(10, partner_id=new.id))
        (found,) = self.fake.realm().all("customer")
        self.assertEqual((found["name"], found["email"]), ("John Smith-Doe", "smith-doe@example.com"))
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["customer"], found["id"])

    def test_customer_that_cannot_be_updated_pays_all_the_same(self):
        """And is told the next time."""
        self._customer_at_stripe()
        self.john.name = "John Doe"
        for fault in ("503", "disconnect_after"):
            with self.subTest(fault):
                self.fake.fault(fault, "POST", "/v1/customers/*", times=9)
                tx = self.start(self._free_link(10, partner_id=self.john.id))
                self.assertEqual(self.fake.get(tx.paylink_stripe_session)["status"], "open")
                self.fake.abandon_faults()
        self.assertEqual(self._customer_at_stripe()[0], "John Doe")

    def test_customer_deleted_at_stripe_is_made_anew(self):
        self.start(self._free_link(10))
        customer = self.env["paylink.stripe.customer"].search([("partner_id", "=", self.marie.id)])
        old = customer.customer
        self.provider._paylink_stripe()._v1.customers.delete(old)
        tx = self.start(self._free_link(11))
        self.assertNotEqual(customer.customer, old)
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["customer"], customer.customer)

    def test_customer_whose_answer_was_lost(self):
        """The customer is not made twice; changed meanwhile, at worst one more that nobody uses."""
        tx = self._attempt(self._free_link(10))
        self.fake.fault("disconnect_after", "POST", "/v1/customers", times=3)
        self.assertEqual(self.checkout(tx).status_code, 503)
        self.assertEqual(self.checkout(tx).status_code, 303)
        self.assertEqual(len(self.fake.realm().all("customer")), 1)
        john = self._attempt(self._free_link(10, partner_id=self.john.id))
        self.fake.fault("disconnect_after", "POST", "/v1/customers", times=3)
        self.checkout(john)
        self.john.name = "John Smith Jr."
        self.assertEqual(self.checkout(john).status_code, 303)

    def test_email_that_stripe_refuses(self):
        """It is good enough for Odoo, and keeps nobody from paying."""
        self.john.email = "john@intranet"
        self.assertTrue(self.john.email_normalized)
        tx = self.start(self._free_link(10, partner_id=self.john.id))
        (customer,) = self.fake.realm().all("customer")
        self.assertEqual((customer["name"], customer["email"]), ("John Smith", None))
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["customer"], customer["id"])

    # === WHAT CAN'T BE PAID === #

    def test_bad_inputs(self):
        """Who does not hold the token learns nothing, and nobody sees an error page."""
        tx = self._attempt(self._link(self._invoice()))
        other = self._attempt(self._link(self._invoice(self.john)))
        token = tx._paylink_stripe_token()
        cases = [
            {"token": ""},
            {"token": "é" * 64},
            {"token": other._paylink_stripe_token()},
            {"tx": str(other.id)},
            {"tx": "0"},
            {"tx": "-1"},
            {"tx": "9" * 30},
            {"tx": "²"},
            {"tx": "abc"},
            {"tx": ""},
        ]
        for values in cases:
            for path in ("checkout", "return"):
                with self.subTest(path=path, **values):
                    data = {"tx": str(tx.id), "token": token, **values}
                    options = {"data": data} if path == "checkout" else {"params": data}
                    response = self.url_open(f"/paylink/stripe/{path}", allow_redirects=False, **options)
                    self.assertEqual(response.status_code, 404)
                    self.assertNotIn(tx.reference, response.text)
        self.assertEqual(len(self.requests("POST", SESSIONS)), 0)

    def test_replaced_address(self):
        """Who began to pay by an address that was replaced since does not learn the new one."""
        link = self._link(self._invoice())
        tx = self.start(link)
        old = {"tx": tx.id, "token": tx._paylink_stripe_token()}
        link.action_replace_token()
        for response in (
            self.come_back(tx),
            self.url_open("/paylink/stripe/checkout", data=old, allow_redirects=False),
        ):
            self.assertEqual(response.status_code, 404)
            self.assertNotIn(link.access_token, f"{response.headers} {response.text}")
        self.fake.pay(tx.paylink_stripe_session)
        self.apply_events()
        self.assertEqual(link.state, "paid", "what was paid is booked all the same")

    def test_foreign_transaction(self):
        """A token of ours for a transaction of another provider leads nowhere."""
        tx = self._attempt(self._link(self._invoice()))
        token = tx._paylink_stripe_token()
        tx.provider_id = self.dummy_provider
        data = {"tx": tx.id, "token": token}
        self.assertEqual(self.url_open("/paylink/stripe/checkout", data=data).status_code, 404)

    def test_finished_transactions_lead_back(self):
        """Done, in progress, cancelled: the customer sees what is true."""
        for state in ("done", "pending", "cancel"):
            with self.subTest(state):
                link = self._link(self._invoice())
                tx = self._attempt(link)
                tx.write({"state": state, "is_post_processed": True})
                response = self.checkout(tx)
                self.assertEqual(response.status_code, 303)
                self.assertIn(f"/pay/{link.access_token}", response.headers["Location"])
        self.assertFalse(self.requests("POST", SESSIONS))

    def test_disabled_provider(self):
        tx = self._attempt(self._link(self._invoice()))
        self.provider.state = "disabled"
        response = self.checkout(tx)
        self.assertEqual((response.status_code, tx.state), (200, "draft"))
        self.assertFalse(self.requests("POST", SESSIONS))

    def test_form_sent_again_hours_later(self):
        """Cancelled, expired or paid meanwhile: nothing is asked of Stripe."""

        def expire(link):
            link.sudo().expires_at = fields.Datetime.now() - timedelta(minutes=1)

        def settle(link):
            self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=link.line_ids.move_id.ids
            ).create({})._create_payments()

        for name, end in (("cancelled", lambda link: link.action_cancel()), ("expired", expire), ("paid", settle)):
            with self.subTest(name):
                link = self._link(self._invoice())
                tx = self._attempt(link)
                end(link)
                self.assertNotIn("checkout", self.checkout(tx).headers.get("Location", ""))
        self.assertFalse(self.requests("POST", SESSIONS))

    def test_refused_by_stripe(self):
        """The customer is told on the link's page, and can pay otherwise."""
        link = self._link(self._invoice())
        tx = self._attempt(link)
        self.provider.paylink_stripe_secret_key = "sk_test_unknown"
        with mute_logger(checkout_logger.name):
            response = self.checkout(tx)
        self.assertIn(f"/pay/{link.access_token}", response.headers["Location"])
        self.assertEqual((tx.state, link.state), ("error", "failed"))
        self.assertIn(tx.state_message, self.url_open(f"/pay/{link.access_token}").text.replace("&#39;", "'"))

    def _refused_tasks(self, text):
        return self.env["mail.activity"].search([("summary", "like", text)])

    def test_refused_key_is_told_to_the_managers(self):
        """Once, however many customers meet it; again, when it comes back after it was seen to."""
        managers = self.company._paylink_managers()
        self.provider.paylink_stripe_secret_key = "sk_test_unknown"
        with mute_logger(checkout_logger.name):
            for _time in range(2):
                self.checkout(self._attempt(self._link(self._invoice())))
            tasks = self._refused_tasks("key is refused")
            self.assertEqual((tasks.user_id, len(tasks)), (managers, len(managers)))
            self.assertIn("Invalid API Key", tasks[0].note)
            self.assertNotIn("sk_test_unknown", tasks[0].note)
            tasks.action_done()
            self.checkout(self._attempt(self._link(self._invoice())))
        self.assertEqual(len(self._refused_tasks("key is refused")), len(managers))

    def test_refused_page_is_told_to_the_managers(self):
        """On the link, and once for all tries."""
        link = self._link(self._invoice())
        with mute_logger(checkout_logger.name):
            for _time in range(2):
                tx = self._attempt(link)
                tx.sudo().paylink_stripe_request = {**tx.sudo().paylink_stripe_request, "locale": "xx"}
                self.checkout(tx)
        tasks = self._refused_tasks("can't be opened")
        self.assertEqual(len(tasks), len(self.company._paylink_managers()))
        self.assertEqual(set(tasks.mapped("res_id")), {link.id})
        self.assertFalse(self._refused_tasks("key is refused"))

    def test_amount_that_is_not_exact(self):
        """Three decimals, the last of which must be 0 at Stripe: refused before anything is sent."""
        kwd = self._enable_currency("KWD")
        link = self._free_link(1.005, currency_id=kwd.id)
        with self.assertRaisesRegex(UserError, "KWD"):
            self._attempt(link)

    def test_currencies_are_exact(self):
        cases = [
            ("JPY", 1234, 1234),
            ("KWD", 1.23, 1230),
            ("ISK", 500, 50000),
            ("UGX", 5000, 500000),
            ("EUR", 0.7, 70),
            ("CAD", 1999.99, 199999),
        ]
        for name, amount, minor in cases:
            with self.subTest(name):
                currency = self.env.ref(f"base.{name}")
                currency.active = True
                link = self._free_link(amount, currency_id=currency.id)
                tx = self.pay_on_page(link)
                self.assertEqual((tx.state, link.state, link.amount_paid), ("done", "paid", amount))
                (payment,) = [found for found in self.fake.ledger() if found.id == tx.paylink_stripe_intent]
                self.assertEqual((payment.received, payment.currency), (minor, name.lower()))
                self.assertEqual(tx.payment_id.amount, amount)

    def test_tried_again_when_the_end_of_the_page_is_too_near(self):
        """Stripe did not answer, and it wants a page to last half an hour: the request is made anew."""
        ends = fields.Datetime.now() + timedelta(minutes=50)
        for fault, pages in (("503", 1), ("disconnect_after", 2)):
            with self.subTest(fault):
                tx = self._attempt(self._link(self._invoice(), expires_at=ends))
                self.fake.fault(fault, "POST", SESSIONS, times=3)
                self.assertEqual(self.checkout(tx).status_code, 503)
                with freeze_time(fields.Datetime.now() + timedelta(minutes=25)):
                    self.assertEqual(self.checkout(tx).status_code, 303)
                self.assertEqual(tx.state, "draft", tx.state_message)
                self.assertEqual(len(self.fake.realm().all("checkout.session")), pages, "not two for one attempt")
