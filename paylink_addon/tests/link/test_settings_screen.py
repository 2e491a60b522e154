import re
from pathlib import Path

from lxml import etree
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ...models.card.paylink_card_code import CAPS
from ...tools.parameters import MOST
from ..common import PaylinkCommon

VIEWS = "//app[@name='paylink_addon']"
ADDON = Path(__file__).parents[2]
# What a company has, and nobody sets: a wish for a run of reminders; the expiry, set as a number and its unit.
NO_SETTINGS = {"paylink_reminder_requested", "paylink_expiry_hours"}


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

    def test_what_a_company_can_choose_is_a_setting(self):
        fields = self.env["res.company"]._fields
        chosen = {name for name, field in fields.items() if _is_ours(name) and field.store and not field.readonly}
        self.assertEqual(chosen - set(self.env["res.config.settings"]._fields), NO_SETTINGS)

    def test_each_parameter_is_a_setting(self):
        """Also 0 is what somebody means; what nobody has changed stays what we propose."""
        sources = "".join(path.read_text() for path in [ADDON / "const.py", *ADDON.glob("models/**/*.py")])
        found = set(re.findall(r'PARAMETER = "(paylink_addon\.[\w%]+)"', sources))
        parameters = {name.replace("%s", cap) for name in found for cap in (CAPS if "%s" in name else [""])}
        self.assertEqual(len(parameters), 8)
        Settings, config = self.env["res.config.settings"], self.env["ir.config_parameter"]
        names = [name for name, field in Settings._fields.items() if _is_ours(name) and field.type == "integer"]
        Settings.create({name: Settings.default_get(names).get(name, Settings.new()[name]) for name in names}).execute()
        for parameter in sorted(parameters):
            with self.subTest(parameter):
                self.assertFalse(config.get_param(parameter))
                config.set_param(parameter, "71")
                [name] = [name for name in names if Settings.new()[name] == 71]
                Settings.create({name: 72}).execute()
                self.assertEqual(config.get_param(parameter), "72")
                for number in (-1, MOST + 1):
                    with self.assertRaisesRegex(ValidationError, "enter a number"):
                        Settings.create({name: number})
                config.set_param(parameter, False)
        Settings.create({"paylink_abandoned_after": 0}).execute()
        self.assertEqual(Settings.new().paylink_abandoned_after, 0)

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
