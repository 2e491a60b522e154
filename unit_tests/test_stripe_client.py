"""The client against the fake, over HTTP: every failure is the right one, and nothing happens twice.

Plain unittest: run by `make test`.
"""

import functools
import socket
import threading
import unittest
from unittest import mock

from standalone import FakeCase, FakeStripe, invoice, wait_until
from tools.stripe_client import KnownAnswers, NotAsked, StripeApi, is_live, with_metadata
from tools.stripe_errors import (
    StripeAbsent,
    StripeDeclined,
    StripeRefused,
    StripeTransient,
    StripeUnknownOutcome,
)

# The SDK waits for half a second between attempts.
NO_PAUSE = mock.patch("time.sleep")


class TestRefusals(FakeCase):
    def test_parameters_that_stripe_does_not_know_or_like(self):
        cases = [
            ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
            ({"payment_intent_data": {"colour": "red"}}, "parameter_unknown", "payment_intent_data[colour]"),
            ({"mode": "gift"}, None, "mode"),
            ({"locale": "tlh"}, None, "locale"),
            ({"expires_at": "tomorrow"}, "parameter_invalid_integer", "expires_at"),
            ({"cancel_url": ""}, "parameter_invalid_empty", "cancel_url"),
            ({"line_items": []}, "parameter_missing", "line_items"),
            (
                {"line_items": [{"price_data": {"unit_amount": 1}}]},
                "parameter_missing",
                "line_items[0][price_data][currency]",
            ),
            ({"metadata": {"k" * 41: "v"}}, "parameter_invalid", f"metadata[{'k' * 41}]"),
            ({"metadata": {"k": "v" * 501}}, "parameter_invalid", "metadata[k]"),
            ({"expires_at": 1}, None, "expires_at"),
        ]
        for values, code, param in cases:
            with self.subTest(values=values), self.assertRaises(StripeRefused) as caught:
                self.session(**values)
            self.assertEqual((caught.exception.code, caught.exception.param), (code, param), values)
            self.assertEqual(caught.exception.status, 400)
            self.assertRegex(caught.exception.request_id, "^req_")
        self.assertEqual(list(self.api.sessions()), [])

    def test_amounts_that_stripe_does_not_take(self):
        for amount, currency in [(49, "eur"), (550, "isk"), (150, "ugx"), (1234, "kwd"), (10**8, "usd")]:
            with self.subTest(amount=amount, currency=currency), self.assertRaises(StripeRefused):
                self.session(amount=amount, currency=currency)
        for amount, currency in [(50, "eur"), (500, "isk"), (100, "ugx"), (1230, "kwd"), (50, "jpy")]:
            with self.subTest(amount=amount, currency=currency):
                self.assertEqual(self.session(amount=amount, currency=currency)["amount_total"], amount)

    def test_wrong_key(self):
        with self.assertRaises(StripeRefused) as caught:
            self.client("sk_test_of_somebody_else").account()
        self.assertEqual(caught.exception.status, 401)
        self.assertNotIn("somebody", str(caught.exception))

    def test_other_api_version(self):
        with FakeStripe(version="2020-08-27") as old, self.assertRaisesRegex(StripeRefused, "API version"):
            StripeApi(old.secret_key, base=old.url, retries=0).account()

    def test_absent_object_and_absent_object_in_a_parameter(self):
        with self.assertRaises(StripeAbsent) as caught:
            self.api.intent("pi_nowhere")
        self.assertEqual(caught.exception.status, 404)
        with self.assertRaises(StripeAbsent) as caught:
            self.session(customer="cus_nowhere")
        self.assertEqual((caught.exception.status, caught.exception.param), (400, "customer"))

    def test_accounts_and_modes_do_not_mix(self):
        session_id = self.session()["id"]
        other = self.fake.add_account("Other Merchant")
        for key in (other.key(), self.fake.account.key(livemode=True)):
            with self.subTest(key=key), self.assertRaises(StripeAbsent):
                self.client(key).session(session_id)

    def test_keys(self):
        for key, live in [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False), ("rk_test_1", False)]:
            self.assertIs(is_live(key), live)
        for key in (None, "", "pk_test_1", "whsec_1", "sk_test_", "sk_test_1\n", "sk_test_é", "Bearer sk_test_1"):
            with self.subTest(key=key), self.assertRaises(StripeRefused):
                StripeApi(key)

    def test_change_without_idempotency_key_is_not_sent(self):
        for key in (None, ""):
            with self.subTest(key=key), self.assertRaises(ValueError):
                self.api.session_create(key=key, **invoice())
        self.assertEqual(self.fake.journal(), [])


class TestDeclines(FakeCase):
    def test_declines_say_why_and_which_payment(self):
        cases = [
            ("generic_decline", "card_declined", False),
            ("insufficient_funds", "card_declined", False),
            ("expired_card", "expired_card", False),
            ("authentication_required", "authentication_required", True),
        ]
        for reason, code, needs_authentication in cases:
            customer_id, method_id = self.stored_method(outcome=reason)
            with self.subTest(reason=reason), self.assertRaises(StripeDeclined) as caught:
                self.charge(customer_id, method_id)
            failure = caught.exception
            self.assertEqual((failure.code, failure.decline_code, failure.status), (code, reason, 402))
            self.assertIs(failure.needs_authentication, needs_authentication)
            intent = self.api.intent(failure.payment_intent)
            self.assertEqual(intent["status"], "requires_payment_method")
            self.assertEqual(intent["last_payment_error"]["message"], failure.message)

    def test_decline_is_replayed_not_tried_again(self):
        customer_id, method_id = self.stored_method(outcome="insufficient_funds")
        failures = []
        for _time in range(2):
            with self.assertRaises(StripeDeclined) as caught:
                self.charge(customer_id, method_id, key="same")
            failures.append(caught.exception.payment_intent)
        self.assertEqual(failures[0], failures[1])
        self.assertEqual(len(list(self.api.intents())), 1)


class TestUnreachable(FakeCase):
    def strike(self, fault, failure, call):
        """Let ``call(api)`` meet a fault, and wait until the fake has seen it through."""
        seen = len(self.fake.journal())
        self.fake.fault(fault)
        with self.subTest(fault=fault), self.assertRaises(failure):
            call(self.hasty() if fault.startswith("timeout") else self.api)
        wait_until(lambda: any(entry.status or "before" in fault for entry in self.fake.journal()[seen:]))

    def test_failures_of_reads_are_transient(self):
        for fault in ("429", "500", "503", "disconnect_before", "disconnect_after", "garbled", "timeout_before"):
            self.strike(fault, StripeTransient, StripeApi.account)
        self.assertEqual(self.api.account()["id"], self.fake.account.id)

    def test_failures_of_changes(self):
        """With a 429 nothing was done; with anything else nobody knows."""
        cases = [
            ("429", StripeTransient, 0),
            ("503", StripeUnknownOutcome, 0),
            ("500", StripeUnknownOutcome, 0),
            ("500_done", StripeUnknownOutcome, 1),
            ("timeout_before", StripeUnknownOutcome, 0),
            ("timeout_after", StripeUnknownOutcome, 1),
            ("disconnect_before", StripeUnknownOutcome, 0),
            ("disconnect_after", StripeUnknownOutcome, 1),
            ("garbled", StripeUnknownOutcome, 1),
        ]
        for fault, failure, made in cases:
            create = functools.partial(StripeApi.customer_create, key=self.key(), metadata={"attempt": fault})
            self.strike(fault, failure, create)
            found = list(with_metadata(self.api.customers(), attempt=fault))
            self.assertEqual(len(found), made, fault)

    def test_who_is_silent_is_not_waited_for_twice(self):
        self.fake.fault("timeout_before", times=2)
        with NO_PAUSE, self.assertRaises(StripeTransient):
            self.client(timeout=0.5, retries=1).account()
        self.assertEqual(len(self.fake.journal()), 1)

    def test_what_is_known_is_not_asked(self):
        """Who holds rows gets the answers that were given before: objects, lists and failures alike."""
        answers = {}
        api = KnownAnswers(self.fake.secret_key, answers, base=self.fake.url)
        questions = {
            "object": (lambda: api.account()["id"], self.fake.account.id),
            "list": (lambda: list(api.customers()), []),
            "failure": (lambda: api.customer("cus_unknown"), StripeAbsent),
        }
        for name, (question, answer) in questions.items():
            with self.subTest(name):
                seen = len(self.fake.journal())
                with self.assertRaises(NotAsked) as missing:
                    question()
                self.assertEqual(len(self.fake.journal()), seen)
                missing.exception.ask(answers)
                for _time in range(2):
                    if isinstance(answer, list | str):
                        self.assertEqual(question(), answer)
                    else:
                        self.assertRaises(answer, question)
                self.assertEqual(len(self.fake.journal()), seen + 1)
        with self.assertRaises(ValueError):
            api.customer_create(key="new", name="Anna")

    def test_nobody_listens(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
            with self.assertRaises(StripeTransient):
                StripeApi("sk_test_1", base=nowhere, retries=0).customer_create(key="key")

    def test_unknown_outcome_is_found_by_its_metadata(self):
        customer_id, method_id = self.stored_method()
        self.fake.fault("timeout_after", path="/v1/payment_intents")
        with self.assertRaises(StripeUnknownOutcome):
            self.charge(customer_id, method_id, api=self.hasty(), metadata={"attempt": "a1"})
        wait_until(lambda: self.fake.realm().all("payment_intent"))
        found = list(with_metadata(self.api.intents(customer=customer_id), attempt="a1"))
        self.assertEqual([intent["status"] for intent in found], ["succeeded"])
        self.assertEqual(list(with_metadata(self.api.intents(), attempt="a2")), [])

    def test_same_key_after_a_lost_answer_charges_once(self):
        customer_id, method_id = self.stored_method()
        self.fake.fault("timeout_after", path="/v1/payment_intents")
        with self.assertRaises(StripeUnknownOutcome):
            self.charge(customer_id, method_id, api=self.hasty(), key="same")
        wait_until(lambda: self.fake.journal()[-1].status == 200)
        intent = self.charge(customer_id, method_id, key="same")
        self.assertTrue(self.fake.journal()[-1].replayed)
        self.assertEqual([row.id for row in self.fake.ledger()], [intent["id"]])
        self.assertEqual(self.fake.balance(), {"eur": 1000 - 40})

    def test_retry_inside_the_sdk_charges_once(self):
        customer_id, method_id = self.stored_method()
        self.fake.fault("disconnect_after", path="/v1/payment_intents")
        with NO_PAUSE:
            intent = self.charge(customer_id, method_id, api=self.client(retries=1))
        self.assertEqual([row.id for row in self.fake.ledger()], [intent["id"]])

    def test_last_attempt_does_not_hide_an_earlier_one(self):
        """Lost after it was carried out, then rate limited: not «nothing was done»."""
        self.fake.fault("disconnect_after")
        self.fake.fault("429")
        with NO_PAUSE, self.assertRaises(StripeUnknownOutcome):
            self.client(retries=1).customer_create(key=self.key())
        self.assertEqual([entry.fault for entry in self.fake.journal()], ["disconnect_after", "429"])
        self.assertEqual(len(self.fake.realm().all("customer")), 1)


class TestKeys(FakeCase):
    def test_same_key_same_parameters_is_replayed_for_a_day(self):
        first = self.api.customer_create(key="same", name="Marie")
        self.assertEqual(self.api.customer_create(key="same", name="Marie")["id"], first["id"])
        self.fake.advance(86399)
        self.assertEqual(self.api.customer_create(key="same", name="Marie")["id"], first["id"])
        self.fake.advance(1)
        self.assertNotEqual(self.api.customer_create(key="same", name="Marie")["id"], first["id"])

    def test_same_key_other_parameters_is_refused(self):
        self.api.customer_create(key="same", name="Marie")
        with self.assertRaisesRegex(StripeRefused, "same parameters"):
            self.api.customer_create(key="same", name="Jean")
        with self.assertRaisesRegex(StripeRefused, "same endpoint"):
            self.api.session_create(key="same", **invoice())

    def test_server_errors_are_replayed_too(self):
        self.fake.fault("500")
        for _time in range(2):
            with self.assertRaises(StripeUnknownOutcome):
                self.api.customer_create(key="same")
        self.assertEqual([entry.replayed for entry in self.fake.journal()], [False, True])
        self.assertTrue(self.api.customer_create(key="other"))

    def test_what_never_began_is_not_kept(self):
        self.fake.fault("429")
        with self.assertRaises(StripeTransient):
            self.api.customer_create(key="same")
        with self.assertRaises(StripeRefused):
            self.api.customer_create(key="same", colour="red")
        self.assertTrue(self.api.customer_create(key="same"))

    def test_same_key_while_in_flight(self):
        self.fake.fault("stall")
        made = []
        thread = threading.Thread(target=lambda: made.append(self.api.customer_create(key="same")))
        thread.start()
        wait_until(lambda: self.fake.api.keys.kept)
        with self.assertRaises(StripeUnknownOutcome) as caught:
            self.client().customer_create(key="same")
        self.assertEqual((caught.exception.status, caught.exception.code), (409, "idempotency_key_in_use"))
        self.fake.release()
        thread.join(5)
        self.assertEqual(self.api.customer_create(key="same")["id"], made[0]["id"])


class TestLists(FakeCase):
    def test_pages_are_read_as_they_are_needed(self):
        realm = self.fake.realm()
        ids = [realm.add("customer", "cus", tax_exempt="none")["id"] for _number in range(230)]
        for customer_id in ids:
            realm.emit("customer.created", realm.objects[customer_id])
        events = self.api.events()
        self.assertEqual(next(events)["data"]["object"]["id"], ids[-1])
        self.assertEqual(len(self.fake.journal()), 1)
        self.assertEqual([event["data"]["object"]["id"] for event in events], ids[-2::-1])
        self.assertEqual(len(self.fake.journal()), 3)


if __name__ == "__main__":
    unittest.main()
