import copy
import itertools

from odoo.tests import tagged

from ...models.stripe.payment_transaction import PaylinkStripeMismatch
from .stripe_common import StripeCommon


@tagged("post_install", "-at_install")
class TestStripeMessages(StripeCommon):
    """What objects of Stripe's do to their transaction: checked, idempotent, in any order."""

    def _objects(self, tx):
        """The paid session, PaymentIntent and charge of ``tx``."""
        session = self.fake.get(tx.paylink_stripe_session)
        intent = self.fake.get(session["payment_intent"])
        return session, intent, self.fake.get(intent["latest_charge"])

    def _paid(self, **values):
        tx = self.start(self._free_link(40, **values))
        self.fake.pay(tx.paylink_stripe_session)
        return tx

    def _find(self, *objects, provider=None):
        return self.env["payment.transaction"]._paylink_stripe_find(provider or self.provider, objects)

    def test_every_object_finds_its_transaction(self):
        tx = self._paid()
        objects = self._objects(tx)
        self.assertEqual(self._find(*objects), [tx] * 3, "by metadata, before the PaymentIntent is known")
        self.come_back(tx)
        refund = self.fake.refund(tx.paylink_stripe_charge, 100)
        self.assertEqual(self._find(*objects, refund), [tx] * 4)

    def test_foreign_objects_find_nothing(self):
        """Of another shop in the same account, of another database, without anything, of unknown kinds."""
        tx = self._paid()
        _session, intent, _charge = self._objects(tx)
        foreign = copy.deepcopy(intent)
        foreign.update(id="pi_other", metadata={"paylink_tx": str(tx.id), "paylink_db": "another"})
        odd = [{**intent, "id": "pi_x", "metadata": {**intent["metadata"], "paylink_tx": text}} for text in ("x", "²")]
        none = [{"object": "payout", "id": "po_1"}, {"object": "payment_intent", "id": "pi_0", "metadata": None}, {}]
        self.assertEqual(self._find(foreign, *odd, *none), [tx.browse()] * 6)
        self.assertEqual(self._find(), [])

    def test_finding_takes_the_same_queries_for_many(self):
        transactions = [self.pay_on_page(self._free_link(10)) for _time in range(4)]
        objects = [found for tx in transactions for found in self._objects(tx)]
        counts = []
        for some in (objects[:3], objects):
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self._find(*some)
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])

    def test_any_order_any_number(self):
        """Whatever the order of the objects, twice each: one payment, done once."""
        for order in itertools.permutations(range(3)):
            with self.subTest(order=order):
                tx = self._paid()
                objects = self._objects(tx)
                for index in [*order, *order]:
                    tx._paylink_stripe_apply(objects[index])
                    tx._post_process()
                self.assertEqual((tx.state, tx.paylink_id.state), ("done", "paid"))
                payments = self.env["account.payment"].search([("payment_transaction_id", "=", tx.id)])
                self.assertEqual(len(payments), 1)

    def test_old_news_changes_nothing(self):
        """After the success: processing, a decline, an expired page, a cancellation."""
        tx = self._paid()
        session, intent, _charge = self._objects(tx)
        tx._paylink_stripe_apply(intent)
        error = {"code": "card_declined", "charge": tx.paylink_stripe_charge}
        for old in (
            {**intent, "status": "processing"},
            {**intent, "status": "requires_payment_method", "last_payment_error": error},
            {**intent, "status": "requires_action"},
            {**intent, "status": "canceled"},
            {**session, "status": "expired", "payment_status": "unpaid"},
            {**session, "status": "open", "payment_status": "unpaid"},
            {**session, "payment_status": "unpaid"},
        ):
            with self.subTest(old["status"], kind=old["object"]):
                tx._paylink_stripe_apply(old)
                self.assertEqual((tx.state, tx.paylink_decline_count), ("done", 0))

    def test_mismatch_changes_nothing(self):
        """PaymentIntent, amount, currency, mode, reference: what does not fit is refused."""
        tx = self._paid()
        session, intent, charge = self._objects(tx)
        other = self._paid()
        refund = {"object": "refund", "id": "re_1", "status": "succeeded", "payment_intent": intent["id"]}
        wrong = {
            "amount of the session": {**session, "amount_total": 3999},
            "amount of the intent": {**intent, "amount": 4001},
            "amount of the charge": {**charge, "amount": 1},
            "currency": {**intent, "currency": "eur"},
            "live": {**intent, "livemode": True},
            "live session": {**session, "livemode": True},
            "reference": {**session, "client_reference_id": other.reference},
            "session": {**session, "id": other.paylink_stripe_session},
            "metadata": {**intent, "metadata": {**intent["metadata"], "paylink_tx": str(other.id)}},
            "refund of more": {**refund, "amount": 4001, "currency": "usd"},
            "refund in euros": {**refund, "amount": 100, "currency": "eur"},
        }
        for name, obj in wrong.items():
            with self.subTest(name):
                with self.assertRaises(PaylinkStripeMismatch), self.env.cr.savepoint():
                    tx._paylink_stripe_apply(obj)
                self.assertEqual((tx.state, tx.child_transaction_ids.ids), ("draft", []))
        tx._paylink_stripe_apply(intent)
        with self.assertRaises(PaylinkStripeMismatch):
            tx._paylink_stripe_apply({**intent, "id": "pi_other"})
        with self.assertRaises(PaylinkStripeMismatch):
            tx._paylink_stripe_apply({**session, "payment_intent": "pi_other"})

    def test_amounts_of_each_currency_must_match(self):
        for name, amount, wrong in (("JPY", 500, 50000), ("KWD", 1.5, 150), ("ISK", 500, 500)):
            with self.subTest(name):
                currency = self.env.ref(f"base.{name}")
                currency.active = True
                tx = self.start(self._free_link(amount, currency_id=currency.id))
                self.fake.pay(tx.paylink_stripe_session)
                _session, intent, _charge = self._objects(tx)
                with self.assertRaises(PaylinkStripeMismatch), self.env.cr.savepoint():
                    tx._paylink_stripe_apply({**intent, "amount": wrong})
                tx._paylink_stripe_apply(intent)
                self.assertEqual(tx.state, "done")

    def test_messages_ask_nothing(self):
        """An object that decides leads to no call; one about a debit that failed asks once."""
        tx = self._paid()
        objects = self._objects(tx)
        before = len(self.fake.journal())
        for obj in objects:
            tx._paylink_stripe_apply(obj)
        self.assertEqual(len(self.fake.journal()), before)

    def test_unknown_kinds_are_nothing(self):
        tx = self._paid()
        tx._paylink_stripe_apply({"object": "dispute", "id": "dp_1", "payment_intent": None})
        tx._paylink_stripe_apply({"object": "something.new", "id": "x"})
        self.assertEqual(tx.state, "draft")

    def test_lookup_of_open_pages(self):
        """What the sweep asks for: a page whose end was never told."""
        tx = self._paid()
        gone = self.start(self._free_link(5, expires_at=False))
        self.fake.advance(23.5 * 3600)
        self.look_up(tx | gone)
        self.assertEqual((tx.state, gone.state), ("done", "cancel"))
