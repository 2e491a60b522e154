from odoo.tests import tagged

from ..models import payment_transaction
from .common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletTasks(WalletCommon):
    """As those of the core, each task ends by itself when what it asks for is done: there is a case for each key."""

    def test_each_key(self):
        keys = [value for name, value in vars(payment_transaction).items() if name.startswith("TASK_")]
        for key in sorted(keys):
            with self.subTest(key=key), self.cr.savepoint() as point:
                way = getattr(self, f"case_{key}")()
                self.env.cr.flush()
                self.assertTrue(self.open_tasks(key))
                way()
                self.env.cr.flush()
                self.assertFalse(self.open_tasks(key))
                point.rollback()

    def open_tasks(self, key):
        return self.env["mail.activity"].sudo().search([("paylink_key", "=", key)])

    def case_wallet_overdrawn(self):
        """The customer has topped up again."""
        paid = self._pay(self._wallet_link(50))
        self._card().sudo().points = 10
        self._refund(paid, 50)
        return lambda: self._pay(self._wallet_link(50))

    def case_wallet_archived(self):
        """The program is restored."""
        link = self._wallet_link(50)
        self._pay(self._wallet_link(20))
        self.program.active = False
        self._pay(link)
        return lambda: self.program.write({"active": True})
