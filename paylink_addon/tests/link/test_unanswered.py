from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...tools.answers import NoAnswer
from .manager_common import PaymentManagerCommon


@tagged("post_install", "-at_install")
class TestUnanswered(PaymentManagerCommon):
    """Captures, releases and refunds that a provider did not answer: a payment manager says what became of them."""

    def setUp(self):
        super().setUp()
        self.patch(type(self.provider), "support_manual_capture", "full_only")
        self.asked = []

    def _ask(self, todo, record, method, *args):
        """Have something asked of a provider that does not answer."""

        def silence(tx):
            self.asked.append(todo)
            raise NoAnswer("Time-out")

        with (
            patch.object(type(self.env["payment.transaction"]), f"_send_{todo}_request", silence),
            mute_logger("odoo.addons.paylink_addon"),
            self._request(record, record.env.user) as requested,
        ):
            getattr(requested.sudo(record.env.su), method)(*args)

    def _unanswered(self, todo):
        """What was asked, and the payment that it is about."""
        link = self._link(self._invoice(amount=100))
        if todo == "refund":
            payment = self._pay(link)
            self._ask(todo, payment, "_paylink_request", "refund")
        else:
            payment = self._authorized(link)
            self._ask(todo, link.with_user(self.manager), f"action_{todo}")
        return payment.child_transaction_ids, payment

    def test_what_became_of_it(self):
        """Each is said in its own words, in either way; what was made is booked on the day it was sent."""
        for todo, was_made, state, payment_state in (
            ("capture", True, "done", "done"),
            ("capture", False, "error", "authorized"),
            ("void", True, "cancel", "cancel"),
            ("void", False, "error", "authorized"),
            ("refund", True, "done", "done"),
            ("refund", False, "cancel", "done"),
        ):
            with self.subTest(todo, was_made=was_made):
                child, payment = self._unanswered(todo)
                link = payment.paylink_id
                mine = child.with_user(self.manager)
                self.assertEqual((child.state, mine.paylink_unanswered), ("draft", todo))
                self._run_cron("ir_cron_paylink_send")
                words = {"capture": "captured", "void": "released", "refund": "refunded"}[todo]
                self.assertEqual(set(link.activity_ids.mapped("summary")), {f"Was $\xa0100.00 {words}?"})
                sent = fields.Datetime.now() - timedelta(days=3)
                child.paylink_sent_at = sent
                action = f"action_paylink_was_{'' if was_made else 'not_'}made"
                for user in (self.colleague, self.stranger):
                    with self.assertRaises(AccessError):
                        getattr(child.with_user(user), action)()
                getattr(mine, action)()
                self.env.cr.flush()
                self.assertEqual((child.state, payment.state), (state, payment_state))
                self.assertFalse((child.paylink_answer, *link.activity_ids)[0])
                self.assertFalse(link.activity_ids.filtered(lambda task: "unanswered" in task.paylink_key))
                with self.assertRaisesRegex(UserError, "has been answered"):
                    getattr(mine, action)()
                self._run_cron("ir_cron_paylink_book")
                day = self.company._paylink_day(sent)
                self.assertEqual(child.payment_id.mapped("date"), [day] if state == "done" else [])

    def test_release_is_asked_for_once(self):
        """A cancellation waits for the answer, or for who says it."""
        for was_made in (True, False):
            with self.subTest(was_made=was_made):
                link = self._link(self._invoice(amount=100))
                payment = self._authorized(link)
                self.asked.clear()
                self._ask("void", link.with_user(self.manager), "action_cancel")
                link.sudo().cancel_requested_at = fields.Datetime.now() - timedelta(hours=2)
                self._ask("void", link.sudo(), "_resume_cancellation")
                self.assertEqual((self.asked, bool(link.cancel_requested_at)), (["void"], True))
                with self.assertRaises(UserError):
                    self._ask("void", link.with_user(self.manager), "action_void")
                child = payment.child_transaction_ids.with_user(self.manager)
                getattr(child, f"action_paylink_was_{'' if was_made else 'not_'}made")()
                self.assertEqual(
                    (link.state, bool(link.cancel_requested_at)),
                    ("cancelled", False) if was_made else ("pending", False),
                )

    def test_who_can_answer_is_told(self):
        """Until it is said: that a task was marked as done says nothing."""
        managers = self.company._paylink_managers()
        child, payment = self._unanswered("refund")
        link = payment.paylink_id
        link.sudo().user_id = self.colleague
        for _time in range(2):
            self._run_cron("ir_cron_paylink_send")
            self.assertEqual(link.activity_ids.user_id, managers)
            link.activity_ids.action_feedback()
            self.assertFalse(link.activity_ids)
        self.assertTrue(child.with_user(self.manager).paylink_unanswered)
