from datetime import timedelta
from unittest.mock import patch

import requests
from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .autopay_common import AutopayCommon

REQUEST = "odoo.addons.payment.models.payment_provider.requests.request"


def _response(status):
    response = requests.Response()
    response.status_code, response._content = status, b"No."
    return response


@tagged("post_install", "-at_install")
class TestAutopayUnknown(AutopayCommon):
    """Providers that can't be asked what became of a request: who does not answer may have charged."""

    def setUp(self):
        super().setUp()
        self.rule = self._rule(retry_technical="2", retry_other="5")
        provider = type(self.env["payment.provider"])
        self.patch(provider, "_build_request_url", lambda *_args, **_options: "https://api.example.com/charges")
        self.patch(provider, "_parse_response_error", lambda _provider, response: response.text)

    def _send(self, answer, todo="payment", swallow=False):
        """Send what waits: ``answer`` is what the request comes back with, or raises."""

        def ask(tx):
            try:
                tx._send_api_request("POST", "/charges")
            except ValidationError as error:
                if not swallow:
                    raise
                tx._set_error(str(error))  # as Odoo's Stripe does

        with (
            patch.object(type(self.env["payment.transaction"]), f"_send_{todo}_request", ask),
            patch(REQUEST, side_effect=[answer]),
            mute_logger("odoo.addons.payment.models.payment_provider", "odoo.addons.paylink_addon"),
        ):
            self._run_cron("ir_cron_paylink_send")

    def _tasks(self, tx):
        return tx.paylink_id.activity_ids.filtered(lambda task: "unanswered" in task.paylink_key)

    def test_no_answer_is_no_decline(self):
        """Neither a time-out, nor a broken connection, nor a server that fails; a refusal is one."""
        for answer, is_known in (
            (requests.exceptions.ReadTimeout(), False),
            (requests.exceptions.ConnectionError(), False),
            (_response(502), False),
            (_response(409), False),
            (_response(402), True),
        ):
            for swallow in (False, True):
                with self.subTest(answer, swallow=swallow):
                    invoice = self._due_invoice()
                    (tx,) = self._run_rules()
                    for _time in range(2):
                        self._send(answer, swallow=swallow)
                    self.assertEqual(tx.state, "error" if is_known else "pending")
                    row = self._row(invoice)
                    self.assertEqual((row.tries, len(self._tasks(tx))), (1, 0) if is_known else (0, 1))
                    if not is_known:
                        self.assertFalse(self._run_rules(days=60), "it may have been charged")
                    row.sudo()._skip(True)

    def test_a_person_has_looked(self):
        """It was charged: it is booked. It was not: the plan goes on. Nobody else says so, and only once."""
        for method, state in (("action_paylink_charged", "done"), ("action_paylink_not_charged", "error")):
            with self.subTest(method):
                invoice = self._due_invoice()
                (tx,) = self._run_rules()
                with self.assertRaises(UserError):
                    getattr(tx.with_user(self.manager), method)()
                self._send(requests.exceptions.ReadTimeout())
                mine = tx.with_user(self.manager)
                self.assertTrue(mine.paylink_unanswered)
                with self.assertRaises(AccessError):
                    getattr(tx.with_user(self._user(f"s{state}", "paylink_addon.group_paylink_user")), method)()
                getattr(mine, method)()
                self.env.cr.flush()
                self.assertEqual((tx.state, self._tasks(tx)), (state, self.env["mail.activity"]))
                with self.assertRaises(UserError):
                    getattr(mine, method)()
                self._run_cron("ir_cron_paylink_book")
                row = self._row(invoice)
                if state == "done":
                    self.assertEqual((invoice.payment_state, row.is_charged), ("paid", True))
                else:
                    self.assertEqual((row.decline, row.next_on), ("technical", self._days(2)))
                    self.assertFalse(self._run_rules(days=1))
                    self.assertTrue(self._run_rules(days=2))

    def test_late_message(self):
        """It tells after all: the task ends."""
        for outcome in ("done", "error"):
            with self.subTest(outcome):
                self._due_invoice()
                (tx,) = self._run_rules()
                self._send(requests.exceptions.ReadTimeout())
                self.assertTrue(self._tasks(tx))
                tx._process("demo", {"reference": tx.reference, "simulated_state": outcome})
                self.env.cr.flush()
                self.assertEqual((tx.state, tx.paylink_answer, len(self._tasks(tx))), (outcome, False, 0))

    def test_crash_before_the_answer(self):
        """After a day somebody is told; what was answered, and is in progress, is nobody's to look at."""
        self._due_invoice()
        (tx,) = self._run_rules()
        self._send(RuntimeError("killed"))
        old = fields.Datetime.now() - timedelta(days=2)
        for sent_at, told in ((tx.paylink_sent_at, 0), (old, 1)):
            tx.sudo().paylink_sent_at = sent_at
            self._run_cron("ir_cron_paylink_send")
            self.assertEqual((tx.state, len(self._tasks(tx))), ("pending", told))
        self._profile(self.john, demo_simulated_state="pending")
        self._due_invoice(self.john)
        (answered,) = self._run_rules()
        self._run_cron("ir_cron_paylink_send")
        answered.sudo().paylink_sent_at = old
        self._run_cron("ir_cron_paylink_send")
        self.assertEqual((answered.state, len(self._tasks(answered))), ("pending", 0))

    def test_refund_without_an_answer(self):
        """It counts as refunded until somebody has looked; it is not made twice."""
        link = self._link(self._due_invoice(late=-20))
        payment = self._pay(link)
        refund = payment._create_child_transaction(40, is_refund=True)
        refund._paylink_wish("refund")
        self._send(requests.exceptions.ReadTimeout(), todo="refund")
        self.assertEqual((refund.state, len(self._tasks(refund))), ("draft", 1))
        self.assertEqual(payment._paylink_refundable_amount(), 60)
        refund.with_user(self.manager).action_paylink_not_refunded()
        self.assertEqual((refund.state, payment._paylink_refundable_amount()), ("cancel", 100))
