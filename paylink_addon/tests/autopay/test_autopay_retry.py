from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..stripe.stripe_common import StripeCommon
from .autopay_common import AutopayMixin

INTENTS = "/v1/payment_intents"


@tagged("post_install", "-at_install")
class TestAutopayRetry(AutopayMixin, StripeCommon):
    """What Stripe answers to charges, and what follows: tries, the end, unknown outcomes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_autopay()

    def setUp(self):
        super().setUp()
        self.token = self._stored()
        self.marie.write({"paylink_autopay": True, "paylink_token_id": self.token.id})
        self.rule = self._rule(retry_funds="3, 7", retry_technical="1", retry_other="")

    def _charge(self, outcome="succeed", days=0):
        """Run, send, book as of ``days`` later; the transaction, if there is one."""
        self.fake.set_outcome(self.token.provider_ref, outcome)
        tx = self._run_rules(days)
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")
        return tx

    def _sent(self, link):
        mails = self.env["mail.mail"].sudo().search([("model", "=", "paylink.link"), ("res_id", "=", link.id)])
        return mails.filtered(lambda mail: self.marie.email in (mail.email_to or ""))

    def _tasks(self, link):
        return link.activity_ids.filtered(lambda task: task.paylink_key.startswith("autopay_failed"))

    def test_plan(self):
        """Not enough money: tried on the days of the plan, by the same link; then the link goes out."""
        invoice = self._due_invoice()
        first = self._charge("insufficient_funds")
        row, link = self._row(invoice), first.paylink_id
        self.assertEqual((first.state, row.decline, row.next_on), ("error", "funds", self._in(3)))
        self.assertFalse(self._sent(link), "the customer has not been asked to do anything")
        self.assertFalse(self._charge(days=2))
        second = self._charge("insufficient_funds", days=3)
        self.assertEqual((second.paylink_id, row.tries, row.next_on), (link, 2, self._in(7)))
        third = self._charge("insufficient_funds", days=10)
        self.assertEqual((third.paylink_id, row.is_ended), (link, True))
        self.assertTrue(self._sent(link))
        self.assertFalse(self._charge(days=90))
        self.assertEqual(len(self.requests("POST", INTENTS)), 3)
        for tx in first | second | third:
            self.assertEqual(len(self.requests("POST", f"{INTENTS}/{tx.paylink_stripe_intent}/cancel")), 1)
            self.assertEqual((tx.state, tx.paylink_todo), ("error", False))

    def test_plan_succeeds_in_the_end(self):
        invoice = self._due_invoice()
        self._charge("insufficient_funds")
        self._charge(days=3)
        self.assertEqual((invoice.payment_state, self._row(invoice).is_charged), ("paid", True))

    def _in(self, days):
        return self.today + timedelta(days=days)

    def test_what_follows_fails(self):
        """Nobody can be told, or asked: the outcome is stored all the same, so it is not charged again at once."""
        Link = self.registry["paylink.link"]
        for error in (UserError("No template"), ValueError("Broken")):
            with self.subTest(error=error):
                invoice = self._due_invoice()
                with patch.object(Link, "_send_out", side_effect=error), mute_logger("odoo.addons.paylink_addon"):
                    tx = self._charge("generic_decline")
                self.assertEqual((self._row(invoice).tries, self._row(invoice).is_ended), (1, True))
                self.assertFalse(self._run_rules(days=1))
                self.assertEqual(bool(self._tasks(tx.paylink_id)), isinstance(error, UserError))

    def test_tries_are_counted_for_each(self):
        """Of what is charged together each has its own plan; another method begins anew."""
        first = self._due_invoice()
        self._charge("insufficient_funds")
        second = self._due_invoice()
        self._charge("insufficient_funds", days=3)
        self.assertEqual((self._row(first).tries, self._row(second).tries), (2, 1))
        self.assertEqual((self._row(first).next_on, self._row(second).next_on), (self._in(7), self._in(3)))
        self.token = self._stored()
        self.marie.paylink_token_id = self.token
        self._charge("insufficient_funds", days=3)
        self.assertEqual(((self._row(first) | self._row(second)).mapped("tries")), [1, 1])

    def test_kinds_of_declines(self):
        self._due_invoice()
        tx = self._charge("insufficient_funds").sudo()
        for code, kind in (
            ("mobile_device_authentication_required", "authentication"),
            ("payment_intent_authentication_failure", "authentication"),
            ("payment_method_provider_timeout", "technical"),
            ("currency_not_supported", "unfit"),
            ("invalid_amount", "unfit"),
            ("no_action_taken", "other"),
            ("debit_declined", "funds"),
            ("account_closed", "hard"),
        ):
            with self.subTest(code):
                tx.paylink_stripe_decline_code = code
                self.assertEqual(tx._paylink_decline_kind(), kind)
        self.assertFalse(self.rule._retry_after("unfit", 1))

    def test_method_is_gone(self):
        """It will never work again."""
        invoice = self._due_invoice()
        self.fake.detach(self.token.provider_ref)
        tx = self._run_rules()
        self.send_waiting()
        self.assertEqual((tx.state, self._row(invoice).decline), ("error", "hard"))

    def test_refused_for_good(self):
        """A stolen card is not charged again for anything; another one is."""
        for code in ("stolen_card", "do_not_honor for good"):
            with self.subTest(code):
                invoice = self._due_invoice()
                tx = self._charge(code)
                self.assertEqual((tx.state, self._row(invoice).decline), ("error", "hard"))
                self.assertTrue(self.token.paylink_refused_at)
                other = self._due_invoice()
                self.assertFalse(self._charge(days=60))
                self.token = self._stored()
                self.marie.paylink_token_id = self.token
                self._charge()
                self.assertEqual((invoice | other).mapped("payment_state"), ["paid", "paid"])

    def test_key_is_refused(self):
        """No bank has said anything: it is no try. Managers are told, and it is charged when the key works again."""
        key = self.provider.paylink_stripe_secret_key
        invoice, self.rule.retry_technical = self._due_invoice(), "1"
        self.provider.paylink_stripe_secret_key = "sk_test_unknown"
        tx = self._charge()
        self.provider.paylink_stripe_secret_key = key
        self.assertEqual((tx.state, tx.paylink_todo, tx.paylink_sent_at), ("pending", "charge", False))
        self.assertEqual((self._row(invoice).tries, self.provider.paylink_stripe_key_refused), (0, True))
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((tx.state, invoice.payment_state), ("done", "paid"))

    def test_refused_key_is_asked_for_once(self):
        """Not for each charge that waits; the task says what was tried."""
        self.rule.grouping, key = "document", self.provider.paylink_stripe_secret_key
        invoices = self._due_invoice() | self._due_invoice() | self._due_invoice()
        self.provider.paylink_stripe_secret_key = "sk_test_unknown"
        charges = self._run_rules()
        self.assertEqual(len(charges), 3)
        self._run_cron("ir_cron_paylink_send")
        self.assertEqual(len(self.requests("POST", INTENTS)), 1)
        task = self.env["mail.activity"].sudo().search([("paylink_key", "=like", "provider_key_refused%")], limit=1)
        self.assertIn("was to be charged", task.note)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=5)):
            self._run_cron("ir_cron_paylink_send")
        self.assertEqual(len(self.requests("POST", INTENTS)), 2)
        self.provider.paylink_stripe_secret_key = key
        self._run_cron("ir_cron_paylink_send")
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual(set(invoices.mapped("payment_state")), {"paid"})

    def test_customer_must_confirm(self):
        """The link goes out at once, and its page takes the payment."""
        invoice = self._due_invoice()
        tx = self._charge("authentication_required")
        self.assertEqual(self._row(invoice).decline, "authentication")
        self.assertTrue(self._sent(tx.paylink_id))
        self.assertFalse(self._charge(days=60))
        self.pay_on_page(tx.paylink_id)
        self.assertEqual(invoice.payment_state, "paid")

    def test_the_end(self):
        """A link, a task, or nothing, as the rule says; a link that can't be sent is a task."""
        for at_end, email, sent, tasks in (
            ("link", "marie@example.com", True, False),
            ("link", False, False, True),
            ("task", "marie@example.com", False, True),
            ("reminder", "marie@example.com", False, False),
        ):
            with self.subTest(at_end, email=email):
                self.rule.at_end = at_end
                self.marie.email = email
                invoice = self._due_invoice()
                link = self._charge("generic_decline").paylink_id
                self.marie.email = "marie@example.com"
                self.assertTrue(self._row(invoice).is_ended)
                self.assertEqual((bool(self._sent(link)), bool(self._tasks(link))), (sent, tasks))

    def test_declined_by_hand(self):
        """Who has clicked sees it: the customer is not written to, unless the answer comes later."""
        self.fake.set_outcome(self.token.provider_ref, "generic_decline")
        for at_once in (True, False):
            with self.subTest(at_once=at_once):
                invoice = self._due_invoice()
                self._charge_by_hand(invoice)
                self.env.flush_all()
                if at_once:
                    self.env.cr.postcommit.run()
                else:
                    self.env.cr.postcommit.clear()
                    self.send_waiting()
                self.env.invalidate_all()
                link = self.env["payment.transaction"].search([("token_id", "=", self.token.id)], limit=1).paylink_id
                self.assertEqual((link.line_ids.move_line_id.move_id, link.transaction_ids.state), (invoice, "error"))
                self.assertEqual(bool(self._sent(link)), not at_once)

    def test_unknown_outcome(self):
        """It is looked up, never sent under another key."""
        invoice = self._due_invoice()
        self.fake.fault("disconnect_after", "POST", INTENTS, times=3)
        tx = self._run_rules()
        self.send_waiting()
        self.assertEqual((tx.state, tx.paylink_todo), ("pending", "charge"))
        self.assertFalse(self._run_rules(), "it may have been charged")
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((tx.state, invoice.payment_state), ("done", "paid"))
        # With what the method was stored by, which was an open credit: it is netted.
        self.assertEqual(sum(paid.received for paid in self.fake.ledger()), 10000)

    def test_crash_between_wish_and_send(self):
        """The wish is there: the next job sends it, once."""
        self._due_invoice()
        tx = self._run_rules()
        self.send_waiting()
        self.send_waiting()
        self.assertEqual((tx.state, len(self.requests("POST", INTENTS))), ("done", 1))

    def test_debit_that_fails_days_later(self):
        """A debit is in progress for days; when it fails the plan goes on."""
        self.token = self._stored_debit(currency_id=self.currency_euro.id)
        self.marie.paylink_token_id = self.token
        invoice = self._due_invoice(currency_id=self.currency_euro.id)
        tx = self._charge()
        self.assertEqual((tx.state, self._run_rules(days=3)), ("pending", tx.browse()))
        self.fake.settle(tx.paylink_stripe_intent, succeed=False)
        self.apply_events()
        row = self._row(invoice)
        self.assertEqual((tx.state, row.next_on, row.is_ended), ("error", self._in(3), False))
        self.assertFalse(self._sent(tx.paylink_id))
