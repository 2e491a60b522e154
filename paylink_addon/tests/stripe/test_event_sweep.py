from datetime import timedelta
from itertools import pairwise
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged
from psycopg2 import errors

from ...models.stripe import payment_provider_sweep
from ...models.stripe.const import STRIPE_EVENTS
from ...models.stripe.paylink_event import PaylinkEvent
from .event_common import EventCommon

DAY = timedelta(days=1)


@tagged("post_install", "-at_install")
class TestEventSweep(EventCommon):
    """What never arrived is asked for."""

    def sweep(self):
        self.env.flush_all()
        self.run_job("ir_cron_paylink_sweep_events")

    def paid_at_stripe(self):
        tx = self.start(self._free_link())
        self.fake.pay(tx.paylink_stripe_session)
        return tx

    def test_lost_messages_are_found(self):
        tx = self.paid_at_stripe()
        self.sweep()
        self.assertEqual(tx.state, "draft")
        self.assertEqual(set(self.stored().mapped("is_swept")), {True})
        self.assertEqual(set(self.stored().mapped("state")), {"waiting"})
        self.run_job()
        self.assertEqual((tx.state, len(self.payments(tx))), ("done", 1))
        self.assertNotIn("balance.available", self.stored().mapped("type"))

    def test_nothing_is_stored_twice(self):
        tx = self.paid_at_stripe()
        self.deliver()
        known = self.stored()
        self.sweep()
        self.sweep()
        self.deliver()
        self.assertEqual(self.stored(), known)
        self.assertEqual(set(known.mapped("is_swept")), {False})
        self.run_job()
        self.assertEqual(len(self.payments(tx)), 1)

    def test_oldest_first(self):
        self.paid_at_stripe()
        self.sweep()
        created = self.stored().mapped("created_at")
        self.assertEqual(created, sorted(created))
        types = [event["type"] for event in self.fake.events()]
        self.assertEqual([one for one in types if one in self.stored().mapped("type")], self.stored().mapped("type"))

    def test_eight_days_down(self):
        """More than a page of messages over eight days: all are found, and each day is committed by itself."""
        start = fields.Datetime.now()
        self.provider.paylink_stripe_last_sweep = start
        transactions = self.env["payment.transaction"]
        for day in range(8):
            with freeze_time(start + day * DAY):
                transactions |= self.paid_at_stripe()
                for number in range(20):  # pages that nobody pays expire a day later
                    self.provider._paylink_stripe().session_create(
                        key=f"page-{day}-{number}",
                        mode="setup",
                        currency="eur",
                        success_url="https://shop.example.com",
                    )
        with freeze_time(start + 8 * DAY):
            self.sweep()
            self.run_job()
            self.assertEqual(self.provider.paylink_stripe_last_sweep, start + 8 * DAY)
        self.assertEqual(set(transactions.mapped("state")), {"done"})
        self.assertEqual(len(self.payments_of(transactions)), 8)
        happened = {event["id"] for event in self.fake.events() if event["type"] in STRIPE_EVENTS}
        self.assertGreater(len(happened), 160)
        self.assertEqual(set(self.stored().mapped("event_id")), happened)

    def payments_of(self, transactions):
        return self.env["account.payment"].search([("payment_transaction_id", "in", transactions.ids)])

    def test_conflict_loses_no_other_part(self):
        """Somebody stores the same message at the same moment: what was stored before it stays."""
        for _time in range(3):
            self.paid_at_stripe()
        store, parts = PaylinkEvent._store, []

        def conflict_in_the_second(events, rows, now):
            parts.append(len(rows))
            if len(parts) == 2:
                raise errors.SerializationFailure
            return store(events, rows, now)

        with (
            patch.object(payment_provider_sweep, "ROWS_AT_ONCE", 3),
            patch.object(PaylinkEvent, "_store", conflict_in_the_second),
        ):
            self.sweep()
        self.assertGreater(len(parts), 3)
        happened = {event["id"] for event in self.fake.events() if event["type"] in STRIPE_EVENTS}
        self.assertEqual(set(self.stored().mapped("event_id")), happened)

    def test_longer_than_stripe_remembers(self):
        """The mark may be older than what can be asked for."""
        self.provider.paylink_stripe_last_sweep = fields.Datetime.now() - 90 * DAY
        tx = self.paid_at_stripe()
        self.sweep()
        self.run_job()
        self.assertEqual(tx.state, "done")

    def test_mark_stays_when_stripe_does_not_answer(self):
        """The reason is shown, the other providers are asked all the same, and nothing is skipped the next time."""
        mark = fields.Datetime.now() - timedelta(hours=2)
        self.provider.paylink_stripe_last_sweep = mark
        tx = self.paid_at_stripe()
        self.fake.fault("503", path="/v1/events", times=3)
        self.sweep()
        self.assertEqual(
            (self.provider.paylink_stripe_last_sweep, bool(self.provider.paylink_sweep_error)), (mark, True)
        )
        self.sweep()
        self.assertFalse(self.provider.paylink_sweep_error)
        self.assertGreater(self.provider.paylink_stripe_last_sweep, mark)
        self.run_job()
        self.assertEqual(tx.state, "done")

    def test_who_works_on_the_same_is_no_failure(self):
        """Another worker was faster: nothing is wrong with the provider, and the next run does it."""
        conflict = errors.SerializationFailure("could not serialize access due to concurrent update")
        with patch.object(type(self.provider), "_paylink_sweep", side_effect=conflict):
            self.sweep()
        self.assertFalse(self.provider.paylink_sweep_error)

    def test_revoked_key_is_shown(self):
        self.provider.paylink_stripe_secret_key = "sk_test_revoked"
        self.sweep()
        self.assertTrue(self.provider.paylink_sweep_error)
        self.assertNotIn("sk_test_revoked", self.provider.paylink_sweep_error)

    def test_new_provider_starts_with_its_first_payment(self):
        """What the account did before is nobody's."""
        self.assertFalse(self.env["payment.transaction"].search([("provider_id", "=", self.provider.id)]))
        with freeze_time(fields.Datetime.now() - 5 * DAY):
            self.fake.pay(
                self.provider._paylink_stripe().session_create(
                    key="before",
                    mode="payment",
                    success_url="https://shop.example.com",
                    line_items=[
                        {
                            "quantity": 1,
                            "price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Shoes"}},
                        }
                    ],
                )["id"]
            )
        self.sweep()
        self.assertFalse(self.stored())

    def test_caches_are_kept(self):
        """Each quarter of an hour: it must not empty what all workers remember."""
        self.sweep()
        self.env.registry.cache_invalidated.clear()
        self.sweep()
        self.assertFalse(self.env.registry.cache_invalidated)

    # === SILENCE === #

    def test_silent_page_is_asked_for(self):
        """Neither messages nor the list of them told: the page itself does."""
        tx = self.paid_at_stripe()
        self.fake.world.realms[self.fake.secret_key].kinds["event"].clear()
        self.sweep()
        self.assertEqual(tx.state, "draft")
        with freeze_time(fields.Datetime.now() + timedelta(minutes=31)):
            self.sweep()
        self.assertEqual(tx.state, "done")

    def test_silent_refund_is_asked_for(self):
        """A refund by direct debit takes days."""
        tx = self.pay_on_page(self._free_link(50, currency_id=self.currency_euro.id), "sepa_debit")
        self.fake.settle(tx.paylink_stripe_intent)
        self.deliver_and_handle()
        tx.action_refund(amount_to_refund=20)
        self.send_waiting()
        refund = tx.child_transaction_ids
        self.fake.settle_refund(refund.paylink_stripe_refund)
        self.fake.world.realms[self.fake.secret_key].kinds["event"].clear()
        self.assertEqual(refund.state, "pending")
        with freeze_time(fields.Datetime.now() + timedelta(hours=1)):
            self.sweep()
        self.assertEqual(refund.state, "done")

    def test_one_that_does_not_fit_keeps_nobody_from_the_others(self):
        """Its page says another amount, or is gone: the managers have a task, once; the next one is asked for."""
        strange, gone, good = self.paid_at_stripe(), self.paid_at_stripe(), self.paid_at_stripe()
        realm = self.fake.realm()
        realm.objects[strange.paylink_stripe_session]["amount_total"] = 1
        realm.remove(realm.objects[gone.paylink_stripe_session])
        realm.kinds["event"].clear()
        for hours in (1, 3):
            with freeze_time(fields.Datetime.now() + timedelta(hours=hours)):
                self.sweep()
        self.assertEqual((strange.state, gone.state, good.state), ("draft", "draft", "done"))
        managers = self.company._paylink_managers()
        for tx, reason in ((strange, "amount"), (gone, "No such")):
            tasks = tx.paylink_id.sudo().activity_ids.filtered(lambda task, tx=tx: tx.reference in task.summary)
            self.assertEqual((tasks.user_id, len(tasks)), (managers, len(managers)))
            self.assertIn(reason, tasks[0].note)
        self.assertFalse(good.paylink_id.sudo().activity_ids)

    def test_pauses_between_questions_grow(self):
        tx = self.start(self._free_link())
        start, asked = fields.Datetime.now(), []
        path = f"/v1/checkout/sessions/{tx.paylink_stripe_session}"
        for minutes in range(0, 12 * 60, 15):
            before = len(self.requests("GET", path))
            with freeze_time(start + timedelta(minutes=minutes)):
                self.sweep()
            if len(self.requests("GET", path)) > before:
                asked.append(minutes)
        self.assertEqual(asked[0], 30)
        pauses = [later - earlier for earlier, later in pairwise(asked)]
        self.assertEqual(pauses, sorted(pauses))
        self.assertLess(len(asked), 10)
