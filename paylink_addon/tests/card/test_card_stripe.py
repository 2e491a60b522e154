from datetime import timedelta
from functools import partial

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .card_stripe_common import CardStripeCommon
from .open_common import OpenCommon


@tagged("post_install", "-at_install")
class TestCardStripe(CardStripeCommon):
    """Cards stored by a request on Stripe's page."""

    def test_stored_whatever_comes_first(self):
        """The messages, in any order and twice, or the customer's return: one profile, told once."""
        for order in (list, lambda events: events[::-1]):
            request = self._card_request()
            tx = self._start(request)
            self.fake.pay(tx.paylink_stripe_session)
            self.apply_events(order=lambda events, order=order: order(events) * 2)
            back = self.come_back(tx)
            self.assertTrue(back.headers["Location"].endswith(f"/card/{request.access_token}"))
            self.assertEqual((request.state, request.token_id.payment_details), ("stored", "4242"))
            self.assertEqual(len(request.message_ids.filtered(lambda m: m.subtype_id == self._stored_subtype())), 1)
        self.assertEqual(self.env["payment.token"].search_count([("partner_id", "=", self.marie.id)]), 2)

    def _stored_subtype(self):
        return self.env.ref("paylink_addon.mt_card_stored")

    def test_page_ends_with_the_request(self):
        request = self._card_request()
        tx = self._start(request)
        request.action_cancel()
        self.send_waiting()
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["status"], "expired")
        self.assertEqual(request.state, "cancelled")

    def test_customer_was_faster_than_the_cancellation(self):
        """The method is stored, with what was agreed to."""
        request = self._card_request()
        tx = self._start(request)
        self.fake.pay(tx.paylink_stripe_session)
        request.action_cancel()
        self.apply_events()
        self.assertEqual(request.state, "stored")
        self.assertTrue(request.token_id.paylink_consent)

    # === LEFT, OVERTAKEN === #

    def test_customer_leaves_and_comes_back(self):
        """Who leaves Stripe's page counts as interrupted, and still stores the card by the page that is still open."""
        for leave in (partial(self.come_back, cancelled="1"), self.time_out):
            request = self._card_request()
            tx = self._start(request)
            leave(tx)
            self.assertEqual((request.status, request.attempt_count), ("interrupted", 1))
            events = request.message_ids.subtype_id.mapped("name")
            self.assertIn("Attempt given up", events)
            self.fake.pay(tx.paylink_stripe_session)
            self.apply_events()
            self.assertEqual((request.status, request.token_id.payment_details), ("stored", "4242"))

    def time_out(self, tx):
        """The customer does not come back; the job comes."""
        tx.flush_recordset()
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = create_date - interval '2 days' WHERE id = %s", [tx.id]
        )
        tx.invalidate_recordset()
        self._run_cron("ir_cron_paylink_expire")

    def test_form_that_is_sent_again_too_late(self):
        """The page that the customer has left open leads back to the request, which says what became of it."""
        for name in ("cancelled_at", "expires_at"):
            with self.subTest(name):
                request = self._card_request()
                tx = self._start(request)
                request.sudo()[name] = fields.Datetime.now()
                answer = self.checkout(tx)
                self.assertEqual(answer.status_code, 303)
                self.assertTrue(answer.headers["Location"].endswith(f"/card/{request.access_token}"))

    def test_new_customers_share_no_customer_at_stripe(self):
        """Odoo has one contact for all of them; at Stripe each has a customer, who is charged once it is linked."""
        tokens = self.env["payment.token"]
        for email in ("ada@example.com", "bob@example.com"):
            request = self._new_request(email)
            tx = self._start(request, {"given_name": email, "given_email": email})
            self.fake.pay(tx.paylink_stripe_session)
            self.apply_events()
            self.assertEqual(request.linking, "to_link")
            tokens |= request.token_id
        first, second = (self.fake.get(token.paylink_stripe_customer) for token in tokens)
        self.assertEqual((first["email"], second["email"]), ("ada@example.com", "bob@example.com"))
        self.assertFalse(self.env["paylink.stripe.customer"].search([("partner_id", "=", tokens.partner_id.id)]))
        tokens[0].paylink_card_request_id._link_to(self.marie)
        self.assertEqual(tokens[0].paylink_stripe_customer, first["id"])
        self.send_waiting()
        named = self.fake.get(first["id"])
        self.assertEqual((named["name"], named["email"]), ("Marie Dubois", "marie@example.com"))
        self.assertFalse(tokens.filtered("paylink_stripe_to_name"))
        tokens[0].paylink_card_request_id.action_undo_link()
        self.send_waiting()
        named = self.fake.get(first["id"])
        self.assertEqual((named["name"], named["email"]), ("ada@example.com", "ada@example.com"))

    def test_what_hangs_on_a_known_customer_becomes_nobody_elses(self):
        """Who was known by the address on the page for anyone pays by their customer at Stripe."""
        page = self.new_template.copy({"kind": "generic", "company_id": self.company.id, "name": "Page"})
        request = self._card_request(self.john, template_id=page.id)
        request.sudo().linked_at = fields.Datetime.now()
        token = self._stored_by(request)
        self.assertEqual(request.linking, "linked")
        request.action_undo_link()
        with self.assertRaisesRegex(UserError, "for the method again"):
            request._link_to(self.marie)
        request._link_to(self.john)
        self.assertEqual((token.partner_id, token.paylink_stripe_to_name), (self.john, False))

    def test_page_of_a_new_customer_is_found_again(self):
        """An unanswered request for the page, tried again too late: the page that it has made, not another."""
        request = self._new_request()
        tx = self._start(request, {"given_name": "Ada", "given_phone": "06 12 34 56 78"})
        session = tx.paylink_stripe_session
        tx.paylink_stripe_session = False
        with freeze_time(fields.Datetime.now() + timedelta(hours=22, minutes=50)):
            tx._paylink_stripe_new_session()
        self.assertEqual(tx.paylink_stripe_session, session)


@tagged("post_install", "-at_install")
class TestCardStripeTries(OpenCommon, CardStripeCommon):
    """How many cards one proof, or one request, is good for on Stripe's page."""

    def _visitor(self):
        """Who has proved an address on the page for anyone."""
        return self.page.sudo().with_context(lang="en_US")._new_request("ada@example.com", {"given_name": "Ada"})

    def test_page_is_closed_after_a_declined_card(self):
        """A proof is good for one card; another request for as many as may be tried in an hour."""
        self.env["ir.config_parameter"].set_param("paylink_addon.max_attempts_per_hour", "3")
        for request, allowed in ((self._visitor(), 1), (self._card_request(), 2)):
            tx = self._start(request)
            for number in range(1, allowed + 1):
                with self.subTest(kind=request.kind, number=number):
                    self.fake.pay(tx.paylink_stripe_session, "card", "do_not_honor")
                    self.apply_events()
                    self.send_waiting()
                    self.assertEqual((request.status, request.attempt_count), ("interrupted", number))
                    failures = request.message_ids.filtered(lambda m: m.subtype_id == self._failed_subtype())
                    self.assertEqual(len(failures), number)
                    self.assertTrue(request.sudo()._last_failure())
                    is_open = self.fake.get(tx.paylink_stripe_session)["status"] == "open"
                    self.assertEqual(is_open, number < allowed)
            expected = "code" if request.kind == "generic" else "store"
            self.assertEqual(request.sudo()._page_view(), expected)

    def _failed_subtype(self):
        return self.env.ref("paylink_addon.mt_card_attempt_failed")

    def test_going_back_keeps_the_proof(self):
        request = self._visitor()
        self.come_back(self._start(request), cancelled="1")
        self.assertEqual((request.status, request.sudo()._page_view()), ("interrupted", "store"))
