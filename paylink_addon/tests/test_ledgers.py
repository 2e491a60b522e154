from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from odoo import fields
from odoo.tests import tagged

from .event_common import EventCommon

METHODS = st.sampled_from(["card", "card", "sepa_debit"])
ORDERS = st.sampled_from(["fifo", "reverse", "shuffle"])
DELAY = 7200
PICK = st.integers(0, 99)


class Ledgers(RuleBasedStateMachine):
    """Customers pay, banks decline, refund and dispute, messages are lost and repeated: in any order.

    When everything has been delivered, Stripe's ledger and Odoo's must agree.
    """

    test = None

    def __init__(self):
        super().__init__()
        self.fake, self.attempts = self.test.fake, []
        self.test.new_run()

    # === WHAT HAPPENS === #

    @rule(method=METHODS, outcome=st.sampled_from(["succeed", "succeed", "decline"]))
    def new_payment(self, method, outcome):
        tx = self.test.new_attempt(len(self.attempts))
        self.attempts.append(tx)
        self._at_stripe(self.fake.pay, tx.paylink_stripe_session, method, outcome)

    @rule(pick=PICK)
    def pay_again(self, pick):
        if tx := self._one(pick):
            self._at_stripe(self.fake.pay, tx.paylink_stripe_session)

    @rule(pick=PICK)
    def come_back(self, pick):
        if tx := self._one(pick):
            self.test.come_back(tx)

    @rule(pick=PICK, succeed=st.booleans())
    def settle(self, pick, succeed):
        if intent := self._intent(pick, "processing"):
            self._at_stripe(self.fake.settle, intent["id"], succeed)

    @rule(pick=PICK, amount=st.sampled_from([None, 1000]))
    def refund(self, pick, amount):
        if intent := self._intent(pick, "succeeded"):
            self._at_stripe(self.fake.refund, intent["latest_charge"], amount)

    @rule(pick=PICK)
    def refund_fails(self, pick):
        if found := self._object(pick, "refund", "pending", "succeeded"):
            self._at_stripe(self.fake.fail_refund, found["id"])

    @rule(pick=PICK, amount=st.sampled_from([None, 4000]), inquiry=st.booleans())
    def dispute(self, pick, amount, inquiry):
        intent = self._intent(pick, "succeeded")
        known = [one["payment_intent"] for one in self.fake.realm().all("dispute")]
        if intent and intent["id"] not in known:
            self._at_stripe(self.fake.dispute, intent["id"], amount=amount, inquiry=inquiry)

    @rule(pick=PICK, won=st.booleans(), fee_back=st.booleans())
    def close_dispute(self, pick, won, fee_back):
        if found := self._object(pick, "dispute", "needs_response", "warning_needs_response"):
            self._at_stripe(self.fake.close_dispute, found["id"], won, fee_back)

    @rule(pick=PICK)
    def cancel_link(self, pick):
        if (tx := self._one(pick)) and tx.paylink_id.state in ("open", "failed"):
            tx.paylink_id.action_cancel()

    @rule(kind=st.sampled_from(["drop", "duplicate", "delay"]), times=st.integers(1, 4))
    def disturb(self, kind, times):
        self.fake.disturb(kind, times=times, seconds=DELAY)

    @rule(limit=st.sampled_from([1, 3, None]), order=ORDERS)
    def deliver(self, limit, order):
        self.test.deliver(limit=limit, order=order)

    @rule()
    def handle(self):
        self.test.run_job()

    # === HELPERS === #

    def _at_stripe(self, act, *args, **kwargs):
        """What Stripe itself refuses (a paid session, too much refunded) does not happen."""
        try:
            act(*args, **kwargs)
        except Exception as error:
            refused = type(error).__module__.endswith("fake_stripe.errors")
            if not refused and not isinstance(error, ValueError | KeyError):
                raise

    def _one(self, pick):
        return self.attempts[pick % len(self.attempts)] if self.attempts else None

    def _intent(self, pick, *statuses):
        return self._object(pick, "payment_intent", *statuses)

    def _object(self, pick, kind, *statuses):
        """One of this run's objects at Stripe, of a kind and with one of these statuses."""
        mine = {self.fake.get(tx.paylink_stripe_session)["payment_intent"] for tx in self.attempts}
        found = [
            one
            for one in self.fake.realm().all(kind)
            if one["status"] in statuses and (one["id"] in mine or one.get("payment_intent") in mine)
        ]
        return found[pick % len(found)] if found else None

    def teardown(self):
        self.test.drain()
        self.test.compare()


@tagged("post_install", "-at_install")
class TestLedgers(EventCommon):
    """Stripe's ledger and Odoo's agree, whatever happened."""

    def new_run(self):
        """The next random run has customers of its own."""
        self.runs = getattr(self, "runs", 0) + 1

    def new_attempt(self, number):
        """A customer of their own, at Stripe's page with an invoice of 100 €."""
        euro = self.env.ref("base.EUR")
        euro.active = True
        customer = self._customer(f"Customer {self.runs}.{number}", email="customer@example.com")
        return self.start(self._link(self._invoice(customer, currency_id=euro.id)))

    def drain(self):
        """Everything arrives: late messages, repetitions, what must be asked for; refunds come to an end."""
        self.fake.abandon_faults()
        for refund in self.fake.realm().all("refund"):
            if refund["status"] == "pending":
                self.fake.settle_refund(refund["id"])
        self.fake.advance(DELAY)
        self.deliver(order="shuffle")
        self.run_job()
        self.run_job("ir_cron_paylink_sweep_events")
        self.run_job()
        waiting = self.stored().filtered(lambda event: event.state == "waiting")
        waiting.sudo().write({"next_try_at": fields.Datetime.now()})
        self.run_job()
        self.send_waiting()

    def compare(self):
        """One payment for each PaymentIntent that was paid, and each customer owes what Stripe's ledger says."""
        owed = {}
        for row in self.fake.ledger():
            tx = self.env["payment.transaction"].browse(int(row.metadata["paylink_tx"]))
            self.assertEqual(self.payments(tx).mapped("amount"), [100] if row.received else [], tx.reference)
            owed[tx.partner_id] = owed.get(tx.partner_id, 10000) - row.received + row.refunded + row.disputed
        for partner, amount in owed.items():
            lines = self.env["account.move.line"].search(
                [
                    ("partner_id", "=", partner.id),
                    ("account_id.account_type", "=", "asset_receivable"),
                    ("parent_state", "=", "posted"),
                ]
            )
            self.assertEqual(round(sum(lines.mapped("amount_currency")) * 100), amount, partner.name)
            self.assertFalse([move for move in lines.move_id if round(sum(move.line_ids.mapped("balance")), 2)])
        left = self.stored().filtered(lambda event: event.state not in ("done", "ignored"))
        self.assertFalse(left, left.mapped(lambda event: (event.type, event.state, event.error)))

    def test_ledgers_agree(self):
        Ledgers.test = self
        run_state_machine_as_test(
            Ledgers,
            settings=settings(
                max_examples=6,
                stateful_step_count=15,
                deadline=None,
                database=None,
                derandomize=True,
                print_blob=False,
                phases=[Phase.generate],  # each step takes a while: what fails is shown as it was found
                suppress_health_check=list(HealthCheck),
            ),
        )
