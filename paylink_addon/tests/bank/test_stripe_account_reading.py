from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.tests import tagged

from ...models.bank import paylink_balance_move_book, paylink_balance_read
from ...models.bank.paylink_balance_move import PaylinkBalanceMove
from ...models.bank.paylink_balance_move_match import PaylinkBalanceMoveMatch
from ...tools.stripe_errors import StripeTransient
from .stripe_account_common import StripeAccountCommon


@tagged("post_install", "-at_install")
class TestStripeAccountReading(StripeAccountCommon):
    """Read once, whatever happens; the balance is Stripe's at every moment."""

    def adjusted(self, count):
        """Stripe corrects its balance so many times; their names."""
        return [self.fake.adjust(100 + number)["id"] for number in range(count)]

    # === INTERRUPTIONS === #

    def test_interrupted_anywhere_it_goes_on(self):
        """Whichever page or set it dies on, before it is committed: each row comes once, none is missing."""
        balance = self.use_as_account()
        with (
            patch.object(paylink_balance_read, "PAGE", 3),
            patch.object(paylink_balance_move_book, "BATCH", 3),
        ):
            for cls, name in ((PaylinkBalanceMove, "_store"), (PaylinkBalanceMoveMatch, "_reconcile")):
                for dies_on in range(1, 4):
                    with self.subTest(name, dies_on=dies_on):
                        self.adjusted(10)
                        with self.dying(cls, name, dies_on):
                            self.read_balance()
                        self.read_balance()
                        names = [row["id"] for row in self.fake.realm().all("balance_transaction")]
                        self.assertEqual(sorted(self.moves().mapped("name")), sorted(names))
                        lines = self.env["account.bank.statement.line"].search(
                            [("journal_id", "in", balance.journal_ids.ids)]
                        )
                        self.assertEqual(len(lines), len(names))
                        self.assert_even(balance)

    def dying(self, cls, name, dies_on):
        """While the ``dies_on``-th call of a method, and what follows, ends in an error after it has done its work."""
        original, calls = getattr(cls, name), []

        def call(records, *args, **kwargs):
            result = original(records, *args, **kwargs)
            calls.append(name)
            if len(calls) >= dies_on:
                raise StripeTransient("The server dies.")
            return result

        return patch.object(cls, name, call)

    # === BACKFILL === #

    def test_backfill_opens_with_what_was_there(self):
        """What was at Stripe before the first day is the opening balance; what came since are lines; both once."""
        old = self.fake.adjust(5000)
        old["created"] -= 40 * 86400
        recent = self.fake.adjust(700)
        recent["created"] -= 3 * 86400
        self.fake.adjust(30)
        balance = self.use_as_account(since=fields.Date.today() - timedelta(days=10))
        for _time in range(2):
            self.read_balance()
            self.assertEqual(
                [(m.category, m.amount) for m in self.moves()],
                [("opening", 50), ("other_adjustment", 7), ("other_adjustment", 0.3)],
            )
            self.assert_even(balance)
        opening = self.moves("opening")
        self.assertEqual(
            opening.line_id.move_id.line_ids.account_id - balance.journal_ids.default_account_id,
            balance.former_account_id,
        )

    def test_payments_of_before_are_found_where_they_were_booked(self):
        tx = self.paid(100)
        former = tx.payment_id.outstanding_account_id
        balance = self.use_as_account()
        self.assertNotEqual(former, balance.outstanding_account_id)
        self.keep_up()
        self.assertFalse(self.moves().filtered("is_open"))
        self.assertEqual(tx.payment_id.state, "paid")
        self.assert_even(balance)

    # === CURRENCIES === #

    def test_foreign_currencies_with_the_rate_of_stripe(self):
        """Converted by Stripe, or kept in its own currency: nothing is left on its way."""
        self.env.ref("base.GBP").active = self.env.ref("base.EUR").active = True
        balance = self.use_as_account()
        self.fake.account.rates = {"gbp": "1.17"}
        for code in ("GBP", "EUR"):
            currency = self.env.ref(f"base.{code}")
            tx = self.paid(100, currency_id=currency.id)
            self.fake.refund(tx.paylink_stripe_intent, 2500)
        self.keep_up()
        own = self.company.currency_id
        charge, refund = self.moves("charge", "refund").filtered(lambda move: move.source_currency_id.name == "GBP")
        self.assertEqual((charge.currency_id, charge.amount, charge.source_amount), (own, 117, 100))
        self.assertEqual((refund.amount, refund.source_amount), (-29.25, -25))
        self.assertEqual((charge.line_id.foreign_currency_id.name, charge.line_id.amount_currency), ("GBP", 100))
        self.assertEqual(set(balance.journal_ids.mapped("paylink_said_currency_id.name")), {own.name, "EUR"})
        self.assertFalse(self.moves().filtered("is_open"))
        domain = [("account_id", "=", balance.outstanding_account_id.id), ("reconciled", "=", False)]
        self.assertFalse(self.env["account.move.line"].search(domain))
        self.assert_even(balance)

    def test_currency_that_is_not_in_use(self):
        """It can't be booked: the task says which row, and why; it ends when the currency is in use."""
        balance = self.use_as_account()
        self.env.ref("base.DKK").active = False
        self.fake.adjust(500, "dkk")
        self.read_balance()
        self.assertIn("DKK", self.moves().error)
        (day,) = self.env["paylink.balance.day"].search([("balance_id", "=", balance.id)])
        self.assertEqual((day.currency_id.name, day.journal_id.id), ("DKK", False))
        self.assertEqual((day.said, day.booked, day.difference), (5, 0, 5))
        self.assertEqual(day.action_view_said()["res_model"], "paylink.balance.move")
        self.env.ref("base.DKK").active = True
        self.read_balance()
        self.assertFalse(self.moves().error)
        self.assert_even(balance)

    # === NO MIXING === #

    def test_test_and_live_do_not_mix(self):
        """The provider goes live: what has moved in the test stays there, and live is another account."""
        tested = self.use_as_account()
        self.adjusted(2)
        self.read_balance()
        self._connect(self.provider, self.fake.account, live=True)
        self.fake.adjust(900, key=self.fake.account.key(True))
        self.assertFalse(self.provider._paylink_balance())
        live = self.use_as_account()
        self.assertNotEqual(live, tested)
        self.assertFalse(live.journal_ids & tested.journal_ids)
        self.read_balance()
        rows = self.env["paylink.balance.move"].search([("balance_id", "=", live.id)])
        self.assertEqual(rows.mapped("amount"), [9])
        self.assertTrue(tested.error, "the key is another one's")
        self.assert_even(live)

    def test_two_providers_with_one_account(self):
        """Their payments come to one journal, once."""
        second = self.provider.copy({"name": "Second", "company_id": self.company.id})
        self._connect(second, self.fake.account)
        balance = self.use_as_account()
        self.assertEqual(self.use_as_account(second), balance)
        with patch.object(type(self), "provider", second):
            tx = self.start(self._link(self._invoice()))
            self.fake.pay(tx.paylink_stripe_session)
            self.come_back(tx)
        self.paid()
        self.keep_up()
        self.assertEqual(self.moves("charge").mapped("transaction_id.provider_id"), self.provider | second)
        self.assertFalse(self.moves().filtered("is_open"))
        self.assert_even(balance)

    # === DIFFERENCES === #

    def test_difference_is_a_task_that_says_why(self):
        """Somebody writes on the account, or deletes a line: told, with the entry; mended, the task ends."""
        balance = self.use_as_account()
        self.adjusted(2)
        self.read_balance()
        entry = self.env["account.move"].create(
            {
                "journal_id": self.company_data["default_journal_misc"].id,
                "date": self.company._paylink_today(),
                "line_ids": [
                    Command.create({"account_id": account.id, "balance": amount})
                    for account, amount in (
                        (balance.journal_ids.default_account_id, 12.5),
                        (self.company_data["default_account_revenue"], -12.5),
                    )
                ],
            }
        )
        entry.action_post()
        self.moves()[:1].line_id.unlink()
        self.read_balance()
        tasks = self.env["mail.activity"].search([("paylink_key", "=", "balance_difference")])
        self.assertTrue(tasks)
        self.assertIn(entry.name, tasks[:1].note)
        self.assertTrue(self.moves()[:1].line_id, "what was deleted came back")
        day = self.env["paylink.balance.day"].search([("balance_id", "=", balance.id)])
        self.assertEqual((day.said, day.booked, day.difference), (2.01, 14.51, -12.5))
        entry.button_draft()
        self.read_balance()
        self.assertFalse(tasks.exists())
        self.assert_even(balance)

    # === SETS === #

    def test_sets_take_few_queries(self):
        """Booking and reconciling a set takes a number of queries that hardly grows with it."""
        balance = self.use_as_account()
        counts = []
        for number in (5, 25):
            rows = self.booked_rows(balance, number)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            rows._book()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertFalse(rows.filtered("is_open"))
        self.assertLess((counts[1] - counts[0]) / 20, 24, counts)

    def booked_rows(self, balance, number):
        """Rows of payments that are in the books."""
        rows = []
        for link in [self._free_link(10) for _number in range(number)]:
            tx = self._force_attempt(link, 10)
            tx.paylink_stripe_intent = f"pi_{tx.id}"
            tx._set_done()
            tx._post_process()
            rows.append(
                {
                    "name": f"txn_{tx.id}",
                    "source": f"ch_{tx.id}",
                    "intent": f"pi_{tx.id}",
                    "amount": 10,
                    "fee": 0.4,
                    "net": 9.6,
                }
            )
        common = {
            "balance_id": balance.id,
            "currency_id": self.company.currency_id.id,
            "category": "charge",
            "created_at": fields.Datetime.now(),
            "date": fields.Date.today(),
            "is_kept": True,
        }
        return self.env["paylink.balance.move"].sudo().create([common | row for row in rows])
