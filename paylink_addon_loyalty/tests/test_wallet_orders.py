from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletOrders(WalletCommon):
    """Spending a wallet by Odoo's own reward: the account follows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.marie.lang = "en_US"  # an order speaks its customer's language
        cls._pay(cls._wallet_link(50))
        cls.work = cls.env["product.product"].create(
            {"name": "Work", "list_price": 30, "type": "service", "invoice_policy": "order", "taxes_id": False}
        )
        cls.top_up = cls.env.ref("loyalty.ewallet_product_50")
        cls.top_up.write({"taxes_id": False, "invoice_policy": "order"})

    def _order(self, *products):
        return self.env["sale.order"].create(
            {
                "partner_id": self.marie.id,
                "order_line": [Command.create({"product_id": product.id}) for product in products],
            }
        )

    def _spend(self, order):
        """Claim the eWallet reward, as the button on the order does."""
        order._update_programs_and_rewards()
        claimable = order._get_claimable_rewards()
        card = self._card()
        reward = claimable[card]
        return order._apply_program_reward(reward, card)

    def test_spending_takes_it_from_the_account(self):
        order = self._order(self.work)
        self._spend(order)
        self.assertEqual(order.amount_total, 0)
        order.action_confirm()
        self.assertEqual(self._card().points, 20)
        # The wallet is debited by the order, the account by its invoice: until then the difference is accounted for.
        self.assertEqual((self.program.paylink_account_balance, self.program.paylink_uninvoiced), (50, -30))
        self._assert_wallets_match_books(20)
        invoice = order._create_invoices()
        invoice.action_post()
        income = invoice.line_ids.filtered(lambda line: line.product_id == self.work).account_id.code
        self.assertEqual(
            [line for line in self._lines(invoice) if line[1] or line[2]],
            sorted([(income, 0, 30), (self.account.code, 30, 0)]),
        )
        self._assert_wallets_match_books(20)
        self.assertEqual(self.program.paylink_uninvoiced, 0)

    def test_cancelled_order_gives_it_back(self):
        order = self._order(self.work)
        self._spend(order)
        order.action_confirm()
        order._action_cancel()
        self.assertEqual(self._card().points, 50)
        self._assert_wallets_match_books(50)

    def test_odoos_own_top_up_product_is_booked_alike(self):
        order = self._order(self.top_up)
        order.action_confirm()
        self.assertEqual(self._card().points, 100)
        self._assert_wallets_match_books(100)
        invoice = order._create_invoices()
        invoice.action_post()
        receivable = self.marie.property_account_receivable_id.code
        self.assertEqual(self._lines(invoice), sorted([(receivable, 50, 0), (self.account.code, 0, 50)]))
        self._assert_wallets_match_books(100)

    def test_wallet_never_pays_a_top_up(self):
        with self.assertRaisesRegex(UserError, "can't be topped up from a wallet"):
            self._spend(self._order(self.top_up))
        # What was claimed before the top-up was added is given up.
        order = self._order(self.work)
        self._spend(order)
        order.order_line = [Command.create({"product_id": self.top_up.id})]
        order._update_programs_and_rewards()
        self.assertFalse(order.order_line.filtered("is_reward_line"))
        self.assertEqual(order.amount_total, 80)
