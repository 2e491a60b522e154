from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ...models.bank import paylink_balance_move_match
from ..fake_stripe import methods, payments
from .stripe_account_common import StripeAccountCommon


@tagged("post_install", "-at_install")
class TestStripeAccountOrder(StripeAccountCommon):
    """Whichever comes first, the row or its payment, the books are the same: and what waits keeps nobody waiting."""

    def debited(self, currency=None):
        """A debit under way; its transaction."""
        self.currency_euro.active = True
        tx = self.start(self._link(self._invoice(currency_id=(currency or self.currency_euro).id)))
        self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
        return tx

    def settle(self, tx, succeeds=True):
        self.fake.settle(self.fake.get(tx.paylink_stripe_session)["payment_intent"], succeeds)

    def assert_settled(self, balance):
        self.assertEqual(self.open_items(balance.outstanding_account_id), [])
        self.assertEqual(self.moves().filtered("is_open").mapped("name"), [])
        self.assert_even(balance)

    # === THE ROW FIRST === #

    def test_what_stripe_has_converted_before_its_payment(self):
        """The same entry as in the other order: in the customer's currency, with the difference of Stripe's rate."""
        pounds = self.env.ref("base.GBP")
        pounds.active = True
        balance = self.use_as_account()
        self.fake.account.rates = {"gbp": "1.17", "eur": "0.9"}
        tx = self.start(self._link(self._invoice(amount=100.0, currency_id=pounds.id)))
        self.fake.pay(tx.paylink_stripe_session)
        debit = self.debited()
        self.read_balance()
        self.deliver_and_handle()
        self.read_balance()
        self.settle(debit)
        self.keep_up()
        for paid, settled in ((tx, 117), (debit, 90)):
            with self.subTest(paid.currency_id.name):
                move = self.moves("charge").filtered(lambda one, of=paid: one.transaction_id == of)
                own = move.line_id.move_id.line_ids.filtered(lambda item: item.account_id.reconcile)
                self.assertEqual(
                    (own.currency_id, own.amount_currency, own.balance), (paid.currency_id, -100, -settled)
                )
                self.assertTrue(paid.payment_id.is_matched)
        self.assert_settled(balance)

    def test_debits_under_way_keep_no_month_open(self):
        """Their money is on its way, not unexplained; when they succeed or fail, nothing of the locked day changes."""
        balance = self.use_as_account()
        txs = [self.debited() for _number in range(2)]
        self.keep_up()
        moves = self.moves("charge")
        self.assertEqual(set(moves.filtered("is_open").mapped("why")), {"The payment is in progress."})
        with patch.object(type(moves), "_find_items", side_effect=AssertionError("nothing has come of them yet")):
            self.read_balance()
        self.assertFalse(self.env["mail.activity"].search([("paylink_key", "=like", "job%")]))
        self.company.sudo().fiscalyear_lock_date = fields.Date.today()
        before = self.items_of(moves)
        self.settle(txs[0])
        self.settle(txs[1], succeeds=False)
        self.keep_up()
        self.assertEqual(self.items_of(moves), before)
        self.assertEqual(self.open_items(balance.outstanding_account_id), [])
        self.assertFalse(self.moves().filtered("is_open"))

    def items_of(self, moves):
        return [(item.id, item.account_id, item.date, item.balance) for item in moves.line_id.move_id.line_ids]

    def test_what_can_not_be_changed_is_listed(self):
        """Its line is secured on the suspense account: left to a person, without a task each hour."""
        self.use_as_account()
        tx = self.start(self._link(self._invoice()))
        self.fake.pay(tx.paylink_stripe_session)
        self.read_balance()
        move = self.moves("charge")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET inalterable_hash = '$4$x' WHERE id = %s", [move.line_id.move_id.id]
        )
        self.env.invalidate_all()
        self.keep_up()
        self.assertIn("secured", move.why)
        self.assertFalse(self.env["mail.activity"].search([("paylink_key", "=like", "job%")]))

    def test_what_could_not_be_matched_stays_told(self):
        """Until it can be: what else the job has done is not that."""
        self.use_as_account()
        tx = self.start(self._link(self._invoice()))
        self.fake.pay(tx.paylink_stripe_session)
        self.read_balance()
        self.deliver_and_handle()
        with patch.object(type(self.moves()), "_match", side_effect=UserError("Not today")) as match:
            match.__qualname__ = "PaylinkBalanceMoveMatch._match"
            with self.assertLogs("odoo.addons.paylink_addon.models.messaging.paylink_job_mixin", "ERROR"):
                self.read_balance()
        tasks = self.env["mail.activity"].search([("paylink_key", "=like", "job%")])
        self.assertIn("Not today", tasks[:1].note)
        self.read_balance()
        self.assertFalse(tasks.exists())

    def test_chargeback_taken_and_won_before_anything_was_heard(self):
        """Both rows have entries to come: they wait for these, not for each other."""
        balance = self.use_as_account()
        tx = self.paid(100)
        self.fake.close_dispute(self.fake.dispute(tx.paylink_stripe_intent)["id"], won=True)
        self.read_balance()
        self.keep_up()
        self.assert_settled(balance)

    def test_those_that_wait_for_ever_push_nobody_out(self):
        """Payments of another application are looked at once; debit and failure meet, however far apart they are."""
        balance = self.use_as_account()
        txs = [self.debited() for _number in range(2)]
        self.keep_up()
        foreign = [self.foreign_charge() for _number in range(3)]
        self.settle(txs[0])
        self.deliver_and_handle()
        foreign += [self.foreign_charge() for _number in range(3)]
        self.settle(txs[1], succeeds=False)
        failure = [row for row in self.fake.realm().all("balance_transaction") if row["amount"] < 0][-1]
        failure["source"] = self.refund_of(failure["source"])  # an object of its own, as of some methods
        looked_at = []
        find = paylink_balance_move_match.PaylinkBalanceMoveMatch._find_items

        def note(moves):
            looked_at.extend(moves.ids)
            return find(moves)

        with patch.object(paylink_balance_move_match, "BATCH", 1):
            self.keep_up()
            with patch.object(paylink_balance_move_match.PaylinkBalanceMoveMatch, "_find_items", note):
                self.read_balance()
        self.assertEqual(looked_at, [])
        self.assertEqual(set(self.moves().filtered("is_open").mapped("source")), set(foreign))
        self.assertEqual(self.open_items(balance.outstanding_account_id), [])

    def refund_of(self, charge_id):
        """What a debit that failed has gone back with: another object, of the same PaymentIntent."""
        charge = self.fake.get(charge_id)
        found = {key: charge[key] for key in ("amount", "currency", "payment_intent")}
        return self.fake.realm().add("refund", "pyr", status="succeeded", charge=charge_id, metadata={}, **found)["id"]

    def foreign_charge(self):
        """Taken without Odoo; the charge's id."""
        realm = self.fake.realm()
        intent = payments.new_intent(
            realm,
            amount=5000,
            currency=self.company.currency_id.name.lower(),
            customer=None,
            description=None,
            metadata={},
        )
        payments.attempt(realm, intent, methods.new_method(realm, "card", "succeed"), "succeed")
        return intent["latest_charge"]

    # === TAKEN APART === #

    def test_what_somebody_has_taken_apart_comes_together(self):
        """Un-reconciled by hand: it is open again, and the next run reconciles it."""
        balance = self.use_as_account()
        tx = self.paid(100)
        self.keep_up()
        own = self.moves("charge").line_id.move_id.line_ids.filtered(lambda item: item.account_id.reconcile)
        own.remove_move_reconcile()
        self.assertTrue(self.moves("charge").is_open)
        self.assertIn(self.moves("charge"), self.moves().search([("is_open", "=", True)]))
        self.read_balance()
        self.assertTrue(tx.payment_id.is_matched)
        self.assert_settled(balance)
