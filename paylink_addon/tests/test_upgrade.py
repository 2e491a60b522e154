from odoo import Command
from odoo.tests import TransactionCase, tagged
from odoo.tools import convert_file

DEFAULTS = [
    ("account.group_account_invoice", "paylink_addon.group_paylink_user"),
    ("sales_team.group_sale_salesman", "paylink_addon.group_paylink_user"),
    ("base.group_system", "paylink_addon.group_payment_manager"),
]


@tagged("post_install", "-at_install")
class TestUpgrade(TransactionCase):
    """What an administrator decides outlives an update of the add-on."""

    def _load(self, mode):
        for file in ("security/paylink_groups.xml", "security/paylink_rules.xml"):
            convert_file(self.env, "paylink_addon", file, {}, mode=mode)

    def _given(self):
        self.env.invalidate_all()
        return [self.env.ref(group) in self.env.ref(holder).implied_ids for holder, group in DEFAULTS]

    def test_default_groups_are_given_when_installing_only(self):
        self.assertEqual(self._given(), [True] * 3)
        for holder, group in DEFAULTS:
            self.env.ref(holder).implied_ids = [Command.unlink(self.env.ref(group).id)]
        for _update in range(2):
            self._load("update")
            self.assertEqual(self._given(), [False] * 3)
        self._load("init")
        self.assertEqual(self._given(), [True] * 3)

    def test_groups_of_the_add_on_are_updated(self):
        group = self.env.ref("paylink_addon.group_paylink_all")
        group.implied_ids = [Command.clear()]
        group.sequence = 99
        self._load("update")
        self.assertEqual(group.sequence, 20)
        self.assertIn(self.env.ref("paylink_addon.group_paylink_user"), group.implied_ids)
