from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged
from psycopg2 import OperationalError

from ...tools.stripe_client import PATIENCE, StripeApi
from .event_common import EventCommon

SESSIONS = "/v1/checkout/sessions*"


@tagged("post_install", "-at_install")
class TestEventAsking(EventCommon):
    """What messages do not tell is asked once, and of nobody who does not answer."""

    def setUp(self):
        super().setUp()
        self.asked, self.handled, call = [], [], StripeApi.call
        Event = type(self.env["paylink.event"])
        handle = Event._run_handlers

        def note_question(api, path, *ids, **options):
            self.asked.append((path, ids))
            return call(api, path, *ids, **options)

        def note_handling(events):
            self.handled.append(len(events))
            return handle(events)

        self.patch(StripeApi, "call", note_question)
        self.patch(Event, "_run_handlers", note_handling)

    def unreadable(self, count):
        """Paid transactions, of each of which there is a message in another version."""
        found = self.env["payment.transaction"]
        for _number in range(count):
            tx = self.start(self._free_link())
            self.fake.pay(tx.paylink_stripe_session)
            obj = {"object": "checkout.session", "id": tx.paylink_stripe_session}
            self.send(self.event("checkout.session.completed", obj, api_version="2019-01-01"))
            found |= tx
        self.asked.clear()
        return found

    def test_fifty_messages_are_handled_twice(self):
        """To find out what must be asked, and with the answers."""
        transactions = self.unreadable(50)
        self.run_job()
        self.assertEqual(set(transactions.mapped("state")), {"done"})
        self.assertEqual((len(self.asked), len(set(self.asked))), (50, 50))
        self.assertEqual(self.handled, [50, 50])

    def test_disturbed_set_asks_nothing_twice(self):
        """Others worked on the same rows; or one message can't be booked, and each is handled alone."""
        Event = type(self.env["paylink.event"])
        book = Event._post_process
        for error, count in ((OperationalError("busy"), 3), (KeyError("nobody expects it"), 2 + 3)):
            with self.subTest(error=error):
                transactions, errors = self.unreadable(3), [error]
                self.handled.clear()

                def disturbed(event, found, errors=errors):
                    if errors:
                        raise errors.pop()
                    return book(event, found)

                with patch.object(Event, "_post_process", disturbed):
                    self.run_job()
                self.assertEqual(set(transactions.mapped("state")), {"done"})
                self.assertEqual(len(self.asked), 3)
                self.assertEqual(len(self.handled), count)

    def test_who_is_silent_is_asked_once_in_a_run(self):
        """Only who asked has failed; the others wait for the next run, and what needs no answer is handled."""
        transactions = self.unreadable(3)
        good = self.start(self._free_link())
        self.fake.pay(good.paylink_stripe_session)
        self.send(self.event("checkout.session.completed", self.fake.get(good.paylink_stripe_session)))
        self.asked.clear()
        self.fake.fault("timeout_before", path=SESSIONS, times=1000)
        with patch.dict(PATIENCE, {"job": {"timeout": 0.5, "retries": 2}}):
            self.run_job()
        self.assertEqual(len(self.asked), 1)
        self.assertEqual(self.stored().mapped("state"), ["waiting"] * 3 + ["done"])
        self.assertEqual(self.stored().mapped("try_count"), [1, 0, 0, 0])
        self.assertEqual((good.state, transactions.mapped("state")), ("done", ["draft"] * 3))
        with patch.dict(PATIENCE, {"job": {"timeout": 0.5, "retries": 2}}):
            self.run_job()
        self.assertEqual(len(self.asked), 2)
        self.assertEqual(self.stored().mapped("try_count"), [1, 1, 0, 0])
        self.fake.abandon_faults()
        with freeze_time(fields.Datetime.now() + timedelta(minutes=2)):
            self.run_job()
        self.assertEqual(set(transactions.mapped("state")), {"done"})
        self.assertEqual(set(self.stored().mapped("state")), {"done"})
