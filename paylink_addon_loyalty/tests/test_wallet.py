from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import WalletCommon


@tagged("post_install", "-at_install")
class TestWallet(WalletCommon):
    """Topping up: the books, the wallet, each exactly once."""

    def test_top_up_books_a_liability_and_fills_the_wallet(self):
        link = self._wallet_link(80)
        tx = self._pay(link)
        payment = tx.payment_id
        outstanding = payment.outstanding_account_id.code
        self.assertEqual(self._lines(payment.move_id), sorted([(outstanding, 80, 0), (self.account.code, 0, 80)]))
        self.assertEqual(payment.move_id.state, "posted")
        self.assertEqual(payment.move_id.line_ids.partner_id, self.marie)
        self.assertIn(payment.state, ("in_process", "paid"))
        card = self._card()
        self.assertEqual((card.points, self._history(card)), (80, [(80, 0)]))
        self.assertIn(link.name, card.history_ids.description)
        self.assertEqual((link.state, link.amount_paid), ("paid", 80))
        self.assertFalse(link.activity_ids)
        self._assert_wallets_match_books(80)

    def test_second_top_up_fills_the_same_wallet(self):
        for amount in (30, 12.5):
            self._pay(self._wallet_link(amount))
        self.assertEqual((len(self._card()), self._card().points), (1, 42.5))
        self._assert_wallets_match_books(42.5)

    def test_wallet_is_credited_once_however_often_it_is_processed(self):
        tx = self._pay(self._wallet_link(50))
        for again in ("post_process", "cancelled"):
            with self.subTest(again=again):
                tx.is_post_processed = False
                if again == "cancelled":  # by a person: the money has come all the same, and is booked again
                    tx.payment_id.action_draft()
                    tx.payment_id.action_cancel()
                tx._post_process()
                self.assertEqual((self._card().points, self._history(self._card())), (50, [(50, 0)]))
                self._assert_wallets_match_books(50)

    def test_part_payments_fill_the_wallet_bit_by_bit(self):
        link = self._wallet_link(50, allow_partial=True)
        self._pay(link, 20)
        self.assertEqual((link.status, self._card().points), ("partly_paid", 20))
        self._pay(link)
        self.assertEqual((link.state, self._card().points), ("paid", 50))
        self._assert_wallets_match_books(50)

    def test_what_comes_twice_is_in_the_wallet_and_somebodys_task(self):
        link = self._wallet_link(50)
        late = self._force_attempt(link, 50)
        self._pay(link)
        late._set_done()
        late._post_process()
        self.assertEqual(self._card().points, 100)
        self.assertEqual(len(link.activity_ids), 1)
        self._assert_wallets_match_books(100)

    def test_what_is_too_much_is_of_this_payment(self):
        """Not what came too much before, nor what was given back since."""
        link = self._wallet_link(50)
        late = [self._force_attempt(link, 50) for _number in range(2)]
        first = self._pay(link)
        for tx in late:
            tx._set_done()
            tx._post_process()
            self.assertEqual(link._excess_wallet(tx), 50)
        self._refund(first, 50)
        self._refund(late[0], 50)
        self.assertEqual(link._excess_wallet(late[1]), 0)

    def test_refund_debits_the_wallet_it_went_into(self):
        link = self._wallet_link(50)
        refund = self._refund(self._pay(link), 20)
        outstanding = refund.payment_id.outstanding_account_id.code
        self.assertEqual(
            self._lines(refund.payment_id.move_id), sorted([(outstanding, 0, 20), (self.account.code, 20, 0)])
        )
        self.assertEqual((self._card().points, self._history(self._card())), (30, [(50, 0), (0, 20)]))
        self.assertEqual((link.state, link.amount_refunded), ("paid", 20))
        self.assertFalse(link.activity_ids)
        self._assert_wallets_match_books(30)
        refund.is_post_processed = False
        refund._post_process()
        self.assertEqual(self._card().points, 30)

    def test_refund_of_what_was_spent_is_somebodys_task(self):
        link = self._wallet_link(50)
        tx = self._pay(link)
        self._card()._paylink_add(-40)
        self._refund(tx, 50)
        self.assertEqual(self._card().points, -40)
        self.assertEqual(len(link.activity_ids), 1)
        self.assertEqual(link.activity_ids.user_id, link.user_id)

    def test_refund_that_failed_after_all_leaves_the_wallet_as_it_was(self):
        tx = self._pay(self._wallet_link(50))
        refund = self._refund(tx, 20)
        refund.payment_id._paylink_undo()
        self.assertEqual((self._card().points, self._history(self._card())), (50, [(50, 0)]))
        self._assert_wallets_match_books(50)

    def test_points_follow_their_worth(self):
        self.program.reward_ids.discount = 0.5
        tx = self._pay(self._wallet_link(50))
        self.assertEqual(self._card().points, 100)
        self._assert_wallets_match_books(50)
        self._refund(tx, 10)
        self.assertEqual(self._card().points, 80)
        self._assert_wallets_match_books(40)

    def test_what_cannot_be_asked_for(self):
        foreign = self.setup_other_currency("CAD")
        for values in ({"amount": 0}, {"amount": -5}, {"currency_id": foreign.id}):
            with self.subTest(values=values), self.assertRaises(ValidationError):
                self._wallet_link(**values)

    def test_wizard_asks_for_a_top_up(self):
        action = self.marie.action_paylink_top_up()
        wizard = self.env["paylink.send"].with_context(**action["context"]).create({"amount": 60})
        self.assertEqual((wizard.kind, wizard.problem), ("wallet", False))
        self.assertTrue(wizard.reference)
        link = self._sent(wizard)
        self.assertEqual((link.kind, link.amount, link.partner_id), ("wallet", 60, self.marie))
        self.assertEqual(len(self._customer_mails(link)), 1)

    def test_renewed_link_is_a_top_up_again(self):
        link = self._wallet_link(50)
        link.action_cancel()
        renewed = self._renewed(link)
        self.assertEqual((renewed.kind, renewed.amount), ("wallet", 50))
        self._pay(renewed)
        self.assertEqual(self._card().points, 50)

    # === IN SETS === #

    def _pay_together(self, count):
        """Top up the wallets of ``count`` new customers, all of them booked at once."""
        partners = [self._customer(f"Customer {n}") for n in range(count)]
        links = [self._wallet_link(10 + n, partner_id=partner.id) for n, partner in enumerate(partners)]
        transactions = self.env["payment.transaction"].union(*[self._attempt(link) for link in links])
        transactions._set_done()
        transactions._post_process()
        return transactions

    def test_many_top_ups_are_booked_together(self):
        transactions = self._pay_together(12)
        cards = self._card(transactions.partner_id)
        self.assertEqual(sorted(cards.mapped("points")), [10 + n for n in range(12)])
        self._assert_wallets_match_books(sum(range(10, 22)))

    def test_wallets_are_moved_with_a_constant_number_of_queries(self):
        counts = []
        for number in (2, 12):
            transactions = self._pay_together(number)
            cards = self._card(transactions.partner_id)
            cards.sudo().history_ids.unlink()
            cards.points = 0
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            transactions._paylink_move_wallets()
            self.env.flush_all()
            counts.append(self.cr.sql_log_count - before)
            self.assertEqual(sum(cards.mapped("points")), sum(range(10, 10 + number)))
        self.assertEqual(counts[1], counts[0])
