import re

import polib
from odoo.tests import TransactionCase, tagged
from odoo.tools import file_path

# What banks do, and what people note: never the same word.
BANKS = re.compile(r"chargeback|litige", re.IGNORECASE)
PEOPLE = re.compile(r"\bobject(s|ed|ions?)?\b|contest", re.IGNORECASE)
# What is done with an authorized amount.
CAPTURE = re.compile(r"\bcaptur", re.IGNORECASE)


@tagged("post_install", "-at_install")
class TestWords(TransactionCase):
    """One word for one thing, on every screen."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.french = {
            entry.msgid: entry.msgstr for entry in polib.pofile(file_path("paylink_addon/i18n/fr.po")) if entry.msgstr
        }

    def test_menus_open_screens_of_their_names(self):
        """A screen may say it in fewer words: *Rules* of *Reminder Rules*."""
        ours = self.env["ir.model.data"].search([("module", "=like", "paylink_addon%"), ("model", "=", "ir.ui.menu")])
        for menu in self.env["ir.ui.menu"].browse(ours.mapped("res_id")):
            action = menu.action
            if not action or action._name != "ir.actions.act_window" or not action.res_model.startswith("paylink."):
                continue
            with self.subTest(menu.complete_name):
                self.assertIn(action.name.lower(), menu.name.lower())

    def test_banks_and_people(self):
        for english, french in self.french.items():
            with self.subTest(english):
                self.assertFalse(BANKS.search(english) and PEOPLE.search(french))
                self.assertFalse(PEOPLE.search(english) and BANKS.search(french))

    def test_captured_in_one_word(self):
        """Odoo's own: its dialog has the same button."""
        for english, french in self.french.items():
            if CAPTURE.search(english):
                with self.subTest(english):
                    self.assertRegex(french, CAPTURE)

    def test_providers_are_called_as_odoo_calls_them(self):
        menu = self.env.ref("paylink_addon.paylink_provider_menu").with_context(lang="fr_FR")
        odoos = self.env.ref("account_payment.payment_provider_menu").with_context(lang="fr_FR")
        self.assertEqual(menu.name, odoos.name)
