from odoo.tests import tagged

from odoo.addons.paylink_addon.tests.bank.bank_common import BankMixin

from .common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletBank(BankMixin, WalletCommon):
    """A transfer tops the wallet up, as any payment by the link does; undone, it is as before."""

    def test_transfer(self):
        self._prepare_bank()
        link = self._wallet_link(50)
        line = self._bank_line(link.transfer_reference, 50)
        self.assertEqual((link.state, line.is_reconciled, self._card().points), ("paid", True, 50))
        self._assert_wallets_match_books(50)
        line.paylink_match_ids.action_undo()
        self.assertEqual((link.state, line.is_reconciled, self._card().points), ("open", False, 0))
        self._assert_wallets_match_books(0)
        self.assertFalse(link.activity_ids)

    def test_transfer_that_was_spent_before_it_was_undone(self):
        self._prepare_bank()
        link = self._wallet_link(50)
        line = self._bank_line(link.transfer_reference, 50)
        self._card()._paylink_add(-40)
        line.paylink_match_ids.action_undo()
        self.assertEqual((self._card().points, len(link.activity_ids)), (-40, 1))
        self.assertFalse(link._paylink_done_wallet_overdrawn(link.activity_ids))
        self._card()._paylink_add(40)
        self.assertTrue(link._paylink_done_wallet_overdrawn(link.activity_ids))
