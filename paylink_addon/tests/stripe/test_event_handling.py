from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import OperationalError

from ...models.link import payment_transaction_requests
from ...models.stripe import paylink_event
from ...tools.locks import hold
from ...tools.stripe_client import API_VERSION, StripeApi
from .event_common import EventCommon

OURS = ("checkout.session.completed", "payment_intent.succeeded", "charge.succeeded")


@tagged("post_install", "-at_install")
class TestEventHandling(EventCommon):
    """From stored messages to the books: any order, any number of times, any time."""

    def paid_at_stripe(self, amount=100.0, **values):
        """An invoice whose customer has paid on Stripe's page, of which nobody here has heard.

        :return: the invoice and the transaction
        """
        invoice = self._invoice(amount=amount, currency_id=self.currency_euro.id)
        tx = self.start(self._link(invoice))
        self.fake.pay(tx.paylink_stripe_session, **values)
        return invoice, tx

    def check_paid(self, invoice, tx):
        self.assertEqual((tx.state, tx.is_post_processed, tx.paylink_id.state), ("done", True, "paid"))
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(self.payments(tx).mapped("amount"), [invoice.amount_total])

    def test_paid_by_messages_alone(self):
        """The customer never comes back: the invoice is reconciled all the same."""
        invoice, tx = self.paid_at_stripe()
        self.deliver_and_handle()
        self.check_paid(invoice, tx)
        self.assertEqual(set(self.stored(*OURS).mapped("state")), {"done"})
        self.assertEqual(self.stored(*OURS).transaction_id, tx)
        self.assertEqual(set(self.stored().mapped("state")), {"done", "ignored"})

    def test_any_order_and_number(self):
        """One payment, whatever order the messages come in, and however often."""
        for order in ("fifo", "reverse", "shuffle"):
            with self.subTest(order):
                self.fake.disturb("duplicate", times=5)
                invoice, tx = self.paid_at_stripe()
                self.deliver_and_handle(order=order)
                self.check_paid(invoice, tx)

    def test_the_books_come_before_the_news(self):
        """What goes wrong when people are told undoes no booking; they are told once, later."""
        invoice, tx = self.paid_at_stripe()
        link = self.env.registry["paylink.link"]
        with patch.object(link, "_after_payments", side_effect=OperationalError), mute_logger("odoo.sql_db"):
            self.deliver_and_handle()
        self.check_paid(invoice, tx)
        told, receipts = (
            [("subtype_id", "=", self.env.ref(f"paylink_addon.mt_link_{name}").id)] for name in ("paid", "receipt")
        )
        self.assertTrue(tx.paylink_untold)
        self.assertFalse(tx.paylink_id.message_ids.filtered_domain(told))
        for job in ("ir_cron_paylink_book", "ir_cron_paylink_handle_events"):
            self.run_job(job)
            self.assertFalse(tx.paylink_untold)
            for once in (told, receipts):
                self.assertEqual(len(tx.paylink_id.message_ids.filtered_domain(once)), 1)

    def test_what_takes_long_is_left_to_the_job_that_books(self):
        """Neither the messages nor the customer who comes back wait for the books; they get it once."""
        with patch.object(payment_transaction_requests, "MANY_ITEMS", 0):
            invoice, tx = self.paid_at_stripe()
            self.deliver_and_handle()
            self.come_back(tx)
            self.assertEqual((tx.state, tx.paylink_id.state, self.payments(tx).ids), ("done", "paid", []))
            self.run_job("ir_cron_paylink_book")
        self.check_paid(invoice, tx)

    def test_one_by_one(self):
        """Each message handled before the next one arrives: the same."""
        for order in ("fifo", "reverse"):
            with self.subTest(order):
                invoice, tx = self.paid_at_stripe()
                while self.deliver(limit=1, order=order):
                    self.run_job()
                self.check_paid(invoice, tx)

    def test_messages_before_and_after_the_return(self):
        """Whoever is first books it."""
        for messages_first in (True, False):
            with self.subTest(messages_first=messages_first):
                invoice, tx = self.paid_at_stripe()
                steps = [self.deliver_and_handle, lambda tx=tx: self.come_back(tx)]
                for step in steps if messages_first else reversed(steps):
                    step()
                self.check_paid(invoice, tx)

    def test_days_late(self):
        invoice, tx = self.paid_at_stripe()
        with freeze_time(fields.Datetime.add(fields.Datetime.now(), days=3)):
            self.deliver_and_handle()
        self.check_paid(invoice, tx)

    def test_older_message_after_a_newer_one(self):
        """“Processing” that comes after “succeeded” changes nothing."""
        invoice, tx = self.paid_at_stripe(method="sepa_debit")
        self.deliver_and_handle(limit=0)
        self.fake.settle(tx.paylink_stripe_intent or self.fake.get(tx.paylink_stripe_session)["payment_intent"])
        self.deliver_and_handle(order="reverse")
        self.check_paid(invoice, tx)
        self.assertEqual(set(self.stored().mapped("state")), {"done", "ignored"})

    def test_direct_debit(self):
        """Pending for days, then paid; or not."""
        for succeed, states in ((True, ("done", "paid")), (False, ("error", "failed"))):
            with self.subTest(succeed=succeed):
                invoice, tx = self.paid_at_stripe(method="sepa_debit")
                self.deliver_and_handle()
                self.assertEqual((tx.state, tx.paylink_id.state), ("pending", "pending"))
                self.fake.settle(tx.paylink_stripe_intent, succeed)
                self.deliver_and_handle()
                self.assertEqual((tx.state, tx.paylink_id.state), states)
                self.assertEqual(invoice.payment_state, "paid" if succeed else "not_paid")

    def test_expired_page(self):
        tx = self.start(self._free_link())
        self.fake.advance(24 * 3600)
        self.deliver_and_handle()
        self.assertEqual(tx.state, "cancel")
        self.assertEqual(self.stored("checkout.session.expired").mapped("state"), ["done"])

    def test_refunded_in_the_dashboard(self):
        invoice, tx = self.paid_at_stripe()
        self.deliver_and_handle()
        self.fake.refund(tx.paylink_stripe_intent, 2500)
        self.deliver_and_handle()
        self.assertEqual(tx.child_transaction_ids.mapped("amount"), [-25])
        self.assertEqual(tx.paylink_id.amount_refunded, 25)
        self.assertEqual(len(self.payments(tx.child_transaction_ids)), 1)
        self.deliver_and_handle()
        self.check_paid(invoice, tx)

    def test_refund_and_its_end_at_once(self):
        """All messages of a refund in one set: the second finds what the first has made."""
        link = self._link(self._invoice(currency_id=self.currency_euro.id))
        tx = self.pay_on_page(link, "sepa_debit")
        self.fake.settle(tx.paylink_stripe_intent)
        self.deliver_and_handle()
        refund = self.fake.refund(tx.paylink_stripe_charge, 1000)
        self.fake.settle_refund(refund["id"])
        self.deliver_and_handle()
        self.assertEqual(tx.child_transaction_ids.mapped("paylink_stripe_refund"), [refund["id"]])
        self.assertEqual(set(self.stored().mapped("state")), {"done", "ignored"})
        self.assertFalse(any(self.stored().mapped("try_count")))

    # === WHAT IS NOT OURS === #

    def test_unknown_types_are_ignored(self):
        for event_type in ("balance.available", "invoice.paid", "", "charge", "charge.exotic", "x" * 300, "é.è"):
            with self.subTest(event_type):
                self.send(self.event(event_type))
                self.run_job()
                self.assertEqual(self.stored()[-1:].state, "ignored")

    def test_foreign_objects_are_ignored(self):
        """A shop of the same account sells something else."""
        stripe = self.provider._paylink_stripe()
        price = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Shoes"}}
        for metadata in ({}, {"paylink_tx": str(self.start(self._free_link()).id), "paylink_db": "another database"}):
            with self.subTest(metadata):
                session = stripe.session_create(
                    key=f"foreign-{len(metadata)}",
                    mode="payment",
                    success_url="https://shop.example.com",
                    line_items=[{"quantity": 1, "price_data": price}],
                    metadata=metadata,
                    payment_intent_data={"metadata": metadata},
                )
                self.fake.pay(session["id"])
                self.deliver_and_handle()
        self.assertEqual(set(self.stored().mapped("state")), {"ignored"})
        self.assertFalse(self.stored().transaction_id)

    def test_companies_with_one_account_do_not_mix(self):
        """Both are told of everything: each takes what is its own."""
        other = self._stripe_provider(self._other_company())
        self._connect(other, self.fake.account)
        self.listen(other)
        invoice, tx = self.paid_at_stripe()
        self.deliver_and_handle()
        self.check_paid(invoice, tx)
        for event in self.stored(*OURS):
            with self.subTest(event.type, provider=event.provider_id):
                self.assertEqual(event.state, "done" if event.provider_id == self.provider else "ignored")
        self.assertEqual(len(self.stored(*OURS)), 2 * len(OURS))

    # === SETS === #

    def test_burst(self):
        """A hundred messages of many payments are handled together: each payment is booked once."""
        found = [self.paid_at_stripe(amount=10.0 + number) for number in range(8)]
        self.deliver_and_handle(order="shuffle")
        for invoice, tx in found:
            self.check_paid(invoice, tx)

    def test_burst_takes_few_queries(self):
        """What is not about one payment does not grow with the number of messages."""
        self.paid_at_stripe()
        self.deliver_and_handle()  # warm
        counts = []
        for number in (4, 12):
            for event_type, kind in [("payment_intent.succeeded", "payment_intent"), ("charge.succeeded", "charge")]:
                for _n in range(number):
                    self.send(self.event(event_type, {"object": kind, "id": f"{kind}_{self.serial}"}))
            before = self.env.cr.sql_log_count
            self.run_job()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1] - counts[0], 3)

    # === OTHER VERSIONS === #

    def test_message_of_another_version(self):
        """Its object may look otherwise: it is asked for as we understand it."""
        invoice, tx = self.paid_at_stripe()
        session = self.fake.get(tx.paylink_stripe_session)
        strange = {"object": "checkout.session", "id": session["id"], "paid": "maybe"}
        self.send(self.event("checkout.session.completed", strange, api_version="2019-01-01"))
        self.assertEqual(self.provider.paylink_event_drift, "2019-01-01")
        self.run_job()
        self.check_paid(invoice, tx)
        self.send(self.event(api_version=API_VERSION))
        self.provider.invalidate_recordset()
        self.assertFalse(self.provider.paylink_event_drift)

    # === STORED METHODS === #

    def test_renewed_and_removed_card(self):
        token = self.env["payment.token"].create(
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.payment_method_id,
                "partner_id": self.marie.id,
                "provider_ref": "pm_1",
                "payment_details": "4242",
            }
        )
        card = {"brand": "visa", "last4": "1881", "exp_month": 2, "exp_year": 2028}
        method = {"object": "payment_method", "id": "pm_1", "type": "card", "card": card}
        self.send(self.event("payment_method.automatically_updated", method))
        self.send(self.event("payment_method.automatically_updated", method | {"id": "pm_2"}))
        self.run_job()
        self.assertEqual((token.payment_details, str(token.paylink_expires_on)), ("1881", "2028-02-29"))
        self.send(self.event("payment_method.detached", method))
        self.run_job()
        self.assertFalse(token.active)
        self.assertEqual(self.stored().mapped("state"), ["done", "ignored", "done"])

    # === WHAT IS ASKED MEANWHILE === #

    def test_nothing_is_held_while_stripe_is_asked(self):
        """What a message does not tell is asked before anything is locked; the message is then handled as it is now."""
        link = self._free_link(50, currency_id=self.currency_euro.id)
        tx = self.start(link)
        self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
        self.fake.settle(self.fake.get(tx.paylink_stripe_session)["payment_intent"], succeed=False)
        Event, asked, holding = type(self.env["paylink.event"]), [], []
        call, undo = StripeApi.call, Event._undo

        def note_hold(*recordsets):
            holding.append(recordsets)
            return hold(*recordsets)

        def note_undo(events, error):
            holding.clear()
            return undo(events, error)

        def note_question(api, path, *ids, **options):
            asked.append((path, bool(holding)))
            return call(api, path, *ids, **options)

        self.patch(paylink_event, "hold", note_hold)
        self.patch(Event, "_undo", note_undo)
        self.patch(StripeApi, "call", note_question)
        session = self.fake.get(tx.paylink_stripe_session)
        self.send(self.event("checkout.session.async_payment_failed", session))
        self.run_job()
        self.assertEqual((tx.state, link.status), ("error", "interrupted"))
        self.assertTrue(asked)
        self.assertEqual({locked for _path, locked in asked}, {False}, asked)
