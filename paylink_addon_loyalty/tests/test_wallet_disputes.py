from odoo.tests import tagged

from odoo.addons.paylink_addon.tests.stripe.event_common import EventCommon

from .common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletDisputes(EventCommon, WalletCommon):
    """A top-up that the customer's bank takes back, and gives back: in the wallet as in the books."""

    def setUp(self):
        super().setUp()
        self.company.sudo().paylink_fee_account_id = self.company_data["default_account_expense"]

    def topped_up(self, amount=50):
        tx = self.pay_on_page(self._wallet_link(amount, currency_id=self.program.currency_id.id))
        self.deliver_and_handle()
        return tx

    def disputed(self, tx, **values):
        found = self.fake.dispute(tx.paylink_stripe_intent, **values)
        self.deliver_and_handle()
        return found

    def dispute_of(self, found):
        return self.env["paylink.dispute"].search([("name", "=", found["id"])])

    def test_taken_back_leaves_the_wallet_once(self):
        tx = self.topped_up()
        self.fake.disturb("duplicate", "charge.dispute.*", times=3)
        dispute = self.dispute_of(self.disputed(tx))
        outstanding = dispute.withdrawal_id.outstanding_account_id.code
        self.assertEqual(
            self._lines(dispute.withdrawal_id.move_id), sorted([(outstanding, 0, 50), (self.account.code, 50, 0)])
        )
        self.assertEqual((self._card().points, self._history(self._card())), (0, [(50, 0), (0, 50)]))
        self._assert_wallets_match_books(0)
        self.assertFalse(tx.paylink_id.activity_ids)

    def test_won_is_in_the_wallet_again(self):
        found = self.disputed(self.topped_up())
        self.fake.disturb("duplicate", "charge.dispute.*", times=3)
        self.fake.close_dispute(found["id"], won=True)
        self.deliver_and_handle()
        self.assertEqual(self.dispute_of(found).reinstatement_id.amount, 50)
        self.assertEqual(self._history(self._card()), [(50, 0), (0, 50), (50, 0)])
        self._assert_wallets_match_books(50)

    def test_part_is_taken_back(self):
        self.disputed(self.topped_up(), amount=2000)
        self._assert_wallets_match_books(30)

    def test_spent_money_taken_back_is_somebodys_task(self):
        tx = self.topped_up()
        self._card()._paylink_add(-40)
        self.disputed(tx)
        self.assertEqual(self._card().points, -40)
        self.assertIn("took back", tx.paylink_id.activity_ids.note)
        self.assertEqual(tx.paylink_id.activity_ids.user_id, tx.paylink_id.user_id)
