from datetime import date, datetime, time, timedelta
from unittest.mock import patch

import pytz
from freezegun import freeze_time
from odoo.tests import tagged

from ...models.link.paylink_link_books import PaylinkLinkBooks
from .event_common import EventCommon

# The customer is elsewhere: that is another day most of the time.
CUSTOMER = "Pacific/Tahiti"
# Where the company is, at which time, on which day, and of which country it is: evenings and mornings whose day is
# another one in UTC, ends of months and of years, days on which clocks are set.
CASES = (
    ("Europe/Paris", "00:20", date(2026, 4, 1), "base.fr"),
    ("Europe/Paris", "01:30", date(2026, 3, 29), "base.fr"),
    ("America/Toronto", "19:30", date(2026, 11, 26), "base.ca"),
    ("America/Toronto", "23:40", date(2026, 3, 8), "base.ca"),
    ("Indian/Reunion", "01:10", date(2027, 1, 1), "base.re"),
    ("Pacific/Auckland", "08:00", date(2026, 4, 5), "base.nz"),
)


def at(clock, zone, day):
    """The moment (UTC) at which clocks in ``zone`` show this time on ``day``."""
    local = pytz.timezone(zone).localize(datetime.combine(day, time.fromisoformat(clock)))
    return local.astimezone(pytz.utc).replace(tzinfo=None)


@tagged("post_install", "-at_install")
class TestRightDay(EventCommon):
    """Money has moved on the day that Stripe says, where the company is, whenever Odoo hears of it."""

    def setUp(self):
        super().setUp()
        self.marie.tz = CUSTOMER
        self.company.paylink_fee_account_id = self.company_data["default_account_expense"]
        self.settle_in(*CASES[0])

    def settle_in(self, zone, clock, day, country):
        self.company.country_id = self.env.ref(country)
        self.company.paylink_tz = zone
        self.zone, self.clock, self.day = zone, clock, day
        self.moment = at(clock, zone, day)

    def after(self, *, days=0, hours=0):
        """The clock some time after the payment."""
        return freeze_time(self.moment + timedelta(days=days, hours=hours))

    def begun(self, early=0, amount=100.0):
        """A customer is on Stripe's page, some minutes before; or days, where the bank takes as long."""
        with freeze_time(self.moment - timedelta(days=early, minutes=9)):
            invoice = self._invoice(amount=amount, currency_id=self.currency_euro.id, invoice_date="2026-01-05")
            return self.start(self._link(invoice))

    def paid(self, method="card"):
        tx = self.begun()
        with freeze_time(self.moment):
            self.fake.pay(tx.paylink_stripe_session, method)
        return tx

    def check_day(self, payment, day=None):
        day = day or self.day
        self.assertEqual((payment.date, payment.move_id.date), (day, day))

    def check_shown(self, tx, day=None):
        """The page, the receipt, the link, its timeline and its list of attempts say what the entry says."""
        day, link = day or self.day, tx.paylink_id.with_context(lang="en_US")
        self.assertEqual(link._page_payments()[0]["date"], f"{day:%m/%d/%Y}")
        self.assertEqual(link._receipt_values()["payments"][0]["date"], f"{day:%m/%d/%Y}")
        self.assertEqual(self.company._paylink_day(link.paid_at), day)
        self.assertEqual([self.company._paylink_day(line.date) for line in self._time_line(link, "paid")], [day])
        attempt = self.env["paylink.link.attempt"].search([("link_id", "=", link.id), ("outcome", "=", "paid")])
        self.assertEqual(self.company._paylink_day(attempt.date), day)

    # === PAYMENTS === #

    def test_cards(self):
        """Whether the messages come at once, after an outage, are found by the search, or are none."""
        ways = {
            "at once": (0, self.deliver_and_handle),
            "outage": (2, self.deliver_and_handle),
            "search": (9, self.search_and_handle),
            "page alone": (2, self.look_at_page),
        }
        for case in CASES:
            self.settle_in(*case)
            for name, (later, hear) in ways.items():
                if later and case not in CASES[1:3]:
                    continue
                with self.subTest(case=case[:3], way=name):
                    tx = self.paid()
                    with self.after(days=later):
                        hear(tx) if name == "page alone" else hear()
                        self.check_day(tx.payment_id)
                        self.check_shown(tx)
            self.fake.world.realms[self.fake.secret_key].kinds["event"].clear()

    def search_and_handle(self):
        self.fake.disturb("drop", times=99)
        self.deliver()
        self.run_job("ir_cron_paylink_sweep_events")
        self.run_job()
        self.fake.abandon_faults()

    def look_at_page(self, tx):
        """No message, nor the list of them, has told anything."""
        self.fake.world.realms[self.fake.secret_key].kinds["event"].clear()
        self.fake.world.outbox.deliveries.clear()
        self.look_up(tx)
        tx._post_process()

    def test_come_back_at_midnight(self):
        self.moment = at("23:50", self.zone, self.day)
        tx = self.begun()
        with freeze_time(at("23:59:58", self.zone, self.day)):
            self.fake.pay(tx.paylink_stripe_session)
        with freeze_time(at("00:00:07", self.zone, self.day + timedelta(days=1))):
            self.come_back(tx)
            self.check_day(tx.payment_id)
            self.check_shown(tx)

    def test_messages_after_midnight(self):
        """The day of a card is that of its charge, as in Stripe's list, whichever message is the first."""
        told_by = ("payment_intent.succeeded", "checkout.session.completed")
        self.moment = at("23:59:58", self.zone, self.day)
        for only in told_by:
            with self.subTest(only=only):
                for event_type in {*told_by, "charge.*"} - {only}:
                    self.fake.disturb("drop", event_type, times=9)
                tx = self.paid()
                self.fake.abandon_faults()
                for delivery in self.fake.deliveries():
                    delivery.event["created"] += 5 * (delivery.due is not None)
                with freeze_time(self.moment + timedelta(seconds=7)):
                    self.deliver_and_handle()
                    self.check_day(tx.payment_id)
                    self.check_shown(tx)

    def test_debits(self):
        """Of the day on which it is known that the money comes, not of that on which it was asked of the bank."""
        told_by = ("payment_intent.succeeded", "charge.succeeded", "checkout.session.async_payment_succeeded")
        for number, later in enumerate((0, 2)):
            for only in told_by:
                with self.subTest(later=later, only=only):
                    self.settle_in(*CASES[number])
                    tx = self.begun(early=5)
                    with self.after(days=-5):
                        self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
                        self.deliver_and_handle()
                    for event_type in set(told_by) - {only}:
                        self.fake.disturb("drop", event_type)
                    with freeze_time(self.moment):
                        self.fake.settle(self.fake.get(tx.paylink_stripe_session)["payment_intent"])
                    with self.after(days=later):
                        self.deliver_and_handle()
                        if only == "charge.succeeded":
                            self.look_up(tx)
                            tx._post_process()
                        self.check_day(tx.payment_id)
                        self.check_shown(tx)

    def test_debit_that_is_looked_up_while_its_message_waits(self):
        tx = self.begun(early=5)
        with self.after(days=-5):
            self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
        with freeze_time(self.moment):
            self.fake.settle(self.fake.get(tx.paylink_stripe_session)["payment_intent"])
        with self.after(days=2):
            self.deliver()
            self.look_up(tx)
            tx._post_process()
            self.check_day(tx.payment_id)
            self.run_job()
            self.check_shown(tx)

    def test_captured_later(self):
        """In Stripe's dashboard: what was reserved before has not moved then."""
        self.provider.capture_manually = True
        tx = self.begun(early=3)
        with self.after(days=-3):
            self.fake.pay(tx.paylink_stripe_session)
            intent = self.fake.get(tx.paylink_stripe_session)["payment_intent"]
        with freeze_time(self.moment):
            self.provider._paylink_stripe().intent_capture(intent, key="dashboard", amount_to_capture=4000)
        with self.after(days=2):
            self.deliver_and_handle()
            captured = tx.child_transaction_ids.filtered(lambda part: part.state == "done")
            self.assertEqual(captured.payment_id.amount, 40)
            self.check_day(captured.payment_id)

    def test_booked_after_it_failed(self):
        """However often it is tried, and who cancels it in between: the day is that of the money."""
        tx = self.paid()
        with self.after(hours=1), patch.object(PaylinkLinkBooks, "_book", side_effect=ValueError):
            self.deliver_and_handle()
        self.assertFalse(tx.payment_id)
        with self.after(days=3):
            self.run_job("ir_cron_paylink_book")
            self.check_day(tx.payment_id)
            self.check_shown(tx)

    def test_many_at_once(self):
        """One run books payments of different days, each on its own."""
        moments = {}
        for number in range(3):
            self.settle_in("Europe/Paris", "23:40", date(2026, 4, 29) + timedelta(days=number), "base.fr")
            moments[self.paid()] = self.day
        with self.after(days=4):
            self.deliver_and_handle()
        for tx, day in moments.items():
            self.check_day(tx.payment_id, day)

    def test_paid_in_the_portal(self):
        """By no link: likewise."""
        with freeze_time(self.moment - timedelta(minutes=9)):
            invoice = self._invoice(currency_id=self.currency_euro.id, invoice_date="2026-01-05")
            tx = self._portal_attempt(invoice)
            self.checkout(tx)
        with freeze_time(self.moment):
            self.fake.pay(tx.paylink_stripe_session)
        with self.after(days=2):
            self.deliver_and_handle()
            self.check_day(tx.payment_id)

    # === WHAT GOES BACK === #

    def test_refunds(self):
        """Made in the dashboard, and one that failed after all."""
        for case in CASES[1:3]:
            self.settle_in(*case)
            with self.subTest(case=case[:3]):
                tx = self.paid()
                with self.after(hours=1):
                    self.deliver_and_handle()
                with self.after(days=5):
                    made = self.fake.refund(tx.paylink_stripe_charge, 3000)
                with self.after(days=8):
                    self.deliver_and_handle()
                refund = tx.child_transaction_ids
                self.check_day(refund.payment_id, self.day + timedelta(days=5))
                shown = tx.paylink_id.with_context(lang="en_US")._page_refunds()[0]["date"]
                self.assertEqual(shown, f"{self.day + timedelta(days=5):%m/%d/%Y}")
                with self.after(days=10):
                    failed = self.fake.fail_refund(made["id"])
                with self.after(days=12):
                    self.deliver()
                    if case == CASES[1]:  # messages come in any order: another one tells it first
                        refund._paylink_stripe_apply(dict(failed), "refund.updated")
                    self.run_job()
                reversal = refund.payment_id.move_id.reversal_move_ids
                self.assertEqual(reversal.date, self.day + timedelta(days=10))

    def test_failed_refund_that_no_message_tells(self):
        """Stripe has booked it on its day: other messages, and the search, bring the object without one."""
        for dropped in ("refund.failed", "*"):
            with self.subTest(dropped=dropped):
                tx = self.paid()
                with self.after(days=5):
                    self.deliver_and_handle()
                    made = self.fake.refund(tx.paylink_stripe_charge, 3000)
                    self.deliver_and_handle()
                with self.after(days=10):
                    self.fake.disturb("drop", dropped, times=9)
                    failed = self.fake.fail_refund(made["id"])
                    self.fake.abandon_faults()
                with self.after(days=12):
                    self.deliver_and_handle()
                    refund = tx.child_transaction_ids
                    if dropped == "*":
                        refund._paylink_stripe_apply(dict(failed))
                reversal = refund.payment_id.move_id.reversal_move_ids
                self.assertEqual(reversal.date, self.day + timedelta(days=10))

    def test_chargebacks(self):
        for case in CASES[1:3]:
            self.settle_in(*case)
            with self.subTest(case=case[:3]):
                tx = self.paid()
                with self.after(hours=1):
                    self.deliver_and_handle()
                with self.after(days=4):
                    found = self.fake.dispute(tx.paylink_stripe_charge)
                with self.after(days=6):
                    self.fake.close_dispute(found["id"], won=True)
                with self.after(days=8):
                    self.deliver_and_handle()
                dispute = tx.paylink_dispute_ids
                taken, given = (self.day + timedelta(days=number) for number in (4, 6))
                self.check_day(dispute.withdrawal_id, taken)
                self.check_day(dispute.reinstatement_id, given)
                self.assertEqual((dispute.fee_move_id.date, dispute.fee_returned_move_id.date), (taken, given))
