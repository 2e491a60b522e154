"""The fake's charges, refunds, disputes and payouts are booked as Stripe books them.

Plain unittest: run by `make test`.
"""

import unittest

from standalone import FakeCase
from tools.stripe_errors import StripeAbsent, StripeDeclined, StripeRefused

DAY = 86400


class TestIntents(FakeCase):
    def test_manual_capture(self):
        session = self.paid(payment_intent_data={"capture_method": "manual"})
        intent = session["payment_intent"]
        self.assertEqual((session["payment_status"], intent["status"]), ("unpaid", "requires_capture"))
        with self.assertRaises(StripeRefused):
            self.api.intent_capture(intent["id"], key=self.key(), amount_to_capture=5001)
        captured = self.api.intent_capture(intent["id"], key=self.key(), amount_to_capture=3000)
        self.assertEqual((captured["status"], captured["amount_received"]), ("succeeded", 3000))
        self.assertEqual(self.api.charge(captured["latest_charge"])["amount_refunded"], 0)
        self.assertEqual(self.api.session(session["id"])["payment_status"], "paid")
        with self.assertRaises(StripeRefused):
            self.api.intent_cancel(intent["id"], key=self.key())

    def test_released_authorization_leaves_no_trace_in_the_balance(self):
        ids = [
            self.paid(payment_intent_data={"capture_method": "manual"})["payment_intent"]["id"] for _time in range(2)
        ]
        self.assertEqual(self.api.intent_cancel(ids[0], key=self.key())["status"], "canceled")
        self.fake.advance(7 * DAY)
        self.assertEqual(self.api.intent(ids[1])["cancellation_reason"], "expired")
        self.assertEqual(self.fake.balance(), {})
        self.assertNotIn("charge.refunded", self.event_types())

    def test_intent_of_an_open_session_can_not_be_cancelled(self):
        session_id = self.session()["id"]
        self.fake.pay(session_id, outcome="generic_decline")
        with self.assertRaisesRegex(StripeRefused, "Checkout Session"):
            self.api.intent_cancel(self.api.session(session_id)["payment_intent"], key=self.key())

    def test_method_of_another_customer_is_refused(self):
        customer_id, _method_id = self.stored_method()
        _customer_id, method_id = self.stored_method()
        with self.assertRaises(StripeRefused):
            self.charge(customer_id, method_id)
        with self.assertRaises(StripeAbsent):
            self.charge(customer_id, "pm_nowhere")
        with self.assertRaises(StripeDeclined):
            self.charge(customer_id, "pm_card_visa_chargeDeclined")

    def test_search_lags_behind_where_the_list_does_not(self):
        self.paid(payment_intent_data={"metadata": {"tx": "7"}})
        find = lambda: self.api.call("payment_intents.search", params={"query": "metadata['tx']:'7' AND amount:5000"})  # noqa: E731
        self.assertEqual(find()["data"], [])
        self.assertEqual(len(list(self.api.intents())), 1)
        self.fake.advance(61)
        self.assertEqual(len(find()["data"]), 1)

    def test_deleted_customer(self):
        customer_id, _method_id = self.stored_method()
        self.api.call("customers.delete", customer_id)
        self.assertTrue(self.api.customer(customer_id)["deleted"])
        with self.assertRaises(StripeAbsent):
            self.session(customer=customer_id)


class TestMoney(FakeCase):
    def ledger(self):
        row = self.fake.ledger()[-1]
        return row.received, row.refunded, row.disputed, row.fee, row.net

    def test_refunds(self):
        intent_id = self.paid()["payment_intent"]["id"]
        self.assertEqual(self.ledger(), (5000, 0, 0, 100, 4900))
        refund = self.api.refund_create(key=self.key(), payment_intent=intent_id, amount=2000)
        self.assertEqual((refund["status"], self.ledger()), ("succeeded", (5000, 2000, 0, 100, 2900)))
        with self.assertRaises(StripeRefused):
            self.api.refund_create(key=self.key(), payment_intent=intent_id, amount=3001)
        rest = self.fake.refund(intent_id)
        self.assertEqual((rest["amount"], self.ledger()), (3000, (5000, 5000, 0, 100, -100)))
        with self.assertRaises(StripeRefused) as caught:
            self.api.refund_create(key=self.key(), payment_intent=intent_id)
        self.assertEqual(caught.exception.code, "charge_already_refunded")
        self.fake.fail_refund(refund["id"])
        self.assertEqual(self.api.charge(refund["charge"])["amount_refunded"], 3000)
        self.assertEqual(
            (self.api.refund(refund["id"])["status"], self.ledger()), ("failed", (5000, 3000, 0, 100, 1900))
        )

    def test_refund_of_a_debit_is_pending_first(self):
        intent_id = self.paid(method="sepa_debit")["payment_intent"]["id"]
        with self.assertRaises(StripeRefused):
            self.api.refund_create(key=self.key(), payment_intent=intent_id)
        self.fake.settle(intent_id)
        refund = self.api.refund_create(key=self.key(), payment_intent=intent_id)
        self.assertEqual(refund["status"], "pending")
        self.fake.settle_refund(refund["id"])
        self.assertEqual([found["status"] for found in self.api.refunds(payment_intent=intent_id)], ["succeeded"])

    def test_disputes(self):
        cases = [
            ({"won": True}, "won", (5000, 0, 0, 100, 4900), 2),
            ({"won": True, "fee_back": False}, "won", (5000, 0, 0, 2100, 2900), 2),
            ({"won": False}, "lost", (5000, 0, 5000, 2100, -2100), 1),
        ]
        for outcome, status, ledger, booked in cases:
            with self.subTest(outcome=outcome):
                dispute = self.fake.dispute(self.paid()["payment_intent"]["id"])
                self.assertEqual(self.ledger(), (5000, 0, 5000, 2100, -2100))
                self.fake.close_dispute(dispute["id"], **outcome)
                dispute = self.api.dispute(dispute["id"])
                self.assertEqual((dispute["status"], len(dispute["balance_transactions"])), (status, booked))
                self.assertEqual(self.ledger(), ledger)

    def test_inquiry_takes_no_money(self):
        dispute = self.fake.dispute(self.paid()["payment_intent"]["id"], inquiry=True, due_by=0)
        self.assertEqual((dispute["balance_transactions"], dispute["evidence_details"]["due_by"]), ([], 0))
        self.fake.close_dispute(dispute["id"], won=False)
        self.assertEqual(
            (self.api.dispute(dispute["id"])["status"], self.ledger()), ("warning_closed", (5000, 0, 0, 100, 4900))
        )

    def test_payout_is_what_it_is_made_of(self):
        intent_id = self.paid()["payment_intent"]["id"]
        self.paid(amount=700, currency="cad")
        self.fake.refund(intent_id, 1000)
        payout = self.fake.payout()
        self.fake.pay_payout(payout["id"])
        found = list(self.api.transactions(payout=payout["id"], expand=["data.source"]))
        self.assertEqual([one["reporting_category"] for one in found], ["payout", "refund", "charge"])
        self.assertEqual((sum(one["net"] for one in found), payout["amount"]), (0, 3900))
        self.assertEqual(found[-1]["source"]["payment_intent"], intent_id)
        self.assertEqual(self.api.payout(payout["id"])["reconciliation_status"], "completed")
        self.assertEqual(self.fake.balance(), {"eur": 0, "cad": 700 - 36})
        self.fake.fail_payout(payout["id"])
        self.assertEqual(self.fake.balance()["eur"], 3900)
        again = list(self.api.transactions(payout=self.fake.payout()["id"]))
        self.assertEqual([one["reporting_category"] for one in again], ["payout", "payout_reversal"])
        with self.assertRaises(ValueError):
            self.fake.payout(currency="usd")

    def test_balance_is_the_sum_of_its_transactions(self):
        """Whatever moved it: payments, what Stripe corrects and charges for, money from the bank, payouts that fail."""
        self.paid()
        self.paid(amount=700, currency="cad")
        self.fake.adjust(-150)
        self.fake.adjust(-300, category="fee")
        self.fake.top_up(2000)
        for undo in (self.fake.fail_payout, self.fake.cancel_payout, None):
            payout = self.fake.payout(statement_descriptor="ACME")
            if undo:
                undo(payout["id"])
        self.fake.pay_payout(payout["id"], trace="TRN-77")
        self.fake.adjust(99)
        payout = self.api.payout(payout["id"])
        self.assertEqual((payout["trace_id"]["value"], payout["statement_descriptor"]), ("TRN-77", "ACME"))
        booked = list(self.api.transactions(expand=["data.source"]))
        self.assertEqual(
            {(one["type"], one["reporting_category"]) for one in booked if not one["source"]},
            {("adjustment", "other_adjustment"), ("stripe_fee", "fee")},
        )
        self.assertEqual({one["source"]["object"] for one in booked if one["source"]}, {"charge", "topup", "payout"})
        for days, parts in ((0, (99 - 4900, 4900)), (2, (99, 0))):
            self.fake.advance(days * DAY)
            found = self.api.balance()
            of = {name: {one["currency"]: one["amount"] for one in found[name]} for name in ("available", "pending")}
            self.assertEqual((of["available"]["eur"], of["pending"]["eur"]), parts)
            total = {code: of["available"][code] + of["pending"][code] for code in ("eur", "cad")}
            self.assertEqual(total, self.fake.balance())

    def test_other_currency_is_settled_in_the_account_s(self):
        self.fake.account.rates["jpy"] = "0.62"
        intent = self.paid(amount=1000, currency="jpy")["payment_intent"]
        booked = self.api.charge(intent["latest_charge"]["id"], expand=["balance_transaction"])["balance_transaction"]
        self.assertEqual((booked["currency"], booked["amount"], booked["exchange_rate"]), ("eur", 620, 0.62))
        self.assertEqual(booked["net"], 620 - 34)


if __name__ == "__main__":
    unittest.main()
