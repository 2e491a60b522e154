from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..common import PaylinkCommon

MINUTES = "paylink_addon.abandoned_after_minutes"
REFUSAL = "It was captured already."


def refuse(_transaction):
    """What a provider does that can't release an amount."""
    raise ValidationError(REFUSAL)


@tagged("post_install", "-at_install")
class TestCancelInFlight(PaylinkCommon):
    """Cancelling a link while its money is under way."""

    def _answer_void(self, answer):
        """Let the provider answer a request to void with ``answer(transaction)``."""
        Transaction = type(self.env["payment.transaction"])
        self.patch(Transaction, "_send_void_request", answer)

    def test_authorized_amount_is_released(self):
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        with self._request(link) as requested:
            requested.action_cancel()
        self.assertEqual((transaction.state, link.state, link.amount_authorized), ("cancel", "cancelled", 0))
        self.assertFalse(link.cancel_requested_at)
        self.assertEqual([len(self._time_line(link, name)) for name in ("voided", "cancelled")], [1, 1])
        self.assertIn("100", self._time_line(link, "voided").body)
        self.assertFalse(self._time_line(link, "attempt_abandoned"))

    def test_part_that_is_left_is_released(self):
        """What has been captured before stays."""
        link = self._link(self._invoice(amount=100))
        transaction = self._authorized(link)
        captured = transaction._create_child_transaction(60)
        captured._set_done()
        captured._post_process()
        self.assertEqual((link.amount_authorized, link.state), (40, "pending"))
        with self._request(link) as requested:
            requested.action_cancel()
        self.assertEqual((link.state, link.amount_paid, transaction.state), ("cancelled", 60, "done"))

    def test_refused_release_cancels_nothing(self):
        """The link stays as it was, and who cancelled reads why."""
        self._answer_void(refuse)
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        with self.assertRaisesRegex(UserError, "captured already"), self._request(link) as requested:
            requested.action_cancel()
        self.env.invalidate_all()
        self.assertEqual((link.state, transaction.state), ("pending", "authorized"))
        self.assertFalse(link.cancel_requested_at or link.cancelled_at)
        self.assertEqual(len(self._time_line(link, "operation_failed")), 1)
        self.assertFalse(self._time_line(link, "cancelled") or self._time_line(link, "attempt_failed"))
        self.assertEqual(transaction.child_transaction_ids.state, "error", "What was asked is kept")

    def test_disabled_provider_is_not_asked(self):
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        self.provider.sudo().state = "disabled"
        with self.assertRaisesRegex(UserError, "disabled"), self._request(link) as requested:
            requested.action_cancel()
        self.env.invalidate_all()
        self.assertEqual((link.state, link.cancel_requested_at, transaction.state), ("pending", False, "authorized"))

    def test_one_of_several_is_refused(self):
        """The others are cancelled; the error names the one that is not."""
        links = self._link(self._invoice()) + self._link(self._invoice()) + self._link(self._invoice())
        refused = self._authorized(links[1])
        self._authorized(links[2])
        answers = {refused.id: refuse}
        send = type(refused)._send_void_request
        self._answer_void(lambda tx: answers.get(tx.source_transaction_id.id, send)(tx))
        with self.assertRaisesRegex(UserError, links[1].name), self._request(links) as requested:
            requested.action_cancel()
        self.env.invalidate_all()
        self.assertEqual(links.mapped("state"), ["cancelled", "pending", "cancelled"])

    def test_answer_comes_later(self):
        """The link is cancelled when the provider says that the amount is released; nobody pays by it meanwhile."""
        self._answer_void(lambda transaction: None)
        link = self._link(self._invoice(), allow_partial=True)
        transaction = self._authorized(link, 60)
        with self._request(link) as requested:
            requested.action_cancel()
        self.assertEqual((link.state, bool(link.cancel_requested_at)), ("pending", True))
        with self.assertRaises(UserError):
            self._attempt(link, 40)
        with self.assertRaisesRegex(UserError, "being canceled"), self._request(link) as requested:
            requested.action_cancel()
        self.assertEqual(len(transaction.child_transaction_ids), 1)
        transaction.child_transaction_ids._set_canceled()
        self.assertEqual((link.state, link.cancel_requested_at), ("cancelled", False))

    def test_late_refusal_is_the_owners_task(self):
        self._answer_void(lambda transaction: None)
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        with self._request(link) as requested:
            requested.action_cancel()
        transaction.child_transaction_ids._set_error("Too late")
        self.assertEqual((link.state, link.cancel_requested_at), ("pending", False))
        self.assertIn("Too late", link.activity_ids.note)

    def test_refusal_to_a_manager_ends_the_cancellation(self):
        """It waits for an answer; a manager, who asks once more, gets one. The link can be paid again."""
        self._answer_void(lambda transaction: None)
        link = self._link(self._invoice())
        self._authorized(link)
        with self._request(link) as requested:
            requested.action_cancel()
        self._answer_void(refuse)
        with self._request(link, self._user("manager", "paylink_addon.group_payment_manager")) as requested:
            requested.action_void()
        self.assertFalse(link.cancel_requested_at)
        self.assertIn(REFUSAL, link.activity_ids.note)

    def test_captured_meanwhile(self):
        """Money that was captured before the provider could release it is kept: the link is paid."""
        self._answer_void(lambda transaction: None)
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        with self._request(link) as requested:
            requested.action_cancel()
        captured = transaction._create_child_transaction(100)
        captured._set_done()
        captured._post_process()
        self.assertEqual((link.state, link.cancel_requested_at, link.cancelled_at), ("paid", False, False))

    def test_server_that_stopped_before_asking(self):
        """The wish was stored: the job asks again, after a while, and tells the owner what is refused."""
        for refused in (False, True):
            with self.subTest(refused=refused):
                link = self._link(self._invoice())
                self._authorized(link)
                link.sudo().cancel_requested_at = fields.Datetime.now()
                self._run_cron("ir_cron_paylink_expire")
                self.assertEqual(link.state, "pending")
                if refused:
                    self._answer_void(refuse)
                link.sudo().cancel_requested_at = fields.Datetime.now() - timedelta(hours=2)
                self._run_cron("ir_cron_paylink_expire")
                self.assertEqual(link.state, "pending" if refused else "cancelled")
                self.assertEqual((len(link.activity_ids), link.cancel_requested_at), (int(refused), False))

    def test_conflict_after_the_answer(self):
        """What the provider has answered survives a conflict, and it is not asked a second time."""
        link = self._link(self._invoice())
        transaction = self._authorized(link)
        Transaction, asked = type(transaction), []
        apply = Transaction._paylink_changed

        def conflict(tx, before, message):
            if tx.source_transaction_id and len(asked) == 1:
                asked.append("conflict")
                tx.env.cr.execute("DO $$ BEGIN RAISE serialization_failure; END $$", log_exceptions=False)
            return apply(tx, before, message)

        send = Transaction._send_void_request
        self.patch(Transaction, "_send_void_request", lambda tx: asked.append("asked") or send(tx))
        self.patch(Transaction, "_paylink_changed", conflict)
        with self._request(link) as requested:
            requested.action_cancel()
        self.assertEqual(asked, ["asked", "conflict"])
        self.assertEqual((link.state, transaction.state), ("cancelled", "cancel"))

    def test_pending_payment_can_still_arrive(self):
        """A direct debit can't be stopped: the timeline says so, and it is booked when it comes."""
        link = self._link(self._invoice(amount=100))
        transaction = self._attempt(link)
        transaction._set_pending()
        self.assertEqual(link.amount_pending, 100)
        link.action_cancel()
        self.assertEqual((link.state, transaction.state, link._page_view()), ("cancelled", "pending", "progress"))
        self.assertIn("if it still arrives", self._time_line(link, "cancelled").body)
        transaction._set_done()
        transaction._post_process()
        self.assertEqual((link.state, link.line_ids.move_id.payment_state), ("paid", "paid"))
        plain = self._link(self._invoice())
        plain.action_cancel()
        self.assertFalse(self._time_line(plain, "cancelled").body)

    def test_who_cancels_what_is_authorized(self):
        """Who may cancel the link: its owner, or a payment manager; neither needs rights on transactions."""
        seller, other, manager = (
            self._user(login, f"paylink_addon.{group}")
            for login, group in (
                ("seller", "group_paylink_user"),
                ("other", "group_paylink_all"),
                ("manager", "group_payment_manager"),
            )
        )
        for user, allowed in ((seller, True), (other, False), (manager, True)):
            with self.subTest(user=user.login):
                link = self._link(self._invoice())
                link.user_id = seller
                self._authorized(link)
                if allowed:
                    with self._request(link, user) as requested:
                        requested.action_cancel()
                else:
                    with self.assertRaises(AccessError), self._request(link, user) as requested:
                        requested.action_cancel()
                self.env.invalidate_all()
                self.assertEqual(link.state, "cancelled" if allowed else "pending")


@tagged("post_install", "-at_install")
class TestAbandoned(PaylinkCommon):
    """Attempts whose customers went to the provider and did not come back."""

    def _after(self, minutes):
        with freeze_time(fields.Datetime.now() + timedelta(minutes=minutes)):
            self._run_cron("ir_cron_paylink_expire")

    def test_customer_who_does_not_come_back(self):
        """It counts, the link says *Interrupted*, and money that comes all the same is booked."""
        link = self._link(self._invoice(), expires_at=False)
        attempt = self._attempt(link)
        self._after(59)
        self.assertEqual((attempt.state, link.status, link.attempt_count), ("draft", "in_progress", 0))
        self._after(61)
        self.assertEqual((attempt.state, attempt.paylink_abandoned), ("cancel", True))
        self.assertEqual((link.state, link.status), ("failed", "interrupted"))
        self.assertEqual((link.attempt_count, link.failed_count, link._page_view()), (1, 1, "pay"))
        self.assertIn("left without paying", self._time_line(link, "attempt_abandoned").body)
        self._after(120)
        self.assertEqual(len(self._time_line(link, "attempt_abandoned")), 1)
        attempt._set_done()
        attempt._post_process()
        self.assertEqual((link.state, link.attempt_count, link.failed_count), ("paid", 1, 0))
        self.assertEqual(link.line_ids.move_id.payment_state, "paid")

    def test_what_we_closed_is_no_attempt(self):
        """Who starts again, or whose link ends, has not left."""
        link = self._link(self._invoice(), expires_at=False)
        first, second = self._attempt(link), self._attempt(link)
        self._after(61)
        self.assertEqual((first.paylink_abandoned, second.paylink_abandoned), (False, True))
        self.assertEqual(link.attempt_count, 1)
        cancelled = self._link(self._invoice())
        self._attempt(cancelled)
        cancelled.action_cancel()
        self.assertEqual(cancelled.attempt_count, 0)

    def test_time_is_a_parameter(self):
        for value, minutes, left in (("5", 6, True), ("5", 4, False), ("0", 9999, False), ("soon", 61, True)):
            with self.subTest(value=value, minutes=minutes):
                self.env["ir.config_parameter"].set_param(MINUTES, value)
                attempt = self._attempt(self._link(self._invoice(), expires_at=False))
                self._after(minutes)
                self.assertEqual(attempt.paylink_abandoned, left)

    def test_provider_knows_better(self):
        """A provider whose sessions last longer, or that tells their end, overrules the parameter."""
        for after, left in ((timedelta(hours=23), False), (False, False), (timedelta(minutes=10), True)):
            with self.subTest(after=after):
                attempt = self._attempt(self._link(self._invoice(), expires_at=False))
                self.patch(type(attempt), "_paylink_abandoned_after", lambda _tx, after=after: after)
                self._after(61)
                self.assertEqual(attempt.paylink_abandoned, left)

    def test_only_customers_attempts_by_links(self):
        """Neither what is in progress, nor refunds, captures, or the portal's payments."""
        link = self._link(self._invoice(amount=100), allow_partial=True, expires_at=False)
        paid = self._pay(link, 40)
        refund = paid._create_child_transaction(10, is_refund=True)
        authorized = self._authorized(link, 30)
        capture = authorized._create_child_transaction(30)
        native = self._create_transaction("redirect", amount=5, reference="native")
        self._after(9999)
        self.assertEqual((refund + capture + native).mapped("state"), ["draft"] * 3)
        self.assertEqual(authorized.state, "authorized")

    def test_paid_while_the_job_runs(self):
        """The job looks again before it closes: what was paid meanwhile is not touched."""
        link = self._link(self._invoice(), expires_at=False)
        attempt = self._attempt(link)
        Transaction = type(attempt)
        lock = Transaction.try_lock_for_update

        def pay_first(records, **options):
            records.env.cr.execute("UPDATE payment_transaction SET state = 'done' WHERE id IN %s", [records._ids])
            return lock(records, **options)

        self.patch(Transaction, "try_lock_for_update", pay_first)
        self._after(61)
        self.assertEqual((attempt.state, attempt.paylink_abandoned, attempt.paylink_closed), ("done", False, False))

    def test_part_paid_wins_over_a_failed_attempt(self):
        """Money that came counts for more than the attempt at the rest that failed; the failure is counted."""
        link = self._link(self._invoice(amount=100), allow_partial=True)
        self._pay(link, 40)
        self._attempt(link, 30)._set_error("No")
        self.assertEqual((link.state, link.status), ("failed", "partly_paid"))
        self.assertEqual((link.attempt_count, link.failed_count), (2, 1))
        self._attempt(link, 60)._set_pending()
        self.assertEqual(link.status, "in_progress")
        unpaid = self._link(self._invoice(amount=100))
        self._attempt(unpaid)._set_error("No")
        self.assertEqual((unpaid.status, unpaid.failed_count), ("interrupted", 1))
