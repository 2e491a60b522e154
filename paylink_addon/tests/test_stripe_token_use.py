import json
from datetime import date

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .stripe_common import StripeCommon

INTENTS = "/v1/payment_intents"


@tagged("post_install", "-at_install")
class TestStripeTokenUse(StripeCommon):
    """Stored methods on links and in Accounting, and their end."""

    # === ON A LINK === #

    def _pay_with_token(self, link, token):
        payload = {
            "provider_id": self.provider.id,
            "payment_method_id": None,
            "token_id": token.id,
            "amount": link._payable_amount(),
            "flow": "token",
        }
        response = self.url_open(
            f"/pay/{link.access_token}/transaction",
            data=json.dumps({"jsonrpc": "2.0", "method": "call", "params": payload}),
            headers={"Content-Type": "application/json"},
        )
        self.env.invalidate_all()
        return response.json()["result"]

    def test_link_is_paid_with_a_stored_method(self):
        """At once: the customer waits for the answer."""
        token = self._stored()
        link = self._link(self._invoice())
        self.assertEqual(self._pay_with_token(link, token)["state"], "done")
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((link.state, link.line_ids.move_id.payment_state), ("paid", "paid"))
        self.assertEqual(len(self.requests("POST", INTENTS)), 1)

    def test_bank_wants_the_customer_on_the_page(self):
        """Action needed: the link stays usable, its page says what to do, and paying there works."""
        token = self._stored()
        self.fake.set_outcome(token.provider_ref, "authentication_required")
        link = self._link(self._invoice())
        self.assertEqual(self._pay_with_token(link, token)["state"], "error")
        tx = link.transaction_ids
        self.assertEqual((tx.paylink_action_needed, link.state, link._page_view()), (True, "failed", "pay"))
        self.assertEqual(link._last_failure(), tx.state_message)
        self.pay_on_page(link)
        self.assertEqual((link.state, link.attempt_count), ("paid", 2))

    def test_link_charge_without_an_answer(self):
        """In progress: no second click can charge again; the job finds out."""
        token = self._stored()
        link = self._link(self._invoice())
        self.fake.fault("disconnect_after", "POST", INTENTS, times=3)
        self.assertEqual(self._pay_with_token(link, token)["state"], "pending")
        self.assertEqual((link.state, link._payable_amount()), ("pending", 0))
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual(link.state, "paid")
        self.assertEqual(sum(paid.received for paid in self.fake.ledger()), 11000)

    def test_cancelled_link_withdraws_a_charge_that_was_not_sent(self):
        """The server has stopped between storing the charge and sending it; or it goes on with it after all."""
        token, link = self._stored(), self._link(self._invoice())
        tx = self._attempt(link, operation="online_token", token_id=token.id)
        tx._paylink_prepare_charge()
        link.action_cancel()
        self.send_waiting()
        tx.with_context(paylink_answers=[])._charge_with_token()
        self.assertEqual((tx.state, link.state, link.attempt_count), ("cancel", "cancelled", 0))
        self.assertFalse(self.requests("POST", INTENTS))

    def test_cancelled_link_keeps_a_charge_that_may_have_been_made(self):
        token, link = self._stored(), self._link(self._invoice())
        self.fake.fault("disconnect_after", "POST", INTENTS, times=3)
        self._pay_with_token(link, token)
        link.action_cancel()
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual(link.state, "paid")

    # === REGISTERED IN ACCOUNTING === #

    def _register(self, invoice, token):
        """Odoo's payment registration with a stored method."""
        line = self.provider.journal_id.inbound_payment_method_line_ids.filtered(
            lambda one: one.payment_provider_id == self.provider
        )
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create(
                {
                    "journal_id": self.provider.journal_id.id,
                    "payment_method_line_id": line.id,
                    "payment_token_id": token.id,
                }
            )
        )
        payment = wizard._create_payments()
        self.assertNotEqual(payment.move_id.state, "posted", "not before it is charged")
        self.send_waiting()
        self.env["payment.transaction"].search([("is_post_processed", "=", False)])._post_process()
        return payment

    def test_registered_payment_is_posted_when_it_is_charged(self):
        invoice = self._invoice()
        payment = self._register(invoice, self._stored())
        self.assertEqual((payment.payment_transaction_id.state, payment.move_id.state), ("done", "posted"))
        self.assertEqual((invoice.payment_state, invoice.matched_payment_ids), ("paid", payment))

    def test_registered_payment_that_is_declined(self):
        token, invoice = self._stored(), self._invoice()
        self.fake.set_outcome(token.provider_ref, "insufficient_funds")
        payment = self._register(invoice, token)
        self.assertEqual((payment.state, invoice.payment_state), ("canceled", "not_paid"))

    # === ARCHIVING === #

    def test_archived_method_is_detached(self):
        token = self._stored()
        token.active = False
        self.assertTrue(self.fake.get(token.provider_ref)["customer"], "not before the commit")
        self.fake.fault("503", "POST", "*/detach", times=3)
        self.send_waiting()
        self.assertTrue(token.paylink_stripe_to_detach)
        self.send_waiting()
        self.assertFalse(self.fake.get(token.provider_ref)["customer"])
        self.assertFalse(token.paylink_stripe_to_detach)
        with self.assertRaises(UserError):
            token.active = True

    def test_detached_at_stripe_is_archived(self):
        token = self._stored()
        method = self.fake.get(token.provider_ref)
        found = self.env["payment.token"]._paylink_stripe_apply(self.provider, method, "payment_method.detached")
        self.assertEqual((found, token.active, token.paylink_stripe_to_detach), (token, False, False))

    def test_replaced_card(self):
        token = self._stored()
        method = self.fake.get(token.provider_ref)
        method = {**method, "card": {**method["card"], "last4": "1111", "exp_year": 2036}}
        name = "payment_method.automatically_updated"
        self.env["payment.token"]._paylink_stripe_apply(self.provider, method, name)
        self.assertEqual((token.payment_details, token.paylink_expires_on), ("1111", date(2036, 12, 31)))

    def test_other_account_archives_its_methods(self):
        token = self._stored()
        self.provider.paylink_stripe_secret_key = self.fake.add_account("Another").key()
        self.provider.action_paylink_stripe_connect()
        self.assertFalse(token.active)
        self.provider.payment_method_ids = [Command.link(self.payment_method_id)]
