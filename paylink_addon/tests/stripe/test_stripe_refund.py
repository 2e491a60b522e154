from datetime import timezone
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from psycopg2 import errors

from ...models.stripe.payment_transaction import PaylinkStripeMismatch
from .stripe_common import StripeCommon

REFUNDS = "/v1/refunds"


@tagged("post_install", "-at_install")
class TestStripeRefund(StripeCommon):
    """Money that goes back, or is taken later."""

    def setUp(self):
        super().setUp()
        self.link = self._link(self._invoice(amount=100))

    def _refund(self, tx, amount=None):
        """Refund from Odoo, until Stripe has answered and it is booked."""
        tx.action_refund(amount_to_refund=amount)
        self.send_waiting()
        return tx.child_transaction_ids.sorted("id")[-1:]

    def _refund_wizard(self, tx, amount):
        return self.env["paylink.refund"].create(
            {"link_id": tx.paylink_id.id, "transaction_id": tx.id, "amount": amount}
        )

    def _refund_by_wizard(self, tx, amount):
        """Refund as a payment manager does, until Stripe has answered and it is booked."""
        with self._request(self._refund_wizard(tx, amount)) as requested:
            requested.action_refund()
        self.send_waiting()
        return tx.child_transaction_ids.sorted("id")[-1:]

    def _refunded(self):
        (payment,) = self.fake.ledger()
        return payment.refunded

    # === FROM ODOO === #

    def test_partial_then_full(self):
        tx = self.pay_on_page(self.link)
        first = self._refund(tx, 30)
        self.assertEqual((first.state, first.amount, first.payment_id.amount), ("done", -30, 30))
        self.assertEqual((self._refunded(), self.link.amount_refunded, self.link.state), (3000, 30, "paid"))
        self._refund(tx, 70)
        self.assertEqual((self._refunded(), self.link.amount_refunded), (10000, 100))

    def test_amount_is_checked_whoever_asks(self):
        """Less than zero, Stripe would give it back, and we book it as coming in; of the portal's payments too."""
        invoice = self._invoice(amount=100)
        portal = self._portal_attempt(invoice)
        self.checkout(portal)
        self.fake.pay(portal.paylink_stripe_session, "card", "succeed")
        self.come_back(portal)
        portal._post_process()
        for tx in (self.pay_on_page(self.link), portal):
            for amount in (-50, 0, 1000, 100.01, 10.001, float("nan"), "50"):
                with self.subTest(tx=tx.reference, amount=amount), self.assertRaisesRegex(UserError, "left to refund"):
                    tx.action_refund(amount)
            self.assertFalse(tx.child_transaction_ids)
        self.assertFalse(self.requests("POST", REFUNDS))
        self.assertEqual(self._refund(portal, 40).payment_id.payment_type, "outbound")

    def test_method_that_is_removed_since(self):
        """What it has paid can be refunded: in Odoo, and in Stripe's dashboard."""
        token = self._stored()
        values = {"token_id": token.id, "operation": "offline"}
        tx = self._attempt(self.link, **values)
        tx._paylink_wish("charge")
        self.send_waiting()
        tx._post_process()
        with self._request(token) as own:
            own.sudo()._paylink_remove("us")
        self.assertEqual((tx.state, token.active), ("done", False))
        self.assertEqual(self._refund(tx, 30).state, "done")
        self.fake.refund(tx.paylink_stripe_charge, 2000)
        self.apply_events()
        self.assertEqual(sorted(tx.child_transaction_ids.mapped("amount")), [-30, -20])

    def test_refund_is_sent_after_the_commit(self):
        """A database transaction that is run again must not refund twice: it only stores the wish."""
        tx = self.pay_on_page(self.link)
        tx.action_refund(amount_to_refund=30)
        refund = tx.child_transaction_ids
        self.assertEqual((refund.state, refund.paylink_todo), ("pending", "refund"))
        self.assertFalse(self.requests("POST", REFUNDS))

    def test_lost_answer_refunds_once(self):
        """Stripe refunded, we never heard: it is looked up, not repeated."""
        tx = self.pay_on_page(self.link)
        for fault in ("disconnect_after", "500_done", "garbled", "503", "disconnect_before"):
            with self.subTest(fault):
                before = self._refunded()
                self.fake.fault(fault, "POST", REFUNDS, times=3)
                tx.action_refund(amount_to_refund=10)
                self.send_waiting()
                refund = tx.child_transaction_ids.sorted("id")[-1:]
                self.assertEqual((refund.state, refund.paylink_todo), ("pending", "refund"))
                self.fake.abandon_faults()
                self.send_waiting()
                self.assertEqual((refund.state, refund.paylink_todo), ("done", False))
                self.assertEqual(self._refunded() - before, 1000)

    def test_answer_and_event_make_one_refund(self):
        """The event comes before the answer is stored, or after: the same transaction."""
        tx = self.pay_on_page(self.link)
        self.apply_events()
        tx.action_refund(amount_to_refund=30)
        self.fake.fault("disconnect_after", "POST", REFUNDS, times=3)
        self.send_waiting()
        self.apply_events()
        refund = tx.child_transaction_ids
        self.assertEqual((len(refund), refund.state, refund.paylink_todo), (1, "done", False))
        self.send_waiting()
        self.assertEqual((len(tx.child_transaction_ids), self._refunded()), (1, 3000))

    def test_refused_refund(self):
        """More than is left: an error that says why, and nothing booked."""
        tx = self.pay_on_page(self.link)
        self.fake.refund(self.fake.get(tx.paylink_stripe_intent)["latest_charge"], 9000)
        refund = self._refund(tx, 50)
        self.assertEqual((refund.state, bool(refund.payment_id)), ("error", False))
        self.assertIn("greater than", refund.state_message)
        self.assertIn("failed", self.link.activity_ids.summary)

    def test_amount_that_is_not_exact(self):
        """Refused at once, with a text for people; nothing is stored."""
        kwd = self._enable_currency("KWD")
        tx = self.pay_on_page(self._free_link(10, currency_id=kwd.id))
        wizard = self._refund_wizard(tx, 1.005)
        with self.assertRaisesRegex(UserError, "exactly 1.005 KWD"), self._request(wizard) as requested:
            requested.action_refund()
        self.assertFalse(tx.child_transaction_ids)

    def test_conflict_undoes_all_that_was_asked(self):
        """Nothing has been sent: the call is run again as a whole, and no part of the wish is left behind."""
        wishes = {
            "refund": (False, lambda tx: (self._refund_wizard(tx, 30), "action_refund")),
            "void": (True, lambda tx: (tx.paylink_id, "action_void")),
        }
        for name, (manual, wish) in wishes.items():
            with self.subTest(name):
                self.provider.capture_manually = manual
                tx = self.pay_on_page(self._link(self._invoice(amount=100)))
                record, method = wish(tx)
                conflict = patch.object(type(tx), "_paylink_queue", side_effect=errors.SerializationFailure)
                with self.assertRaises(errors.SerializationFailure), conflict, self._request(record) as requested:
                    getattr(requested, method)()
                self.assertFalse(tx.child_transaction_ids)
                with self._request(record) as requested:
                    getattr(requested, method)()
                self.send_waiting()
                self.assertEqual(len(tx.child_transaction_ids), 1)
                self.assertIn(tx.child_transaction_ids.state, ("done", "cancel"))

    # === FROM THE DASHBOARD === #

    def test_dashboard_refund_is_booked(self):
        """By whichever of its messages comes, in any order, once."""
        for name, order in (("in order", list), ("reversed", lambda events: list(reversed(events)))):
            with self.subTest(name):
                link = self._link(self._invoice(amount=100))
                tx = self.pay_on_page(link)
                self.apply_events()
                self.fake.refund(tx.paylink_stripe_charge, 2500)
                self.fake.refund(tx.paylink_stripe_charge, 1000)
                self.apply_events(order=lambda events, order=order: order(events) * 2)
                refunds = tx.child_transaction_ids
                self.assertEqual(sorted(refunds.mapped("amount")), [-25, -10])
                self.assertEqual(set(refunds.mapped("state")), {"done"})
                self.assertEqual((len(refunds.payment_id), link.amount_refunded), (2, 35))

    def test_dashboard_refund_says_so(self):
        """It is nobody's of ours, whoever looks for it; one that was asked for here is told as on its way."""
        tx = self.pay_on_page(self.link)
        self.apply_events()
        self.fake.refund(tx.paylink_stripe_charge, 2500)
        self.apply_events()
        refund = tx.child_transaction_ids
        self.assertEqual((refund.paylink_user_id.ids, refund.paylink_from_dashboard), ([], True))
        line = self._time_line(self.link, "refunded_there")
        self.assertIn("25", line.body)
        self.assertFalse(self._time_line(self.link, "refunded"))
        self.assertIn("25", self._customer_mails(self.link).mapped("subject")[0])

    def test_dashboard_refund_before_ours_is_sent(self):
        """All is given back at Stripe, of which Odoo learns when somebody has asked for a part of it here."""
        tx = self.pay_on_page(self.link)
        self.apply_events()
        self.fake.refund(tx.paylink_stripe_charge)
        tx.action_refund(amount_to_refund=10)
        self.apply_events()
        self.send_waiting()
        found = sorted((child.amount, child.state) for child in tx.child_transaction_ids)
        self.assertEqual((found, self.link.amount_refunded), ([(-100, "done"), (-10, "error")], 100))
        self.assertIn("failed", self.link.activity_ids.summary)

    def test_refund_that_failed_made_room_for_another(self):
        """Whichever of the two is heard of first, and before the failure."""
        for order in (lambda events: events, lambda events: events[::-1]):
            tx = self.pay_on_page(self._link(self._invoice(amount=100)))
            self.apply_events()
            self.fake.fail_refund(self.fake.refund(tx.paylink_stripe_charge, 1000)["id"])
            self.fake.refund(tx.paylink_stripe_charge)
            self.apply_events(order=order, only=("refund.created",))
            self.assertEqual(tx.paylink_id.amount_refunded, 100)
            done = tx.child_transaction_ids.filtered(lambda child: child.state == "done")
            self.assertEqual(done.mapped("amount"), [-100])

    def test_failure_of_a_dashboard_refund_is_heard_of_first(self):
        """The older message does not make it a success."""
        tx = self.pay_on_page(self.link)
        self.apply_events()
        self.fake.fail_refund(self.fake.refund(tx.paylink_stripe_charge)["id"])
        self.apply_events(order=lambda events: events[::-1])
        self.assertEqual((self.link.amount_refunded, tx.child_transaction_ids.payment_id.ids), (0, []))

    def test_dashboard_refund_of_what_only_the_charge_tells(self):
        tx = self.pay_on_page(self.link)
        self.apply_events()
        self.fake.refund(tx.paylink_stripe_charge, 2500)
        self.apply_events(only=("charge.refunded",))
        self.assertEqual(tx.child_transaction_ids.amount, -25)

    def test_refund_of_more_than_was_paid_is_refused(self):
        tx = self.pay_on_page(self.link)
        refund = self.fake.refund(tx.paylink_stripe_charge, 2500)
        with self.assertRaises(PaylinkStripeMismatch):
            tx._paylink_stripe_apply({**refund, "amount": 10001})

    # === REFUNDS THAT FAIL === #

    def test_refund_that_fails_later_is_undone(self):
        """The books are as before, the link is not refunded, its owner has a task."""
        tx = self.pay_on_page(self.link)
        invoice = self.link.line_ids.move_id
        refund = self._refund(tx, 30)
        self.apply_events()
        payment = refund.payment_id
        self.fake.fail_refund(refund.paylink_stripe_refund)
        self.apply_events(order=lambda events: events * 2)
        self.assertEqual((refund.state, payment.state, self.link.amount_refunded), ("error", "rejected", 0))
        self._check_reversed(payment)
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(len(self.link.activity_ids), 1)
        self.assertIn("failed", self.link.activity_ids.summary)
        self.assertEqual(self.fake.ledger()[0].refunded, 0)
        again = self._refund_by_wizard(tx, 100)
        self.assertEqual((again.state, self.link.amount_refunded), ("done", 100), "all can be refunded again")
        self.assertNotEqual(again.payment_id.name, payment.name, "a number is used once")

    def test_reason_is_in_the_language_of_who_reads_it(self):
        """The messages are handled by a job, which has no language: the company has, and the owner of the link."""
        self.company.partner_id.lang = "fr_FR"
        self.link.user_id = self._french_user("paylink_addon.group_paylink_user")
        tx = self.pay_on_page(self.link)
        self.fake.refund(self.fake.get(tx.paylink_stripe_intent)["latest_charge"], 5000)
        refund, refused = self._refund(tx, 30), self._refund(tx, 60)
        self.apply_events()
        self.fake.fail_refund(refund.paylink_stripe_refund)
        self.apply_events()
        for one, text in ((refund, "Le remboursement"), (refused, "Stripe a refusé")):
            self.assertIn(text, one.state_message)
            self.assertIn(text, " ".join(self.link.activity_ids.mapped("note")))

    def _check_reversed(self, payment):
        """Its entry is in the books for ever, with another one against it."""
        move = payment.move_id
        self.assertEqual((move.state, move.reversal_move_ids.state), ("posted", "posted"))
        lines = (move | move.reversal_move_ids).line_ids
        self.assertFalse(lines.filtered(lambda line: line.account_id.reconcile and not line.reconciled))

    def test_refund_that_fails_in_a_closed_period(self):
        tx = self.pay_on_page(self.link)
        refund = self._refund(tx, 30)
        self.company.fiscalyear_lock_date = fields.Date.today()
        refund._paylink_stripe_apply(self.fake.fail_refund(refund.paylink_stripe_refund))
        self.assertEqual((refund.state, refund.payment_id.state), ("error", "rejected"))
        self._check_reversed(refund.payment_id)

    def test_refund_that_fails_after_somebody_has_reset_it_to_draft(self):
        """Nobody posts it again, and its number stays taken."""
        tx = self.pay_on_page(self.link)
        refund = self._refund(tx, 30)
        payment, name = refund.payment_id, refund.payment_id.name
        payment.action_draft()
        refund._paylink_stripe_apply(self.fake.fail_refund(refund.paylink_stripe_refund))
        self.assertEqual((payment.state, payment.move_id.state, payment.move_id.name), ("canceled", "cancel", name))

    def test_refund_that_fails_after_the_bank_has_shown_it(self):
        """What left the account stays matched; what comes back is matched with the reversal. The credit note waits."""
        tx = self.pay_on_page(self.link)
        refund = self._refund(tx, 30)
        payment = refund.payment_id
        note = self.link.line_ids.move_id._reverse_moves([{}])
        note.invoice_line_ids.price_unit = 30
        note.action_post()
        liquidity, counterpart, _others = payment._seek_for_lines()
        line = self.env["account.bank.statement.line"].create(
            {"journal_id": payment.journal_id.id, "amount": -30, "payment_ref": "Out", "date": payment.date}
        )
        suspense = line._seek_for_lines()[1]
        suspense.account_id = liquidity.account_id
        (suspense | liquidity).reconcile()
        refund._paylink_stripe_apply(self.fake.fail_refund(refund.paylink_stripe_refund))
        self.assertEqual(liquidity.matched_debit_ids.debit_move_id, suspense)
        reversal = payment.move_id.reversal_move_ids.line_ids
        self.assertEqual(counterpart.matched_credit_ids.credit_move_id.move_id, reversal.move_id)
        self.assertEqual(reversal.filtered(lambda one: not one.reconciled).balance, 30)
        self.assertEqual(note.amount_residual, 30)

    def test_failed_message_before_the_success(self):
        """What failed does not succeed later."""
        tx = self.pay_on_page(self.link)
        refund = self.fake.refund(tx.paylink_stripe_charge, 2500)
        succeeded = dict(refund)
        self.fake.fail_refund(refund["id"])
        self.apply_events(only=("refund.failed",))
        self.assertFalse(tx.child_transaction_ids, "what came to nothing needs no transaction")
        odoo = self._refund(tx, 10)
        odoo._paylink_stripe_apply({**self.fake.get(odoo.paylink_stripe_refund), "status": "failed"})
        odoo._paylink_stripe_apply({**self.fake.get(odoo.paylink_stripe_refund), "status": "succeeded"})
        self.assertEqual(odoo.state, "error")
        self.assertEqual(succeeded["status"], "succeeded")

    def test_sepa_refund_takes_days(self):
        link = self._free_link(50, currency_id=self.currency_euro.id)
        tx = self.pay_on_page(link, "sepa_debit")
        self.fake.settle(tx.paylink_stripe_intent)
        self.apply_events()
        refund = self._refund(tx, 20)
        self.assertEqual((refund.state, link.amount_refunded), ("pending", 0))
        self.assertIn("20", self._time_line(link, "refund_pending").body)
        mails = self._customer_mails(link)
        self.fake.settle_refund(refund.paylink_stripe_refund)
        self.apply_events()
        self.assertEqual((refund.state, link.amount_refunded), ("done", 20))
        self.assertEqual(len(self._customer_mails(link) - mails), 1, "told once Stripe has confirmed it")

    # === CAPTURE AND VOID === #

    def _authorized(self):
        self.provider.capture_manually = True
        tx = self.pay_on_page(self.link)
        self.assertEqual((tx.state, self.link.state), ("authorized", "pending"))
        return tx

    def _wizard(self, tx, **values):
        wizard = self.env["payment.capture.wizard"].create({"transaction_ids": [Command.set(tx.ids)], **values})
        wizard.action_capture()
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")

    def test_capture(self):
        tx = self._authorized()
        self._wizard(tx, amount_to_capture=100)
        self.assertEqual((tx.state, self.link.state, self.link.amount_paid), ("done", "paid", 100))
        self.assertEqual(self.link.line_ids.move_id.payment_state, "paid")
        self.assertEqual(self.fake.ledger()[0].received, 10000)

    def test_partial_capture_releases_the_rest(self):
        """Whether or not the user asks for it: Stripe captures once."""
        for void in (False, True):
            with self.subTest(void=void):
                self.link = self._link(self._invoice(amount=100))
                tx = self._authorized()
                self._wizard(tx, amount_to_capture=40, void_remaining_amount=void)
                self.assertEqual((tx.state, self.link.amount_paid), ("done", 40))
                parts = tx.child_transaction_ids.sorted("amount")
                self.assertEqual([(part.amount, part.state) for part in parts], [(40, "done"), (60, "cancel")])
                self.apply_events()
                self.assertEqual(len(tx.child_transaction_ids), 2)
                self.assertEqual(self.link.amount_due, 60)

    def test_refund_of_a_part(self):
        tx = self._authorized()
        self._wizard(tx, amount_to_capture=40)
        part = tx.child_transaction_ids.filtered(lambda child: child.state == "done")
        refund = self._refund(part, 15)
        self.assertEqual((refund.state, refund.source_transaction_id, self._refunded()), ("done", part, 1500))
        self.apply_events()
        self.fake.refund(tx.paylink_stripe_charge, 500)
        self.apply_events()
        self.assertEqual(sorted(part.child_transaction_ids.mapped("amount")), [-15, -5])

    def test_void(self):
        tx = self._authorized()
        tx.action_void()
        self.assertEqual(self.fake.get(tx.paylink_stripe_intent)["status"], "requires_capture")
        self.send_waiting()
        self.assertEqual((tx.state, self.fake.get(tx.paylink_stripe_intent)["status"]), ("cancel", "canceled"))
        self.apply_events()
        self.assertEqual((len(tx.child_transaction_ids), self.link.amount_paid), (1, 0))

    def test_void_of_what_was_captured_meanwhile(self):
        """Who clicks has not seen it: the money is booked once."""
        tx = self._authorized()
        self.provider._paylink_stripe().intent_capture(tx.paylink_stripe_intent, key="dashboard")
        self.apply_events()
        with self.assertRaisesRegex(UserError, "reload the page"), self._request(tx) as requested:
            requested._paylink_request("void")
        self.env["payment.transaction"].search([("is_post_processed", "=", False)])._post_process()
        booked = self.env["account.payment"].search([("payment_transaction_id.paylink_id", "=", self.link.id)])
        self.assertEqual((self.link.amount_paid, booked.mapped("amount")), (100, [100]))

    def test_captured_or_voided_in_the_dashboard(self):
        stripe = self.provider._paylink_stripe()
        cases = {
            "all": (lambda intent: stripe.intent_capture(intent, key="a"), "done", [], 100),
            "part": (
                lambda intent: stripe.intent_capture(intent, key="b", amount_to_capture=2500),
                "done",
                [(25, "done"), (75, "cancel")],
                25,
            ),
            "void": (lambda intent: stripe.intent_cancel(intent, key="c"), "cancel", [], 0),
        }
        for name, (act, state, parts, paid) in cases.items():
            with self.subTest(name):
                self.link = self._link(self._invoice(amount=100))
                tx = self._authorized()
                act(tx.paylink_stripe_intent)
                self.apply_events(order=lambda events: events * 2)
                found = sorted((part.amount, part.state) for part in tx.child_transaction_ids)
                self.assertEqual((tx.state, found, self.link.amount_paid), (state, parts, paid))

    def test_lost_answer_captures_once(self):
        tx = self._authorized()
        self.fake.fault("disconnect_after", "POST", "*/capture", times=3)
        self._wizard(tx, amount_to_capture=100)
        self.assertEqual(tx.state, "authorized")
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((tx.state, self.link.amount_paid), ("done", 100))

    def test_fee_is_asked_for_after_the_capture(self):
        """Before, there is none; also where a part is captured in the dashboard."""
        self.provider.capture_manually = True
        for part in (None, 4000):
            with self.subTest(part=part):
                tx = self.start(self._link(self._invoice(amount=100)))
                self.fake.pay(tx.paylink_stripe_session)
                self.apply_events()
                self.assertEqual((tx.state, tx.paylink_todo), ("authorized", False))
                amount = {"amount_to_capture": part} if part else {}
                self.provider._paylink_stripe().intent_capture(tx.paylink_stripe_intent, key=f"c{part}", **amount)
                self.apply_events()
                self.assertEqual((tx.state, tx.paylink_todo), ("done", "details"))
                self.send_waiting()
                self.assertEqual((tx.paylink_fee > 0, tx.paylink_todo), (True, False))

    def test_capture_before_is_stripes(self):
        """Cards differ: what Stripe says of this one counts, and not our own count from when we heard of it."""
        self.fake.advance(3600)
        tx = self._authorized()
        details = self.fake.get(tx.paylink_stripe_charge)["payment_method_details"]["card"]
        self.assertEqual(self.link.capture_before.replace(tzinfo=timezone.utc).timestamp(), details["capture_before"])

    def test_authorization_that_lapses(self):
        tx = self._authorized()
        self.fake.advance(8 * 86400)
        self.fake.get(tx.paylink_stripe_intent)
        self.apply_events()
        self.assertEqual((tx.state, self.link.status, self.link.failed_count), ("cancel", "opened", 0))

    def _release(self, tx):
        with self._request(tx.paylink_id) as requested:
            requested.action_void()

    def test_release_is_no_interruption(self):
        """Whether released in Odoo or in the dashboard: it is the merchant's doing, and the link can be paid again."""
        ways = {
            "odoo": self._release,
            "dashboard": lambda tx: self.provider._paylink_stripe().intent_cancel(tx.paylink_stripe_intent, key="gone"),
        }
        for name, release in ways.items():
            with self.subTest(name):
                tx = self._authorized()
                link = tx.paylink_id
                self.assertEqual(link.status, "in_progress")
                release(tx)
                self.apply_events()
                self.assertEqual((tx.state, link.state, link.status), ("cancel", "open", "opened"))
                self.assertEqual((link.failed_count, link._page_view()), (0, "pay"))
                self._attempt(link)
