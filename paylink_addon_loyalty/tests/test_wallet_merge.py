from odoo.tests import tagged

from .common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletMerge(WalletCommon):
    """Customers with wallets, merged by Odoo's own wizard."""

    def test_refund_takes_from_the_wallet_that_went_on(self):
        kept, source = self._pay(self._wallet_link(30)), self._pay(self._wallet_link(50, partner_id=self.john.id))
        partners = self.marie | self.john
        wizard = (
            self.env["base.partner.merge.automatic.wizard"]
            .with_context(active_model="res.partner", active_ids=partners.ids)
            .create({})
        )
        wizard.dst_partner_id = self.marie
        wizard.action_merge()
        self.env.invalidate_all()
        self._assert_wallets_match_books(80)
        self._refund(source, 50)
        self.assertEqual((len(self._card()), self._card().points), (1, 30))
        self._assert_wallets_match_books(30)
        self._refund(kept, 10)
        self._pay(self._wallet_link(5))
        self.assertEqual((self._card().points, len(self._history(self._card()))), (25, 5))
        self._assert_wallets_match_books(25)
