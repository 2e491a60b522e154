from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ...tools.stripe_client import PATIENCE
from .stripe_common import StripeCommon

SESSIONS = "/v1/checkout/sessions"


@tagged("post_install", "-at_install")
class TestStripeTries(StripeCommon):
    """What customers do on Stripe's page, and how it ends."""

    # === TRIES ON THE PAGE === #

    def test_decline_then_success_is_two_attempts(self):
        """Also where the message about the decline comes last."""
        for name, order in (("in order", list), ("reversed", reversed)):
            with self.subTest(name):
                link = self._link(self._invoice())
                tx = self.start(link)
                self.fake.pay(tx.paylink_stripe_session, "card", "insufficient_funds")
                if name == "in order":
                    self.apply_events()
                    self.assertEqual((tx.state, tx.paylink_decline_count, link.status), ("draft", 1, "interrupted"))
                    self.assertEqual(link.attempt_count, 1)
                    self.assertTrue(link._last_failure())
                self.fake.pay(tx.paylink_stripe_session)
                self.apply_events(order=lambda events, order=order: list(order(events)))
                self.assertEqual((tx.state, link.state, link.attempt_count), ("done", "paid", 2))

    def test_readers_are_told_in_their_language_why_each_try_was_declined(self):
        """Customer and company are told in one language, whoever reads it later has another; also what was paid."""
        link = self._link(self._invoice())
        tx = self.start(link)
        for card in ("insufficient_funds", "expired_card"):
            self.fake.pay(tx.paylink_stripe_session, "card", card)
            self.apply_events()
        said = {
            "en_US": ["The account does not have enough money.", "The card has expired."],
            "fr_FR": ["Le compte n'est pas suffisamment approvisionné.", "La carte a expiré."],
        }
        for state in ("draft", "done"):
            if state == "done":
                self.fake.pay(tx.paylink_stripe_session)
                self.apply_events()
            for lang, reasons in said.items():
                with self.subTest(state=state, lang=lang):
                    self.env.invalidate_all()
                    seen = link.with_context(lang=lang)
                    told = seen.attempt_detail.splitlines()
                    self.assertEqual((tx.state, len(told)), (state, link.attempt_count))
                    column = self.env["paylink.export.column"].with_context(lang=lang)._computed_reasons(seen)
                    self.assertEqual(column[link.id], "; ".join(reasons))
                    proof = [row[3] for row in seen._proof_of_attempts()["rows"]]
                    for reason, line, in_proof in zip(reasons, told, proof, strict=False):
                        self.assertTrue(line.endswith(f": {reason}"), line)
                        self.assertEqual(in_proof, reason)

    def test_repeated_decline_counts_once(self):
        link = self._link(self._invoice())
        tx = self.start(link)
        self.fake.pay(tx.paylink_stripe_session, "card", "do_not_honor")
        self.apply_events(order=lambda events: events * 3)
        self.assertEqual((tx.paylink_decline_count, link.attempt_count), (1, 1))
        self.fake.pay(tx.paylink_stripe_session, "card", "3ds_fail")
        self.apply_events()
        self.assertEqual(tx.paylink_decline_count, 2)

    def test_declines_count_for_the_limit(self):
        self.env["ir.config_parameter"].set_param("paylink_addon.max_attempts_per_hour", "3")
        link = self._link(self._invoice())
        tx = self.start(link)
        for _time in range(2):
            self.fake.pay(tx.paylink_stripe_session, "card", "do_not_honor")
        self.apply_events()
        with self.assertRaisesRegex(UserError, "Too many attempts"):
            self._attempt(link)

    def test_coming_back_without_paying(self):
        """The page offers the form at once; the attempt stays open, and choosing again closes it at Stripe."""
        link = self._link(self._invoice())
        tx = self.start(link)
        response = self.come_back(tx, cancelled="1")
        self.assertTrue(response.headers["Location"].endswith(f"/pay/{link.access_token}"))
        self.assertEqual((tx.state, link.status, link.attempt_count), ("draft", "interrupted", 1))
        self.assertIn("You left the payment page", self.url_open(f"/pay/{link.access_token}?lang=en_US").text)
        self.come_back(tx, cancelled="1")
        self.assertEqual(len(self._time_line(link, "attempt_abandoned")), 1)
        second = self.start(link)
        self.send_waiting()
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["status"], "expired")
        self.assertEqual(self.fake.get(second.paylink_stripe_session)["status"], "open")
        self.assertEqual((link.status, link.attempt_count), ("in_progress", 1))

    def test_cancel_address_is_only_a_hint(self):
        """Who has paid, or of whom Stripe says nothing, has not left, whatever address they come back by."""
        paid, silent = (self.start(self._link(self._invoice())) for _time in range(2))
        self.fake.pay(paid.paylink_stripe_session)
        self.come_back(paid, cancelled="1")
        self.assertEqual((paid.state, paid.paylink_id.status), ("done", "paid"))
        self.fake.fault("503", times=9)
        self.assertIn("returned=1", self.come_back(silent, cancelled="1").headers["Location"])
        self.assertEqual(silent.paylink_id.status, "in_progress")

    def test_hour_at_stripe(self):
        """In progress from the click on, interrupted after the hour; who pays later on the same page has paid."""
        link = self._link(self._invoice(), expires_at=False)
        tx = self.start(link)
        self.assertEqual((link.state, link.status), ("open", "in_progress"))
        for minutes, status, attempts in ((59, "in_progress", 0), (61, "interrupted", 1), (300, "interrupted", 1)):
            with freeze_time(fields.Datetime.now() + timedelta(minutes=minutes)):
                self._run_cron("ir_cron_paylink_expire")
                self.assertEqual((link.status, link.attempt_count, link._page_view()), (status, attempts, "pay"))
        self.assertEqual(len(self._time_line(link, "attempt_abandoned")), 1)
        self.send_waiting()
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["status"], "open")
        self.fake.pay(tx.paylink_stripe_session)
        self.apply_events()
        self.assertEqual((link.status, link.attempt_count, link.failed_count), ("paid", 1, 0))

    def test_page_that_ends_long_after_the_hour(self):
        """It was told when the customer was given up: no second line, no second attempt. Declined before: likewise."""
        plain, declined = (self.start(self._link(self._invoice(), expires_at=False)) for _time in range(2))
        self.fake.pay(declined.paylink_stripe_session, "card", "do_not_honor")
        self.apply_events()
        with freeze_time(fields.Datetime.now() + timedelta(minutes=61)):
            self._run_cron("ir_cron_paylink_expire")
        self.fake.advance(23.5 * 3600)
        self.apply_events()
        for tx in (plain, declined):
            with self.subTest(declined=tx.paylink_decline_count):
                link = tx.paylink_id
                self.assertEqual((tx.state, link.status), ("cancel", "interrupted"))
                self.assertEqual((link.attempt_count, link.failed_count), (1, 1))
                self.assertEqual(len(self._time_line(link, "attempt_abandoned")), 1)

    def test_led_to_the_same_page_again(self):
        tx = self.start(self._link(self._invoice()))
        self.come_back(tx, cancelled="1")
        self.assertEqual(tx.paylink_id.status, "interrupted")
        self.checkout(tx)
        self.assertEqual(tx.paylink_id.status, "in_progress")

    def test_given_up_twice_on_the_same_page(self):
        """Who comes back has as much time as at first; that they left is told, and counted, once."""
        link = self._link(self._invoice(), expires_at=False)
        tx, began = self.start(link), fields.Datetime.now()
        steps = (
            (61, "interrupted"),
            (62, "in_progress"),
            (70, "in_progress"),
            (120, "in_progress"),
            (124, "interrupted"),
        )
        for minutes, status in steps:
            with freeze_time(began + timedelta(minutes=minutes)):
                if minutes == 62:
                    self.checkout(tx)
                self._run_cron("ir_cron_paylink_expire")
                self.assertEqual(link.status, status, minutes)
        self.assertEqual((link.attempt_count, link.failed_count), (1, 1))
        self.assertEqual(len(self._time_line(link, "attempt_abandoned")), 1)

    def test_page_that_expires_is_an_abandoned_attempt(self):
        link = self._link(self._invoice(), expires_at=False)
        tx = self.start(link)
        self.fake.advance(23.5 * 3600)
        self.apply_events()
        self.assertEqual((tx.state, link.status, link.attempt_count), ("cancel", "interrupted", 1))

    def test_return_is_only_a_hint(self):
        """It looks up the session that is stored, whatever the address says; Stripe down, the page waits."""
        link = self._link(self._invoice())
        tx = self.start(link)
        paid = self.start(self._link(self._invoice(self.john)))
        self.fake.pay(paid.paylink_stripe_session)
        response = self.come_back(tx, session_id=paid.paylink_stripe_session, state="paid")
        self.assertTrue(response.headers["Location"].endswith("?returned=1"))
        self.assertEqual((tx.state, link.state), ("draft", "open"))
        self.fake.pay(tx.paylink_stripe_session)
        self.fake.fault("503", times=9)
        self.assertEqual(self.come_back(tx).status_code, 303)
        self.assertEqual(tx.state, "draft")
        self.fake.abandon_faults()
        self.come_back(tx)
        self.assertEqual((tx.state, link.state), ("done", "paid"))

    def test_return_asks_once(self):
        tx = self.start(self._link(self._invoice()))
        self.fake.pay(tx.paylink_stripe_session)
        before = len(self.fake.journal())
        self.come_back(tx)
        self.assertEqual(len(self.fake.journal()) - before, 1)
        self.come_back(tx)
        self.assertEqual(len(self.fake.journal()) - before, 1, "what is final is not asked for again")

    def test_return_leaves_alone_who_is_silent(self):
        """Whoever has the address comes back again and again: asked once, soon given up, and once more later."""
        self.enterContext(patch.dict(PATIENCE, {"click": {"timeout": 0.3, "retries": 1}}))
        tx = self.start(self._link(self._invoice()))
        self.fake.pay(tx.paylink_stripe_session)
        self.fake.fault("timeout_before", times=9)
        before = len(self.fake.journal())
        for _time in range(3):
            self.assertTrue(self.come_back(tx).headers["Location"].endswith("?returned=1"))
        self.assertEqual((len(self.fake.journal()) - before, tx.state), (1, "draft"))
        self.fake.abandon_faults()
        self.come_back(tx)
        self.assertEqual(len(self.fake.journal()) - before, 1)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=10)):
            self.come_back(tx)
        self.assertEqual((len(self.fake.journal()) - before, tx.state), (2, "done"))

    def test_return_asks_once_for_what_takes_days(self):
        tx = self.start(self._free_link(50, currency_id=self.currency_euro.id))
        self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
        before = len(self.fake.journal())
        for _time in range(3):
            self.come_back(tx)
        self.assertEqual((len(self.fake.journal()) - before, tx.state), (1, "pending"))

    def test_one_worker_is_left(self):
        """Where as many wait for Stripe as may, a return does not ask, and a click is told to try again."""
        tx, other = (self.start(self._link(self._invoice())) for _time in range(2))
        self.fake.pay(tx.paylink_stripe_session)
        before = len(self.fake.journal())
        with self._busy():
            self.assertEqual(self.come_back(tx).status_code, 303)
            response = self.checkout(other)
        self.assertEqual((response.status_code, "<form" in response.text), (503, True))
        self.assertEqual((len(self.fake.journal()), tx.state), (before, "draft"))
        self.come_back(tx)
        self.assertEqual(tx.state, "done")

    def test_click_gives_up_sooner_than_a_job(self):
        """Stripe has made the page and does not answer: the customer soon reads that they may try again."""
        tx = self._attempt(self._free_link())
        self.fake.fault("disconnect_after", "POST", SESSIONS, times=2)
        response = self.checkout(tx)
        self.assertEqual((response.status_code, tx.state, len(self.requests("POST", SESSIONS))), (503, "draft", 2))
        self.assertIn("<form", response.text)
        self.assertEqual(self.checkout(tx).status_code, 303)
        self.assertEqual(len(self.fake.realm().all("checkout.session")), 1)
        longest = {name: 2 * one["timeout"] * (1 + one["retries"]) for name, one in PATIENCE.items()}
        self.assertLess(longest["click"], 60, "a server ends a request after 120 s")
        self.assertLess(longest["click"], longest["job"])

    # === METHODS THAT TAKE DAYS === #

    def _sepa(self):
        link = self._free_link(50, currency_id=self.currency_euro.id)
        return link, self.pay_on_page(link, "sepa_debit")

    def test_sepa_succeeds(self):
        link, tx = self._sepa()
        self.assertEqual((tx.state, link.state), ("pending", "pending"))
        self.assertEqual(tx.paylink_method_display, "SEPA •••• 3000")
        self.apply_events()
        self.fake.settle(tx.paylink_stripe_intent)
        self.apply_events()
        self.assertEqual((tx.state, link.state, tx.paylink_fee), ("done", "paid", 0.35))
        self.assertEqual((tx.payment_method_id.code, link.attempt_count), ("sepa_direct_debit", 1))

    def test_late_news_of_a_failed_debit_that_was_closed(self):
        """The invoice was paid by another page meanwhile: whatever comes last, the debit that failed is over."""
        for name, order in (("the beginning last", reversed), ("the end last", list)):
            with self.subTest(name):
                link = self._link(self._invoice(currency_id=self.currency_euro.id))
                tx = self.start(link)
                self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
                tx._paylink_close("Paid otherwise.")
                self.fake.settle(self.fake.get(tx.paylink_stripe_session)["payment_intent"], succeed=False)
                self.apply_events(order=lambda events, order=order: list(order(events)))
                self.assertEqual(tx.state, "cancel")

    def test_sepa_fails(self):
        """In whatever order the messages come, alone or all."""
        orders = {"in order": list, "reversed": lambda events: list(reversed(events))}
        only = {
            "all": None,
            "session": ("checkout.session.completed", "checkout.session.async_payment_failed"),
            "intent": ("payment_intent.processing", "payment_intent.payment_failed"),
        }
        for name, order in orders.items():
            for kept, types in only.items():
                with self.subTest(order=name, kept=kept):
                    link = self._free_link(50, currency_id=self.currency_euro.id)
                    tx = self.start(link)
                    self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
                    self.fake.settle(self.fake.get(tx.paylink_stripe_session)["payment_intent"], succeed=False)
                    self.apply_events(order=order, only=types)
                    if name == "reversed" and kept == "intent":
                        self.come_back(tx)  # a decline, for all we know: looking tells
                    self.assertEqual((tx.state, link.status), ("error", "interrupted"))
                    self.assertEqual(link.attempt_count, 1)

    def test_declined_card_does_not_end_a_debit_under_way(self):
        """The message about the card comes late, when the debit is in progress."""
        link = self._free_link(50, currency_id=self.currency_euro.id)
        tx = self.start(link)
        self.fake.pay(tx.paylink_stripe_session, "card", "generic_decline")
        self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
        self.apply_events(order=lambda events: list(reversed(events)))
        self.assertEqual((tx.state, tx.paylink_decline_count, link.attempt_count), ("pending", 1, 2))

    # === CLOSING === #

    def test_cancelled_link_closes_its_page(self):
        link = self._link(self._invoice())
        tx = self.start(link)
        link.action_cancel()
        self.assertEqual((tx.state, tx.paylink_todo), ("cancel", "expire"))
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["status"], "open", "not before the commit")
        self.send_waiting()
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["status"], "expired")
        self.assertFalse(tx.paylink_todo)

    def test_sibling_success_closes_the_page(self):
        invoice = self._invoice()
        link, other = self._link(invoice), self._link(invoice)
        tx = self.start(link)
        rival = self._force_attempt(other, 100)
        rival._get_processing_values()
        self.checkout(rival)
        self.fake.pay(tx.paylink_stripe_session)
        self.come_back(tx)
        self.send_waiting()
        self.assertEqual((rival.state, self.fake.get(rival.paylink_stripe_session)["status"]), ("cancel", "expired"))

    def test_closing_fails_for_the_moment(self):
        link = self._link(self._invoice())
        tx = self.start(link)
        link.action_cancel()
        self.fake.fault("503", "POST", "*/expire", times=3)
        self.send_waiting()
        self.assertEqual(tx.paylink_todo, "expire")
        self.send_waiting()
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["status"], "expired")

    def test_paid_while_it_was_closed(self):
        """The customer was faster than the cancellation: the money is booked."""
        invoice = self._invoice()
        link = self._link(invoice)
        tx = self.start(link)
        self.fake.pay(tx.paylink_stripe_session)
        link.action_cancel()
        self.send_waiting()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((tx.state, link.state, invoice.payment_state), ("done", "paid", "paid"))
        self.assertFalse(tx.paylink_todo)

    def test_debit_begun_while_it_was_closed(self):
        """A debit that takes days is in progress all the same."""
        link = self._free_link(50, currency_id=self.currency_euro.id)
        tx = self.start(link)
        self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
        tx._paylink_close("The customer started again.")
        self.send_waiting()
        self.assertEqual((tx.state, link.state), ("pending", "pending"))

    def test_lost_session_of_a_closed_attempt(self):
        """Never led anybody to a page that the attempt does not know."""
        link = self._link(self._invoice())
        tx = self._attempt(link)
        self.fake.fault("disconnect_after", "POST", SESSIONS, times=3)
        self.checkout(tx)
        link.action_cancel()
        self.assertFalse(tx.paylink_todo)
        self.assertIn("/pay/", self.checkout(tx).headers["Location"])

    # === DETAILS === #

    def test_fee_is_asked_for_where_the_message_has_none(self):
        """Events know no fee: the job asks, and stops when it has it."""
        tx = self.start(self._link(self._invoice()))
        self.fake.pay(tx.paylink_stripe_session)
        self.apply_events()
        self.assertEqual((tx.state, tx.paylink_method_display, tx.paylink_fee), ("done", "Visa •••• 4242", 0))
        self.send_waiting()
        self.assertEqual((tx.paylink_fee, tx.paylink_todo), (1.75, False))
        before = len(self.fake.journal())
        self.send_waiting()
        self.assertEqual(len(self.fake.journal()), before)

    def test_fee_of_what_was_paid_while_it_was_closed(self):
        """The page was to be closed, and the message that it is paid comes last."""
        tx = self.start(self._free_link())
        tx.paylink_id.action_cancel()
        self.fake.pay(tx.paylink_stripe_session)
        self.apply_events(order=lambda events: sorted(events, key=lambda event: event["type"].startswith("checkout")))
        self.assertEqual((tx.state, tx.paylink_todo), ("done", "details"))
        self.send_waiting()
        self.assertEqual(tx.paylink_fee, self.fake.ledger()[0].fee / 100)

    def test_fee_is_not_asked_for_for_ever(self):
        tx = self.start(self._link(self._invoice()))
        self.fake.pay(tx.paylink_stripe_session)
        self.apply_events()
        with freeze_time(fields.Datetime.now() + timedelta(days=1)):
            self.send_waiting()
        self.assertFalse(tx.paylink_todo)

    def test_fee_in_the_currency_of_settlement(self):
        """A payment in dollars, settled in euros: the fee is in euros."""
        self.fake.account.rates["usd"] = 0.9
        tx = self.pay_on_page(self._free_link(100))
        self.assertEqual((tx.paylink_fee, tx.paylink_fee_currency_id.name), (1.6, "EUR"))
