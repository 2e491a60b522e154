from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from psycopg2.errors import SerializationFailure

from odoo.addons.base.models import ir_cron

from ...models.bank import paylink_balance_move_book, paylink_balance_read
from ...tools.stripe_errors import StripeRefused, StripeTransient
from ..fake_stripe import balance as money
from .stripe_account_common import StripeAccountCommon


@tagged("post_install", "-at_install")
class TestStripeAccountKept(StripeAccountCommon):
    """The account is kept up with, whatever happens to it; who has to know is told."""

    def task(self, key="balance_difference"):
        return self.env["mail.activity"].search([("paylink_key", "=", key)])[:1]

    def earlier(self, days):
        """All that has moved so far moved some days earlier."""
        realm = self.fake.realm()
        for kind in ("balance_transaction", "payout"):
            for row in realm.all(kind):
                row["created"] -= days * 86400

    # === THE JOB === #

    def test_job_comes_again_while_something_is_left(self):
        """Its time is up after each set: all is booked in the end, or the job is called again."""
        balance = self.use_as_account()
        for number in range(12):
            self.fake.adjust(100 + number)
        with patch.object(ir_cron, "MIN_TIME_PER_JOB", 0), patch.object(paylink_balance_move_book, "BATCH", 3):
            for _time in range(3):
                self.read_balance()
                progress = self.env["ir.cron.progress"].search([], order="id desc", limit=1)
                self.assertEqual(len(self.moves().line_id) == 12, not progress.remaining)
        self.assert_even(balance)

    def test_who_works_on_the_same_is_no_failure(self):
        """Another worker was faster: it is left to the next run, without a word."""
        balance = self.use_as_account()
        self.fake.adjust(100)
        conflict = SerializationFailure("could not serialize access due to concurrent update")
        with patch.object(type(balance), "_read_payouts", side_effect=conflict):
            self.read_balance()
        self.assertFalse(balance.error)
        self.read_balance()
        self.assert_even(balance)

    def test_account_that_can_not_be_read_is_a_task(self):
        """After a day; it ends with the first reading. Another key of the same account is found by itself."""
        balance = self.use_as_account()
        self.read_balance()
        self.assertTrue(balance.kept_up_at)
        for days, is_told in ((0, False), (2, True)):
            with self.subTest(days=days):
                balance.sudo().kept_up_at = fields.Datetime.now() - timedelta(days=days)
                with patch.object(type(balance), "_read_moves", side_effect=StripeTransient("No answer")):
                    self.read_balance()
                self.assertEqual((bool(self.task("balance_unread")), balance.error), (is_told, "No answer"))
        self.assertIn("No answer", self.task("balance_unread").note)
        self.provider._paylink_stripe_forget_account()  # as another key does
        self.fake.adjust(500)
        self.read_balance()
        self.assertFalse(self.task("balance_unread"))
        self.assert_even(balance)

    def test_who_may_have_it_read(self):
        balance = self.use_as_account()
        for group, may in (("account.group_account_manager", True), ("account.group_account_readonly", False)):
            own = balance.with_user(self._user(f"reads {group}", group))
            with self.subTest(group):
                for action in (own.action_read, own.action_read_all):
                    if may:
                        self.assertTrue(action())
                    else:
                        with self.assertRaises(AccessError):
                            action()

    # === COMPARING === #

    def test_difference_names_what_was_changed(self):
        """An entry that is a draft, or has another amount: named; the task says what is so now, not what was."""
        balance = self.use_as_account()
        self.fake.adjust(500)
        self.read_balance()
        row = self.moves()
        row.line_id.move_id.button_draft()
        self.read_balance()
        self.assertFalse(balance.is_even)
        self.assertIn(row.name, self.task().note)
        self.fake.adjust(700)
        self.read_balance()
        self.assertIn("12.00", self.task().note)
        self.assertIn("7.00", self.task().note)
        row.line_id.move_id.action_post()
        self.read_balance()
        self.assertFalse(self.task())
        self.assert_even(balance)

    def test_currency_that_stripe_names_no_more_is_compared(self):
        balance = self.use_as_account()
        self.fake.adjust(500)
        self.read_balance()
        with patch.object(type(balance), "_stripe_says", lambda *_args: {}):
            self.read_balance()
        self.assertFalse(balance.is_even)

    def test_late_rows_are_found(self):
        """Stripe's list has it later than Stripe's balance: looked for again, and no part of the opening balance."""
        balance = self.use_as_account(since=fields.Date.today() - timedelta(days=3))
        self.fake.adjust(900)
        hidden = self.fake.adjust(500)
        hidden["created"] -= 86400
        with self.hiding(hidden):
            self.read_balance()
        self.assertEqual(self.moves("opening").amount, 5)
        self.fake.adjust(30)
        self.read_balance()
        self.assertIn(hidden["id"], self.moves().mapped("name"))
        self.assertFalse(self.moves("opening"))
        self.assert_even(balance)

    def test_all_is_read_again(self):
        """What nobody would look for anymore: a row of long ago that Stripe's list has had late."""
        balance = self.use_as_account(since=fields.Date.today() - timedelta(days=40))
        hidden = self.fake.adjust(500)
        hidden["created"] -= 30 * 86400
        self.fake.adjust(900)
        with self.hiding(hidden):
            self.read_balance()
        with patch.object(paylink_balance_read, "PAGE", 1):
            self.read_balance()
            self.assertEqual(self.moves("opening").amount, 5)
            balance.with_user(self._user("keeper", "account.group_account_manager")).action_read_all()
            self.read_balance()
        self.assertFalse(self.moves("opening"))
        self.assert_even(balance)

    def test_what_moves_while_late_rows_are_read_is_no_part_of_the_opening(self):
        """What Stripe says is asked for again after that."""
        balance = self.use_as_account(since=fields.Date.today() - timedelta(days=3))
        self.fake.adjust(900)["created"] -= 5 * 86400
        self.fake.adjust(100)
        self.read_balance()
        late, meanwhile = self.fake.adjust(500), []
        late["created"] -= 86400
        differences, listed = type(balance)._differences, money.listing

        def busy(own, said):
            found = differences(own, said)
            if not meanwhile:
                meanwhile.append(self.fake.adjust(97)["id"])
            return found

        def listing(rows, *args):
            return listed([row for row in rows if meanwhile or row != late], *args)

        with patch.object(money, "listing", listing), patch.object(type(balance), "_differences", busy):
            self.read_balance()
        self.assertLessEqual({late["id"], *meanwhile}, set(self.moves().mapped("name")))
        self.assertEqual(self.moves("opening").amount, 9)
        self.read_balance()
        self.assert_even(balance)

    def test_last_days_are_read_again_once(self):
        """Whatever stops that: a difference that lasts is told, and the days are not begun again each hour."""
        balance = self.use_as_account()
        self.fake.adjust(500)
        self.read_balance()
        self.moves().line_id.move_id.button_draft()
        starts, read = [], type(balance)._read_moves

        def stopped(own, stripe):
            starts.append(own.read_until)
            return len(starts) != 2 and read(own, stripe)  # the second time, the time is up

        with patch.object(type(balance), "_read_moves", stopped):
            self.read_balance()
            self.assertEqual((len(starts), bool(self.task())), (2, False))
            self.read_balance()
        self.assertEqual(len(starts), 3)
        self.assertLess(max(starts[1:]), fields.Datetime.now() - timedelta(days=6))
        self.assertTrue(self.task())

    def hiding(self, hidden):
        """While Stripe's list does not have a row that its balance has."""
        listed = money.listing

        def late(rows, *args):
            return listed([row for row in rows if row != hidden], *args)

        return patch.object(money, "listing", late)

    def test_account_that_does_not_stand_still_is_compared(self):
        """Something moves while payouts are read: what Stripe says is asked for again."""
        balance = self.use_as_account()
        self.fake.adjust(900)
        read = type(balance)._read_payouts

        def busy(own, stripe):
            self.fake.adjust(1)
            return read(own, stripe)

        with patch.object(type(balance), "_read_payouts", busy):
            self.read_balance()
        self.assertTrue(balance.journal_ids.paylink_said_at)
        self.assert_even(balance)

    def test_journal_stays(self):
        """It can't be archived; one that is all the same comes back, for nothing could be booked."""
        balance = self.use_as_account()
        self.fake.adjust(500)
        self.read_balance()
        journal = balance.journal_ids
        with self.assertRaises(UserError), self.env.cr.savepoint():
            journal.active = False
        self.env.flush_all()
        self.env.cr.execute("UPDATE account_journal SET active = FALSE WHERE id = %s", [journal.id])
        self.env.invalidate_all()
        self.fake.adjust(700)
        self.read_balance()
        self.assertEqual(balance.journal_ids, journal)
        self.assert_even(balance)

    # === THE FIRST DAY === #

    def test_what_moved_before_the_first_day_and_is_booked_after_it(self):
        """A debit on its way at the set-up, a charge and a chargeback not heard of: they settle on the new account.

        What was booked before is part of the opening balance, and of no line.
        """
        self.currency_euro.active = True
        booked = self.paid(30)
        disputed = self.paid(40)
        debit = self.start(self._link(self._invoice(currency_id=self.currency_euro.id)))
        self.fake.pay(debit.paylink_stripe_session, "sepa_debit")
        self.deliver_and_handle()
        late = self.start(self._link(self._invoice(amount=70)))
        self.fake.pay(late.paylink_stripe_session)
        self.fake.dispute(disputed.paylink_stripe_intent)
        self.earlier(2)
        balance = self.use_as_account()
        self.read_balance()
        self.fake.settle(self.fake.get(debit.paylink_stripe_session)["payment_intent"], True)
        self.keep_up()
        self.assertEqual(sorted(self.moves("charge", "dispute").mapped("amount")), [-40, 70, 100])
        self.assertEqual(self.open_items(balance.outstanding_account_id), [])
        self.assertTrue(late.payment_id.is_matched and debit.payment_id.is_matched)
        self.assertEqual(booked.payment_id.outstanding_account_id, balance.former_account_id)
        self.assertFalse(self.moves().filtered("is_open"))
        self.assert_even(balance)

    def test_first_day_is_open(self):
        """A backfill into a locked period would be booked on another day: refused, with the first day that is open."""
        today = self.company._paylink_today()
        self.company.sudo().fiscalyear_lock_date = today - timedelta(days=5)
        with self.assertRaisesRegex(UserError, "locked"):
            self.use_as_account(since=today - timedelta(days=5))
        self.assertTrue(self.use_as_account(since=today - timedelta(days=4)))

    def test_what_was_reconciled_by_hand_is_counted(self):
        """A backfill over days whose payments somebody has matched with the bank: told before it is done."""
        tx = self.paid(100)
        values = {"provider_id": self.provider.id, "since": self.company._paylink_today()}
        setup = self.env["paylink.balance.setup"].sudo().create(values)
        self.assertEqual(setup.matched_count, 0)
        line = self._bank_line("STRIPE", 100)
        account = tx.payment_id.outstanding_account_id
        item = tx.payment_id.move_id.line_ids.filtered(lambda one: one.account_id == account)
        suspense = line.move_id.line_ids.filtered(lambda one: one.account_id == self.bank_journal.suspense_account_id)
        suspense.with_context(skip_readonly_check=True).account_id = account
        (suspense + item).reconcile()
        setup = setup.copy()
        self.assertEqual(setup.matched_count, 1)
        setup.since += timedelta(days=1)
        self.assertEqual(setup.matched_count, 0)

    def test_payouts_that_were_booked_by_hand(self):
        """Lines of the bank that name Stripe, whatever they were reconciled with: told before, and on the payout."""
        today, revenue = self.company._paylink_today(), self.company_data["default_account_revenue"]
        transfer = self.company.transfer_account_id
        for label, account in (("VIR STRIPE po_0", revenue), ("STRIPE", transfer), ("STRIPES SHOP", revenue)):
            self._bank_line(label, 20, date=today)._seek_for_lines()[1].account_id = account
        setup = self.env["paylink.balance.setup"].sudo().create({"provider_id": self.provider.id, "since": today})
        self.assertEqual((setup.named_count, setup.matched_count), (1, 0))
        self.use_as_account()
        self.paid(100)
        found = self.fake.payout()
        line = self._bank_line(f"STRIPE {found['id']}", found["amount"] / 100, date=today)
        line._seek_for_lines()[1].account_id = revenue
        self.fake.pay_payout(found["id"])
        self.keep_up()
        payout = self.env["paylink.payout"].search([("name", "=", found["id"])])
        self.assertFalse(payout.bank_line_id)
        self.assertIn("something else", payout.why)
        with freeze_time(today + timedelta(days=30)):
            line.action_undo_reconciliation()
            payout.invalidate_recordset()
            self.assertIn("has not shown", payout.why)

    # === FROM TEST TO LIVE === #

    def test_live_payments_are_not_those_of_the_test(self):
        """As soon as the key is known: they are booked where all were before, until live is kept, too."""
        line = self.provider._paylink_payment_method_line()
        former = line.journal_id, line.payment_account_id
        tested = self.use_as_account()
        self.provider.write({"paylink_stripe_secret_key": self.fake.account.key(True), "state": "enabled"})
        self.provider._paylink_stripe_connect()
        line = self.provider._paylink_payment_method_line()
        self.assertEqual((line.journal_id, line.payment_account_id), former)
        self.assertIn("kept", self.provider._paylink_stripe_next_step())
        live = self.use_as_account()
        self.assertEqual(live.former_account_id, tested.former_account_id)
        self.provider.write({"paylink_stripe_secret_key": self.fake.account.key(False), "state": "test"})
        self.provider._paylink_stripe_connect()
        line = self.provider._paylink_payment_method_line()
        self.assertEqual(
            (line.journal_id, line.payment_account_id), (tested.journal_ids, tested.outstanding_account_id)
        )

    def test_where_payments_go_whose_former_journal_is_not_known(self):
        """To a real bank's; and what an accountant has chosen since stays, however often it is connected."""
        tested = self.use_as_account()
        self.provider.write({"paylink_former_journal_id": False, "paylink_former_account_id": False})
        self.provider.write({"paylink_stripe_secret_key": self.fake.account.key(True), "state": "enabled"})
        self.provider._paylink_stripe_connect()
        line = self.provider._paylink_payment_method_line()
        self.assertEqual((line.journal_id.type, line.payment_account_id), ("bank", tested.former_account_id))
        self.assertFalse(line.journal_id.paylink_balance_id)
        self.assertIn("kept", self.provider._paylink_stripe_next_step())
        chosen = self.bank_journal.copy()
        self.provider.journal_id = chosen
        self.provider._paylink_stripe_connect()
        self.assertEqual(self.provider.journal_id, chosen)

    def test_key_that_is_refused_keeps_no_other_from_being_asked(self):
        balance = self.use_as_account()
        other = self.provider.copy({"name": "Second", "company_id": self.company.id, "sequence": -1})
        other.write({"paylink_stripe_secret_key": "sk_test_unknown", "state": self.provider.state})
        self.provider._paylink_stripe_forget_account()
        refused = []

        def connect(provider):
            if provider == other:
                refused.append(provider)
                raise StripeRefused("Invalid API key")
            return connected(provider)

        connected = type(self.provider)._paylink_stripe_connect
        with patch.object(type(self.provider), "_paylink_stripe_connect", connect):
            balance._stripe()
        self.assertTrue(refused)

    def test_payments_of_another_company_are_named(self):
        """The same Stripe account in two companies: the row says whose payment it is."""
        self.use_as_account()
        other = self._stripe_provider(self._other_company())
        row = self.fake.adjust(100)
        self.read_balance()
        move = self.moves()
        tx = self.start(self._link(self._invoice()))
        tx.sudo().write({"paylink_stripe_intent": "pi_other", "provider_id": other.id})
        move.sudo().write({"category": "charge", "intent": "pi_other"})
        self.assertEqual(move.name, row["id"])
        self.assertIn(other.company_id.name, move.why)
