from odoo.addons.paylink_addon.tests.common import PaylinkCommon


class WalletCommon(PaylinkCommon):
    """A company with a wallet, and short ways to top-ups and to what the books say."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref("sales_team.group_sale_manager")
        cls.company._paylink_set_up_wallet()
        cls.program = cls.company._paylink_wallet_program().with_env(cls.env)
        cls.account = cls.program.paylink_account_id

    @classmethod
    def _wallet_link(cls, amount=50.0, **values):
        values = {"partner_id": cls.marie.id, "amount": amount, "kind": "wallet", **values}
        link = cls.env["paylink.link"]._create_for_user([values])
        link._issue()
        return link

    @classmethod
    def _refund(cls, transaction, amount):
        """Give back a part of a payment, as the provider confirms it."""
        refund = transaction.sudo()._create_child_transaction(amount, is_refund=True)
        refund._set_done()
        refund._post_process()
        return refund

    def _card(self, partners=None):
        return self.env["loyalty.card"].search(
            [("partner_id", "in", (partners or self.marie).ids), ("program_id", "=", self.program.id)]
        )

    def _lines(self, moves):
        """Every line of ``moves`` as ``(account, debit, credit)``."""
        return sorted((line.account_id.code, line.debit, line.credit) for line in moves.line_ids)

    def _history(self, card):
        return [(line.issued, line.used) for line in card.history_ids.sorted("id")]

    def _assert_wallets_match_books(self, total):
        """The wallets hold ``total``, and so does the account, once all orders are invoiced."""
        self.env.invalidate_all()
        program = self.program
        self.assertEqual(program.paylink_wallet_total, total)
        self.assertEqual(program.paylink_account_balance + program.paylink_uninvoiced, total)
        self.assertEqual(program.paylink_difference, 0)
