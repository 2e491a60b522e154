from datetime import timedelta
from unittest.mock import patch

import requests
from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger
from urllib3.exceptions import NewConnectionError

from .autopay_common import AutopayCommon

REQUEST = "odoo.addons.payment.models.payment_provider.requests.request"


def _response(status):
    response = requests.Response()
    response.status_code, response._content = status, b"{}"
    return response


@tagged("post_install", "-at_install")
class TestAutopayUnknown(AutopayCommon):
    """Providers that can't be asked what became of a request: who does not answer may have charged."""

    def setUp(self):
        super().setUp()
        self.rule, self.kept = self._rule(retry_technical="2", retry_other="5"), []
        provider = type(self.env["payment.provider"])
        self.patch(provider, "_build_request_url", lambda *_args, **_options: "https://api.example.com/charges")
        self.patch(provider, "_parse_response_error", lambda _provider, response: response.text)

    def _send(self, *answers, todo="payment", swallow=False, then=None):
        """Send what waits: ``answers`` are what the requests come back with, or raise.

        :param then: what is done with an answer: a function of the transaction
        """

        def ask(tx):
            self.kept.append(tx.env)  # the garbage collector comes when it likes
            try:
                tx._send_api_request("POST", "/charges")
            except ValidationError as error:
                if not swallow:
                    raise
                tx._set_error(str(error))  # as Odoo's Stripe does
            else:
                then(tx)

        with (
            patch.object(type(self.env["payment.transaction"]), f"_send_{todo}_request", ask),
            patch(REQUEST, side_effect=answers),
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
                    self.assertEqual((row.decline, row.next_on), ("other", self._days(5)) if is_known else (False,) * 2)
                    if not is_known:
                        self.assertFalse(self._run_rules(days=60), "it may have been charged")
                    row.sudo()._skip(True)

    def test_decline_is_no_technical_problem(self):
        """A card that is declined in an answer is charged again by the plan for that."""
        self.token.demo_simulated_state = "error"
        invoice = self._due_invoice()
        (tx,) = self._run_rules()
        self._run_cron("ir_cron_paylink_send")
        row = self._row(invoice)
        self.assertEqual((tx.state, row.decline, row.next_on), ("error", "other", self._days(5)))

    def test_answers_are_kept_apart(self):
        """What one request is answered with is not taken for the answer to another."""

        def answer(tx):
            tx._process("demo", {"reference": tx.reference, "simulated_state": "pending"})
            raise ValidationError("What it says could not be taken in.")  # pylint: disable=translation-required

        self._due_invoice()
        self._profile(self.john)
        self._due_invoice(self.john)
        transactions = self._run_rules()
        self._send(requests.exceptions.ReadTimeout(), _response(200), then=answer)
        self.assertEqual(len(transactions), 2)
        for tx in transactions:
            self.assertEqual((tx.state, tx.paylink_answer), ("pending", "lost"))

    def test_lines_of_documents_are_kept_apart(self):
        """What nobody had anything to say of does not keep what is said of the next."""
        silent, told = self._paying(self._due_invoice()), self._paying(self._due_invoice(self.john))
        Transaction = type(self.env["payment.transaction"])
        log = Transaction._log_message_on_linked_documents

        def note(tx, message):
            self.kept.append(tx.env)
            return log(tx, message) if tx == told else None

        self.patch(Transaction, "_log_message_on_linked_documents", note)
        for tx in (silent, told):
            before = len(tx.invoice_ids.message_ids)
            tx._log_sent_message()
            self.assertEqual(len(tx.invoice_ids.message_ids) - before, int(tx == told))

    def _paying(self, invoice):
        return self._attempt(self._link(invoice))

    def test_a_person_has_looked(self):
        """It was charged: it is booked. It was not: the plan goes on. Nobody else says so, and only once."""
        for method, state in (("action_paylink_was_made", "done"), ("action_paylink_was_not_made", "error")):
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
                sent = tx.sudo().paylink_sent_at = fields.Datetime.now() - timedelta(days=3)
                getattr(mine, method)()
                self.env.cr.flush()
                self.assertEqual((tx.state, self._tasks(tx)), (state, self.env["mail.activity"]))
                with self.assertRaises(UserError):
                    getattr(mine, method)()
                self._run_cron("ir_cron_paylink_book")
                row = self._row(invoice)
                if state == "done":
                    self.assertEqual((invoice.payment_state, row.is_charged), ("paid", True))
                    self.assertEqual(tx.payment_id.date, self.company._paylink_day(sent))
                else:
                    self.assertEqual((row.decline, row.next_on), ("technical", self._days(2)))
                    self.assertFalse(self._run_rules(days=1))
                    self.assertTrue(self._run_rules(days=2))

    def test_customers_are_not_told_of_what_they_have_not_done(self):
        """Nobody knew whether it was charged by hand. Who has paid on the page is told."""
        for operation, told in (("offline", 0), ("online_token", 1)):
            with self.subTest(operation):
                invoice = self._due_invoice()
                self._charge_by_hand(invoice)
                tx = self.env["payment.transaction"].search([], order="id desc", limit=1)
                tx.sudo().operation = operation
                self._send(requests.exceptions.ReadTimeout())
                tx.with_user(self.manager).action_paylink_was_not_made()
                link = tx.paylink_id
                self.assertEqual((tx.state, len(self._time_line(link, "failure_told"))), ("error", told))
                self.assertNotIn(self.manager.name, tx.state_message)
                failed = self._time_line(link, "attempt_failed")
                self.assertEqual(failed.author_id, self.manager.partner_id)

    def test_provider_that_can_not_be_reached(self):
        """Nothing was sent: it is sent later, and nothing else is tried meanwhile; nobody has to look."""
        offline = requests.exceptions.ConnectionError()
        offline.__cause__ = NewConnectionError(None, "No route")
        self._profile(self.john)
        first, second = self._due_invoice(), self._due_invoice(self.john)
        charges = self._run_rules()
        self._send(offline)  # an answer for one
        for tx in charges:
            self.assertEqual((tx.state, tx.paylink_todo, tx.paylink_sent_at), ("pending", "charge", False))
            self.assertFalse(self._tasks(tx))
        self.assertFalse(self._run_rules(), "it waits to be sent")
        self.provider.sudo().paylink_pause_until = fields.Datetime.now()
        self._send(_response(402), _response(402))
        self.assertEqual(charges.mapped("state"), ["error", "error"])
        self.assertEqual([self._row(invoice).tries for invoice in (first, second)], [1, 1])

    def test_second_request_that_is_not_sent(self):
        """The first one may have charged."""
        offline = requests.exceptions.ConnectionError()
        offline.__cause__ = NewConnectionError(None, "No route")
        self._due_invoice()
        (tx,) = self._run_rules()
        self._send(_response(200), offline, then=lambda tx: tx._send_api_request("GET", "/charges/1"))
        self.assertEqual((tx.paylink_todo, tx.paylink_answer), (False, "lost"))

    def test_late_message(self):
        """It tells after all: the task ends."""
        for outcome in ("done", "error"):
            with self.subTest(outcome):
                invoice = self._due_invoice()
                (tx,) = self._run_rules()
                self._send(requests.exceptions.ReadTimeout())
                self.assertTrue(self._tasks(tx))
                tx._process("demo", {"reference": tx.reference, "simulated_state": outcome})
                self.env.cr.flush()
                self.assertEqual((tx.state, tx.paylink_answer, len(self._tasks(tx))), (outcome, False, 0))
                self.assertEqual(self._row(invoice).decline, "other" if outcome == "error" else False)

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
        refund.with_user(self.manager).action_paylink_was_not_made()
        self.assertEqual((refund.state, payment._paylink_refundable_amount()), ("cancel", 100))
