from lxml import etree
from odoo.tests import tagged

from ..common import PaylinkCommon

VIEWS = "//app[@name='paylink_addon']"


@tagged("post_install", "-at_install")
class TestSettings(PaylinkCommon):
    """One look at all settings of ours: each has its place, and a line that says what it does."""

    def test_each_setting_has_its_block_and_its_help(self):
        Settings = self.env["res.config.settings"]
        ours = {name for name, field in Settings._fields.items() if field.type != "many2many" and _is_ours(name)}
        self.assertIn("paylink_reminders", ours)
        arch = etree.fromstring(Settings.get_view(view_type="form")["arch"])
        (app,) = arch.xpath(VIEWS)
        shown = {node.get("name"): node for node in app.iter("field") if _is_ours(node.get("name"))}
        self.assertEqual(ours, set(shown))
        for name, node in shown.items():
            with self.subTest(name):
                (setting,) = node.iterancestors("setting")
                (block,) = node.iterancestors("block")
                self.assertTrue(block.get("title"))
                self.assertTrue(setting.get("help"))
        for setting in app.iter("setting"):
            with self.subTest(setting.get("id")):
                self.assertTrue(setting.get("help"))

    def test_who_sees_them_may_change_them(self):
        """Administrators see them; of the others nobody sees a setting, nor the menu that leads to them."""
        settings = self.env.ref("paylink_addon.paylink_config_menu")
        admin = self._user("admin.too", "base.group_system")
        manager = self._user("manager", "paylink_addon.group_payment_manager")
        for user, expected in ((admin, True), (manager, False)):
            with self.subTest(user.login):
                self.assertEqual(self.env["res.config.settings"].with_user(user).has_access("create"), expected)
                self.assertEqual(settings.id in self.env["ir.ui.menu"].with_user(user)._visible_menu_ids(), expected)
        values = {"paylink_allow_partial": True, "paylink_reminders": True, "paylink_reminder_gap_days": 3}
        config = self.env["res.config.settings"].with_user(admin).with_company(self.company)
        config.create(values | {"company_id": self.company.id}).execute()
        self.assertEqual({name: self.company[name] for name in values}, values)


def _is_ours(name):
    return name.startswith("paylink_")
