"""The fake is as strict as Stripe, and its sessions behave like Stripe's.

Plain unittest: run by `make test`.
"""

import unittest
from decimal import Decimal

import requests
import typing_extensions as te
from fake_stripe import FakeStripe, checking, routing, shapes
from standalone import FakeCase
from stripe._stripe_object import UntypedStripeObject
from tools.stripe_errors import StripeRefused

DAY = 86400


def _members(hint):
    """What a type is made of; closed lists are left out."""
    for choice in checking._choices(hint):
        if te.get_origin(choice) in (list, dict):
            yield from _members(te.get_args(choice)[-1])
        elif not checking._is_literal(choice):
            yield te.get_origin(choice) or choice


class TestStrictness(unittest.TestCase):
    def test_every_type_of_every_operation_is_understood(self):
        seen = {operation.params for operation in routing.ROUTES}
        todo, leaves = list(seen), set()
        while todo:
            for hint, _required in checking.fields(todo.pop()).values():
                found = set(_members(hint))
                groups = {choice for choice in found if te.is_typeddict(choice)}
                leaves |= found - groups
                todo += groups - seen
                seen |= groups
        self.assertGreater(len(seen), 300)
        self.assertEqual(leaves, {str, int, bool, float, Decimal, UntypedStripeObject})

    def test_an_object_that_stripe_does_not_make_is_noticed(self):
        good = {"id": "re_1", "object": "refund", "amount": 1, "created": 1, "currency": "eur", "status": "succeeded"}
        self.assertIsNone(shapes.complete(dict(good))["failure_reason"])
        for change in ({"colour": "red"}, {"amount": "1"}, {"amount": None}, {"reason": "boredom"}, {"created": True}):
            with self.subTest(change=change), self.assertRaises(shapes.ShapeError):
                shapes.complete({**good, **change})
        del good["amount"]
        with self.assertRaises(shapes.ShapeError):
            shapes.complete(good)

    def test_what_the_fake_can_not_do_fails_loudly(self):
        fake = FakeStripe().start()
        headers = {"Authorization": f"Bearer {fake.secret_key}", "Stripe-Version": fake.api.version}
        data = {"mode": "subscription", "success_url": "https://merchant.example"}
        answer = requests.post(f"{fake.url}/v1/checkout/sessions", data=data, headers=headers, timeout=5)
        self.assertEqual(answer.status_code, 501)
        with self.assertRaisesRegex(RuntimeError, "no sessions in subscription mode"):
            fake.stop()


class TestSessions(FakeCase):
    def test_paid_by_card(self):
        session = self.paid(
            client_reference_id="INV-1", payment_intent_data={"metadata": {"tx": "7"}, "description": "INV-1"}
        )
        intent, charge = session["payment_intent"], session["payment_intent"]["latest_charge"]
        self.assertEqual((session["status"], session["payment_status"], session["url"]), ("complete", "paid", None))
        self.assertEqual(
            (intent["status"], intent["amount_received"], intent["metadata"]), ("succeeded", 5000, {"tx": "7"})
        )
        card = charge["payment_method_details"]["card"]
        self.assertEqual((card["brand"], card["last4"], charge["description"]), ("visa", "4242", "INV-1"))
        self.assertEqual(
            self.event_types(),
            [
                "payment_intent.created",
                "charge.succeeded",
                "payment_intent.succeeded",
                "charge.updated",
                "checkout.session.completed",
            ],
        )

    def test_fee_is_not_known_when_the_charge_succeeds(self):
        """As with ``capture_method=automatic_async``, Stripe's default."""
        self.paid()
        seen = {event["type"]: event["data"]["object"] for event in self.fake.events()}
        self.assertIsNone(seen["charge.succeeded"]["balance_transaction"])
        self.assertTrue(seen["charge.updated"]["balance_transaction"])

    def test_events_show_the_object_as_it_was(self):
        session = self.session()
        self.fake.pay(session["id"], outcome="generic_decline")
        self.fake.pay(session["id"])
        failed = next(event for event in self.fake.events() if event["type"] == "payment_intent.payment_failed")
        self.assertEqual(failed["data"]["object"]["status"], "requires_payment_method")

    def test_declined_then_paid_is_one_intent_with_two_charges(self):
        session = self.session()
        self.assertIsNone(session["payment_intent"])
        self.fake.pay(session["id"], outcome="insufficient_funds")
        tried = self.api.session(session["id"], expand=["payment_intent"])
        self.assertEqual((tried["status"], tried["payment_intent"]["status"]), ("open", "requires_payment_method"))
        self.fake.pay(session["id"])
        paid = self.api.session(session["id"])
        self.assertEqual(paid["payment_intent"], tried["payment_intent"]["id"])
        self.assertEqual([row.received for row in self.fake.ledger()], [5000])

    def test_three_d_secure(self):
        session_id = self.session()["id"]
        self.fake.pay(session_id, outcome="authenticate")
        waiting = self.api.session(session_id, expand=["payment_intent"])
        self.assertEqual((waiting["status"], waiting["payment_intent"]["status"]), ("open", "requires_action"))
        self.fake.authenticate(session_id, succeed=False)
        failed = self.api.session(session_id, expand=["payment_intent"])["payment_intent"]
        self.assertEqual(failed["last_payment_error"]["code"], "payment_intent_authentication_failure")
        self.fake.pay(session_id, outcome="3ds_succeed")
        self.assertEqual(self.api.session(session_id)["payment_status"], "paid")

    def test_sepa_debit_succeeds_or_fails_later(self):
        for succeed, status, kind in [(True, "paid", "succeeded"), (False, "unpaid", "failed")]:
            session = self.paid(method="sepa_debit")
            self.assertEqual((session["payment_status"], session["payment_intent"]["status"]), ("unpaid", "processing"))
            self.fake.settle(session["payment_intent"]["id"], succeed)
            self.assertEqual(self.api.session(session["id"])["payment_status"], status)
            self.assertEqual(self.event_types()[-1], f"checkout.session.async_payment_{kind}")
        self.assertEqual([row.received for row in self.fake.ledger()], [5000, 0])
        self.assertEqual(self.fake.balance(), {"eur": 5000 - 35})

    def test_methods_depend_on_currency_and_use(self):
        cases = [
            ({}, ["card", "sepa_debit", "klarna"]),
            ({"currency": "cad"}, ["card", "klarna", "afterpay_clearpay"]),
            ({"excluded_payment_method_types": ["klarna"]}, ["card", "sepa_debit"]),
            ({"allowed_payment_method_types": ["card", "sepa_debit"]}, ["card", "sepa_debit"]),
            ({"payment_intent_data": {"setup_future_usage": "off_session"}}, ["card", "sepa_debit"]),
            ({"payment_intent_data": {"capture_method": "manual"}}, ["card", "klarna"]),
        ]
        for values, methods in cases:
            with self.subTest(values=values):
                session = self.session(**values)
                self.assertEqual(session["payment_method_types"], methods)
        with self.assertRaises(ValueError):
            self.fake.pay(session["id"], method="sepa_debit")
        paid = self.paid(method="afterpay_clearpay", currency="cad")
        self.assertEqual(paid["payment_intent"]["latest_charge"]["payment_method_details"]["type"], "afterpay_clearpay")

    def test_expiry(self):
        now = self.fake.world.clock.now()
        for seconds in (1700, 1800, DAY, DAY + 100):
            with self.subTest(seconds=seconds), self.assertRaises(StripeRefused):
                self.session(expires_at=now + seconds)
        session_id = self.session(expires_at=now + 3600)["id"]
        self.fake.advance(3601)
        self.assertEqual(self.api.session(session_id)["status"], "expired")
        self.assertEqual(self.event_types(), ["checkout.session.expired"])
        with self.assertRaises(ValueError):
            self.fake.pay(session_id)

    def test_expired_by_the_merchant_once_and_never_after_payment(self):
        session_id = self.session()["id"]
        self.fake.pay(session_id, outcome="generic_decline")
        self.assertEqual(self.api.session_expire(session_id, key=self.key())["status"], "expired")
        self.assertEqual(self.event_types()[-2:], ["checkout.session.expired", "payment_intent.canceled"])
        for closed in (session_id, self.paid()["id"]):
            with self.assertRaisesRegex(StripeRefused, "can be expired"):
                self.api.session_expire(closed, key=self.key())

    def test_setup_stores_a_method_that_can_be_charged(self):
        with self.assertRaises(StripeRefused):
            self.api.session_create(key=self.key(), mode="setup", success_url="https://merchant.example")
        session = self.api.session_create(key=self.key(), mode="setup", currency="eur", success_url="https://m.example")
        self.fake.pay(session["id"], method="sepa_debit")
        session = self.api.session(session["id"], expand=["setup_intent.payment_method"])
        setup = session["setup_intent"]
        self.assertEqual((session["payment_status"], setup["status"]), ("no_payment_required", "succeeded"))
        self.assertEqual(self.api.mandate(setup["mandate"])["status"], "active")
        intent = self.charge(session["customer"], setup["payment_method"]["id"])
        self.assertEqual(intent["status"], "processing")

    def test_method_stored_while_paying(self):
        session = self.paid(payment_intent_data={"setup_future_usage": "off_session"})
        self.assertTrue(session["customer"])
        method_id = session["payment_intent"]["payment_method"]
        self.assertEqual(self.charge(session["customer"], method_id)["status"], "succeeded")
        self.api.method_detach(method_id, key=self.key())
        with self.assertRaisesRegex(StripeRefused, "detached"):
            self.charge(session["customer"], method_id)
        self.fake.set_outcome(self.fake.save_method(session["customer"])["id"], "lost_card")

    def test_canadian_debit_needs_an_agreement(self):
        """That the customer is shown, and that each charge names."""
        self.fake.account.takes = ("acss_debit",)
        agreement = {"payment_schedule": "combined", "interval_description": "when due", "transaction_type": "business"}
        options = {"currency": "cad", "mandate_options": {**agreement, "default_for": ["invoice"]}}
        setup = {"mode": "setup", "currency": "cad", "success_url": "https://merchant.example"}
        for wrong in (None, {**options, "currency": None}, {**options, "mandate_options": {}}):
            given = {name: value for name, value in (wrong or {}).items() if value is not None}
            with self.subTest(given=given), self.assertRaises(StripeRefused):
                self.api.session_create(key=self.key(), **setup, payment_method_options={"acss_debit": given})
        with self.assertRaises(StripeRefused):
            self.session(currency="cad", payment_method_options={"acss_debit": options})
        made = self.api.session_create(key=self.key(), **setup, payment_method_options={"acss_debit": options})
        self.fake.pay(made["id"], "acss_debit")
        stored = self.api.setup_intent(self.fake.get(made["id"])["setup_intent"])
        mandate = self.fake.get(stored["mandate"])
        self.assertEqual(mandate["payment_method_details"]["acss_debit"]["transaction_type"], "business")
        charge = {"amount": 500, "currency": "cad", "customer": stored["customer"], "confirm": True}
        charge |= {"payment_method": stored["payment_method"], "off_session": True}
        with self.assertRaisesRegex(StripeRefused, "mandate is required"):
            self.api.intent_create(key=self.key(), **charge)
        charged = self.api.intent_create(key=self.key(), **charge, mandate=mandate["id"])
        self.assertEqual(charged["status"], "processing")
        self.fake.revoke(mandate["id"])
        with self.assertRaisesRegex(StripeRefused, "invalid"):
            self.api.intent_create(key=self.key(), **charge, mandate=mandate["id"])

    def test_unknown_expansion_is_refused(self):
        session_id = self.session()["id"]
        self.assertEqual(len(self.api.session(session_id, expand=["line_items"])["line_items"]["data"]), 1)
        for path in ("colour", "status", "success_url"):
            with self.subTest(path=path), self.assertRaises(StripeRefused):
                self.api.session(session_id, expand=[path])


if __name__ == "__main__":
    unittest.main()
