import json
from datetime import date

from odoo.exceptions import UserError
from odoo.tests import tagged

from .stripe_common import StripeCommon

INTENTS = "/v1/payment_intents"


@tagged("post_install", "-at_install")
class TestStripeTokenUse(StripeCommon):
    """Stored methods on links and in Accounting, and their end."""

    # === ON A LINK === #

    def _pay_with_token(self, link, token):
        self._log_in(token.partner_id)
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
        self.assertIn("votre banque", tx.state_message.lower())
        self.assertEqual(link.with_context(lang="fr_FR")._last_failure(), tx.state_message)
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

    def _job_is_called(self):
        job = self.env.ref("paylink_addon.ir_cron_paylink_send")
        return bool(self.env["ir.cron.trigger"].sudo().search_count([("cron_id", "=", job.id)]))

    def test_one_worker_is_left(self):
        """Where as many wait for something slow as may, a charge is in progress, and the job sends it."""
        token, link = self._stored(), self._link(self._invoice())
        before = len(self.fake.journal())
        with self._busy():
            self.assertEqual(self._pay_with_token(link, token)["state"], "pending")
        self.assertEqual((link.state, len(self.fake.journal())), ("pending", before))
        self.assertTrue(self._job_is_called())
        self.send_waiting()
        self.assertEqual(link.transaction_ids.state, "done")

    def test_one_worker_is_left_by_the_portal(self):
        """Likewise what Odoo's own pages ask for, which is sent after the commit."""
        tx = self._attempt(self._free_link(), operation="offline", token_id=self._stored().id)
        before = len(self.fake.journal())
        tx._charge_with_token()
        self.env.flush_all()
        self.env["ir.cron.trigger"].sudo().search([]).unlink()
        with self._busy():
            self.env.cr.postcommit.run()
        self.env.invalidate_all()
        self.assertEqual((tx.state, tx.paylink_todo, len(self.fake.journal())), ("pending", "charge", before))
        self.assertTrue(self._job_is_called())
        self.send_waiting()
        self.assertEqual(tx.state, "done")

    def test_cancelled_link_withdraws_a_charge_that_was_not_sent(self):
        """The server has stopped between storing the charge and sending it; or it goes on with it after all."""
        token, link = self._stored(), self._link(self._invoice())
        tx = self._attempt(link, operation="online_token", token_id=token.id)
        tx._paylink_wish("charge")
        link.action_cancel()
        self.send_waiting()
        with self._request(tx) as requested:
            requested._paylink_send()
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
        payment = self._registration(invoice, token)._create_payments()
        self.assertNotEqual(payment.move_id.state, "posted", "not before it is charged")
        self.send_waiting()
        self.env["payment.transaction"].search([("is_post_processed", "=", False)])._post_process()
        return payment

    def _debit(self):
        """An invoice, and its payment by a stored bank account, which takes days."""
        token = self._stored_debit(currency_id=self.currency_euro.id)
        invoice = self._invoice(currency_id=self.currency_euro.id)
        payment = self._register(invoice, token)
        self.assertEqual((payment.payment_transaction_id.state, payment.move_id.state), ("pending", "draft"))
        return invoice, payment

    def _settle(self, payment, succeed=True):
        self.fake.settle(payment.payment_transaction_id.paylink_stripe_intent, succeed=succeed)
        self.apply_events()

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

    def test_payment_that_is_being_charged_can_not_be_confirmed(self):
        """Not until the debit is settled, and not if it has failed."""
        invoice, payment = self._debit()
        with self.assertRaisesRegex(UserError, "is being charged"):
            payment.action_post()
        self._settle(payment, succeed=False)
        self.assertEqual((payment.state, invoice.payment_state), ("canceled", "not_paid"))
        payment.action_draft()
        with self.assertRaisesRegex(UserError, "was not charged"):
            payment.action_post()

    def test_entry_that_was_posted_before_the_debit_failed(self):
        """Nothing forbids to post the entry alone: it is taken out of the books again, by another one."""
        for end in ("failed", "canceled"):
            with self.subTest(end):
                invoice, payment = self._debit()
                payment.move_id._post()
                (payment.move_id | invoice).line_ids.filtered(
                    lambda line: line.account_id.account_type == "asset_receivable"
                ).reconcile()
                self.assertEqual(invoice.amount_residual, 0)
                if end == "failed":
                    self._settle(payment, succeed=False)
                else:
                    payment.payment_transaction_id._set_canceled()
                    payment.payment_transaction_id._post_process()
                self.assertEqual((payment.state, invoice.amount_residual), ("rejected", 100))
                move = payment.move_id
                self.assertEqual((move.state, move.reversal_move_ids.state), ("posted", "posted"))
                self.assertFalse(payment._paylink_receivable_lines())

    def test_entry_that_was_reset_to_draft_before_the_debit_failed(self):
        """It was in the books once: its number stays taken."""
        _invoice, payment = self._debit()
        payment.move_id._post()
        name = payment.move_id.name
        payment.move_id.button_draft()
        self._settle(payment, succeed=False)
        self.assertEqual((payment.state, payment.move_id.state, payment.move_id.name), ("canceled", "cancel", name))

    def test_entry_that_was_posted_before_the_debit_succeeded(self):
        invoice, payment = self._debit()
        payment.move_id._post()
        self._settle(payment)
        self.assertEqual((payment.payment_transaction_id.payment_id, invoice.payment_state), (payment, "paid"))

    def test_items_of_a_payment_in_progress_are_not_charged_again(self):
        invoice, payment = self._debit()
        with self.assertRaisesRegex(UserError, invoice.name):
            self._registration(invoice, payment.payment_token_id)._create_payments()
        self.assertEqual(len(self.requests("POST", INTENTS)), 1)

    def test_items_that_are_paid_but_not_booked_are_not_charged_again(self):
        """The booking has failed, or nobody has got to it: of a payment by a link, and of one in Odoo's portal."""
        token = self._stored()
        by_link, in_portal = self._invoice(), self._invoice()
        self._force_attempt(self._link(by_link), 100)._set_done()
        self._portal_attempt(in_portal)._set_done()
        for invoice in (by_link, in_portal):
            with self.subTest(invoice.name), self.assertRaisesRegex(UserError, invoice.name):
                self._registration(invoice, token)._create_payments()
        self.assertFalse(self.requests("POST", INTENTS))

    # === CHARGES THAT FAIL === #

    def _tasks(self, record):
        return self.env["mail.activity"].search([("res_model", "=", record._name), ("res_id", "=", record.id)])

    def test_salesperson_is_told_of_a_declined_charge(self):
        token, invoice = self._stored(), self._invoice()
        self.fake.set_outcome(token.provider_ref, "insufficient_funds")
        links = self.env["paylink.link"].search([])
        payment = self._register(invoice, token)
        (task,) = self._tasks(invoice)
        self.assertEqual(task.user_id, invoice.invoice_user_id)
        self.assertIn("The account does not have enough money.", task.note)
        self.assertIn("Le compte", payment.payment_transaction_id.state_message)
        self.assertEqual(self.env["paylink.link"].search([]), links)

    def test_link_for_who_must_confirm_a_charge(self):
        """It asks for what was to be charged; nothing is sent, that is the salesperson's choice."""
        token, invoice = self._stored(), self._invoice()
        self.fake.set_outcome(token.provider_ref, "authentication_required")
        links, mails = self.env["paylink.link"].search([]), self.env["mail.mail"].sudo().search([])
        self._register(invoice, token)
        link = self.env["paylink.link"].search([]) - links
        (task,) = self._tasks(invoice)
        self.assertIn(link.name, task.note)
        self.assertEqual((link.state, link.amount_due, link.user_id), ("open", 100, invoice.invoice_user_id))
        made = self.env["mail.mail"].sudo().search([]) - mails
        self.assertFalse(made.filtered(lambda mail: self.marie.email in (mail.email_to or "")))
        self.pay_on_page(link)
        self.assertEqual(invoice.payment_state, "paid")

    def test_managers_are_told_where_there_is_no_salesperson(self):
        """Once each, however often it is processed."""
        token, invoice = self._stored(), self._invoice()
        invoice.invoice_user_id = False
        self.fake.set_outcome(token.provider_ref, "expired_card")
        payment = self._register(invoice, token)
        payment.payment_transaction_id._post_process()
        managers = self.company._paylink_managers()
        self.assertTrue(managers)
        self.assertEqual(self._tasks(invoice).mapped("user_id"), managers)
        self.assertEqual(len(self._tasks(invoice)), len(managers))

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

    # === OTHER ACCOUNTS === #

    def _use_key(self, key):
        self.provider.paylink_stripe_secret_key = key
        self.provider.action_paylink_stripe_connect()
        self.send_waiting()

    def _offered(self, invoice):
        """The stored methods that are offered on a link, in the portal and in Accounting."""
        link = self._link(invoice)
        wizard = self._registration(invoice, self.env["payment.token"])
        return [
            link.sudo()._payment_options(link._payable_amount(), link.partner_id)[2],
            self.env["payment.token"].sudo()._get_available_tokens(self.provider.ids, invoice.partner_id.id),
            wizard.suitable_payment_token_ids,
        ]

    def test_methods_of_another_account_wait_for_its_key(self):
        """They can't be charged with this one, so they are not offered; but nothing is lost by a wrong key."""
        token, key = self._stored(), self.provider.paylink_stripe_secret_key
        self._use_key(self.fake.add_account("Another").key())
        self.assertTrue(token.active)
        self.assertEqual(self._offered(self._invoice()), [self.env["payment.token"]] * 3)
        self._use_key(key)
        self.assertEqual(self._offered(self._invoice()), [token] * 3)

    def test_method_is_detached_from_its_own_account(self):
        """Archived while the key is another account's, or none that Stripe knows."""
        token, key = self._stored(), self.provider.paylink_stripe_secret_key
        self._use_key(self.fake.add_account("Another").key())
        token.active = False
        self.send_waiting()
        self.provider.paylink_stripe_secret_key = "sk_test_unknown"
        self.send_waiting()
        self.assertTrue(token.paylink_stripe_to_detach)
        self._use_key(key)
        self.assertFalse(self.fake.get(token.provider_ref)["customer"])
        self.assertFalse(token.paylink_stripe_to_detach)

    def test_archived_by_mistake(self):
        """What has not been detached yet can be used again."""
        token = self._stored()
        token.payment_method_id = self.payment_method_id  # Odoo itself refuses those of brands that are not enabled
        token.active = False
        token.active = True
        self.send_waiting()
        self.assertTrue(self.fake.get(token.provider_ref)["customer"])
        self.assertFalse(token.paylink_stripe_to_detach)
