import json
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ...models.link.paylink_link_books import PaylinkLinkBooks
from ...models.stripe.const import STRIPE_EVENTS
from ...models.stripe.paylink_event import PAUSES
from .event_common import EventCommon


@tagged("post_install", "-at_install")
class TestEventFailures(EventCommon):
    """What can't be handled: tried again, told, and no reason to leave others undone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.managers = cls.company._paylink_managers()

    def paid_at_stripe(self, link=None):
        tx = self.start(link or self._free_link())
        self.fake.pay(tx.paylink_stripe_session)
        return tx

    def unreadable(self, tx, **values):
        """A message of which only Stripe can say what it means."""
        obj = {"object": "checkout.session", "id": tx.paylink_stripe_session}
        return self.event("checkout.session.completed", obj, api_version="2019-01-01", **values)

    # === TRIED AGAIN === #

    def test_stripe_can_not_be_asked(self):
        """Tried again after growing pauses, for three days; then people are told, and it can be done by hand."""
        tx = self.paid_at_stripe()
        self.fake.fault("503", path="/v1/checkout/sessions*", times=1000)
        self.send(self.unreadable(tx))
        event, now = self.stored(), fields.Datetime.now()
        for tries, pause in enumerate(PAUSES):
            with self.subTest(tries=tries), freeze_time(now):
                self.run_job()
                self.assertEqual((event.state, event.try_count), ("waiting", tries + 1))
                self.assertEqual(event.next_try_at - now, timedelta(minutes=pause))
                self.assertTrue(event.error)
                with freeze_time(now + timedelta(minutes=pause, seconds=-1)):
                    self.run_job()
                self.assertEqual(event.try_count, tries + 1)
            now += timedelta(minutes=pause)
        self.assertGreater(now - event.received_at, timedelta(days=2, hours=18))
        self.assertFalse(self.activities())
        with freeze_time(now):
            self.run_job()
        self.assertEqual((event.state, event.next_try_at), ("failed", False))
        self.assertEqual(self.activities().user_id, self.managers)
        self.assertEqual(self.activities().mapped("res_model"), ["paylink.link"] * len(self.managers))
        self.assertEqual(set(self.activities().mapped("res_id")), {tx.paylink_id.id})
        with freeze_time(now + timedelta(days=30)):
            self.run_job()
        self.assertEqual(len(self.activities()), len(self.managers))
        self.fake.abandon_faults()
        event.action_handle_again()
        self.assertEqual((event.state, event.try_count, event.error), ("done", 0, False))
        self.assertEqual((tx.state, len(self.payments(tx))), ("done", 1))

    def test_passing_failure(self):
        """The next try succeeds, and the error is gone."""
        tx = self.paid_at_stripe()
        self.fake.fault("503", path="/v1/checkout/sessions*", times=3)  # what one call tries
        self.send(self.unreadable(tx))
        self.run_job()
        self.assertEqual((self.stored().state, tx.state), ("waiting", "draft"))
        with freeze_time(fields.Datetime.now() + timedelta(minutes=2)):
            self.run_job()
        self.assertEqual((self.stored().state, self.stored().error, tx.state), ("done", False, "done"))
        self.assertFalse(self.activities())

    def test_one_that_fails_among_many(self):
        """The others are handled in the same run."""
        good, bad = self.paid_at_stripe(), self.paid_at_stripe()
        self.fake.fault("503", path="/v1/checkout/sessions*", times=1000)
        self.send(self.unreadable(bad))
        self.fake.disturb("drop", times=0)
        self.deliver_and_handle()
        self.assertEqual((good.state, bad.state), ("done", "done"))
        self.assertEqual((len(self.payments(good)), len(self.payments(bad))), (1, 1))
        self.assertEqual(self.stored("checkout.session.completed").mapped("state"), ["waiting", "done", "done"])

    def test_error_tells_no_secret(self):
        tx = self.paid_at_stripe()
        self.fake.fault("503", path="/v1/checkout/sessions*", times=1000)
        self.send(self.unreadable(tx))
        broken = UserError("sk_test_abc refused marie@example.com")
        with patch.object(type(self.env["paylink.event"]), "_object", side_effect=broken):
            self.run_job()
        self.assertEqual(self.stored().error, "sk_test_*** refused ***@***")

    # === BOOKING FAILS === #

    def test_what_can_not_be_booked_is_paid_all_the_same(self):
        """The link says so, the message waits, the other payments of the same set are booked."""
        good, bad = self.paid_at_stripe(), self.paid_at_stripe()
        settle = PaylinkLinkBooks._settle_general

        def settle_or_not(link, transaction):
            if transaction == bad:
                raise ValueError("The journal is closed.")
            return settle(link, transaction)

        with patch.object(PaylinkLinkBooks, "_settle_general", settle_or_not):
            self.deliver_and_handle()
        self.assertEqual((good.paylink_id.state, bad.paylink_id.state), ("paid", "paid"))
        self.assertEqual((good.is_post_processed, bad.is_post_processed), (True, False))
        waiting = self.stored().filtered(lambda event: event.state == "waiting")
        self.assertEqual(waiting.transaction_id, bad)
        self.assertEqual(set(waiting.mapped("error")), {"ValueError: The journal is closed."})
        with freeze_time(fields.Datetime.now() + timedelta(minutes=2)):
            self.run_job()
        self.assertEqual((len(self.payments(good)), len(self.payments(bad))), (1, 1))
        self.assertFalse(self.stored().filtered(lambda event: event.state == "waiting"))

    # === REFUSED === #

    def test_message_that_does_not_fit_is_refused(self):
        """Another amount, currency, mode or PaymentIntent: nothing changes, and people are told, once."""
        cases = {
            "amount": {"amount_total": 1},
            "currency": {"currency": "gbp"},
            "mode": {"livemode": True},
            "payment": {"client_reference_id": "another"},
        }
        for case, values in cases.items():
            with self.subTest(case):
                tx = self.paid_at_stripe()
                session = self.fake.get(tx.paylink_stripe_session)
                self.activities().unlink()
                self.send(self.event("checkout.session.completed", session | values))
                self.run_job()
                event = self.stored()[-1:]
                self.assertEqual((event.state, tx.state), ("refused", "draft"))
                self.assertIn(tx.reference, event.error)
                self.assertEqual(self.activities().user_id, self.managers)
                self.assertEqual(event.transaction_id, tx)
                with freeze_time(fields.Datetime.now() + timedelta(days=4)):
                    self.run_job()
                self.assertEqual(len(self.activities()), len(self.managers))
                self.send(self.event("checkout.session.completed", session))
                self.run_job()
                self.assertEqual(tx.state, "done")

    def test_refused_one_does_not_undo_others(self):
        good, bad = self.paid_at_stripe(), self.paid_at_stripe()
        session = self.fake.get(bad.paylink_stripe_session) | {"amount_total": 1}
        self.send(self.event("checkout.session.completed", session))
        self.send(self.event("checkout.session.completed", self.fake.get(good.paylink_stripe_session)))
        self.run_job()
        self.assertEqual(self.stored().mapped("state"), ["refused", "done"])
        self.assertEqual((bad.state, good.state, len(self.payments(good))), ("draft", "done", 1))

    # === BY HAND === #

    def test_handled_again_changes_nothing(self):
        tx = self.paid_at_stripe()
        self.deliver_and_handle()
        states = self.stored().mapped("state")
        self.stored().action_handle_again()
        self.assertEqual(self.stored().mapped("state"), states)
        self.assertEqual(len(self.payments(tx)), 1)

    def test_emptied_message_can_not_be_handled_again(self):
        self.send(self.event())
        self.run_job()
        self.stored().sudo().payload = False
        with self.assertRaisesRegex(UserError, "evt_test_1"):
            self.stored().action_handle_again()

    def test_only_administrators(self):
        """Payment managers read what happened to messages of their company; what is in them, and all else, nobody."""
        self.send(self.event())
        manager = self._user("manager", "paylink_addon.group_payment_manager,account.group_account_manager")
        Event = self.env["paylink.event"].with_user(manager)
        for attempt in (
            lambda: Event.browse(self.stored().ids).read(["payload"]),
            lambda: Event.browse(self.stored().ids).action_handle_again(),
        ):
            with self.assertRaises(AccessError):
                attempt()
        shown = self.env["paylink.event"].with_user(manager).get_view(view_type="form")["arch"]
        self.assertIn("type_display", shown)
        self.assertNotRegex(shown, "payload|api_version|object_key", "nothing but what people can read")
        button = self.env["payment.transaction"].with_user(manager).get_view(view_type="form")["arch"]
        self.assertIn("action_paylink_view_events", button)
        admin = self.stored().with_user(self._user("boss", "base.group_system"))
        self.assertTrue(admin.read(["payload_display"]))
        for attempt in (lambda: admin.write({"state": "done"}), admin.unlink, admin.copy):
            with self.assertRaises(AccessError):
                attempt()

    def test_what_happened_is_said_in_words(self):
        """Of every event that we ask for; one that we do not know goes by Stripe's name for it."""
        events = self.env["paylink.event"].sudo().browse()
        for number, name in enumerate([*STRIPE_EVENTS, "x.y"]):
            events |= events.create(
                {"event_id": f"evt_{number}", "type": name, "provider_id": self.provider.id, "object_key": "x"}
            )
        *known, unknown = events.mapped("type_display")
        self.assertEqual(len(set(known)), len(STRIPE_EVENTS))
        self.assertFalse(set(known) & set(STRIPE_EVENTS))
        self.assertEqual(unknown, "x.y")

    def test_companies_do_not_mix(self):
        """An administrator of another company sees nothing."""
        other = self._other_company()
        self.send(self.event())
        stranger = self._user("stranger", "base.group_system", other)
        self.assertFalse(self.env["paylink.event"].with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            self.stored().with_user(stranger).action_handle_again()

    # === SHOWN === #

    def test_health(self):
        provider = self.provider
        self.assertEqual((provider.paylink_event_waiting, provider.paylink_event_last), (0, False))
        tx = self.paid_at_stripe()
        session = self.fake.get(tx.paylink_stripe_session) | {"amount_total": 1}
        self.send(self.event("checkout.session.completed", session))
        self.assertEqual((provider.paylink_event_waiting, provider.paylink_event_problems), (1, 0))
        self.run_job()
        provider.invalidate_recordset()
        self.assertEqual((provider.paylink_event_waiting, provider.paylink_event_problems), (0, 1))
        self.assertEqual(provider.paylink_event_last, self.stored().received_at)
        action = provider.action_paylink_view_events()
        self.assertEqual(self.env["paylink.event"].search(action["domain"]), self.stored())
        action = tx.action_paylink_view_events()
        self.assertEqual(self.env["paylink.event"].search(action["domain"]), self.stored())

    def test_data_is_emptied_after_the_retention_time(self):
        """What waits keeps it; nonsense in the parameter means the default."""
        Event, parameters = self.env["paylink.event"], self.env["ir.config_parameter"]
        for _n in range(3):
            self.send(self.event())
        old, waiting, recent = self.stored().sudo()
        (old | recent).write({"state": "done"})
        (old | waiting).write({"received_at": fields.Datetime.now() - timedelta(days=91)})
        recent.received_at = fields.Datetime.now() - timedelta(days=89)
        self.env.flush_all()
        for parameter, emptied in (
            ("", [True, False, False]),
            ("soon", [True, False, False]),
            ("30", [True, False, True]),
        ):
            with self.subTest(parameter):
                parameters.set_param("paylink_addon.event_retention_days", parameter)
                Event._gc_payloads()
                self.assertEqual([not event.payload for event in (old, waiting, recent)], emptied)
        self.assertEqual(json.loads(waiting.payload_display), {"object": {"object": "balance"}})
