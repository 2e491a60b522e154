import re

import polib
from lxml import etree
from odoo.tests import TransactionCase, tagged
from odoo.tools import file_path

# What banks do, and what people note: never the same word.
BANKS = re.compile(r"chargeback|litige", re.IGNORECASE)
PEOPLE = re.compile(r"\bobject(s|ed|ions?)?\b|contest", re.IGNORECASE)
# What is called by one word in English, by which word in French, and by which ones never.
ONE_WORD = (
    (r"\bpayouts?\b", r"versement|versé", r"virement"),
    (r"\bchargebacks?\b", r"litiges? bancaires?", None),
    (r"(?<!%\()\bproviders?\b", r"fournisseur", r"prestataire"),
    (r"payment managers?\b", r"gestionnaires? des paiements", r"responsables? des paiements"),
    (r"\bbank('s)? lines?\b", r"lignes? bancaires?", None),
    (r"\breminders?\b", None, r"\b(les?|des?|la|une?|sans|aux?) relances?\b"),
    (r"\bwallets?\b(?!, direct)", r"cagnotte|e-wallet", r"portefeuille"),
    (r"\battempts?\b", r"tentative", r"\bessais?\b"),
    (r"\bbooks\b", None, r"\blivres\b"),
    (r"(?<!^payment )\bmethods?\b", None, r"\bmodes? de paiement|\bméthode"),  # the portal has Odoo's own title
    ("", None, r"\bjetons?\b(?! de paiement)"),
)
# What is done with an authorized amount.
CAPTURE = re.compile(r"\bcaptur", re.IGNORECASE)


@tagged("post_install", "-at_install")
class TestWords(TransactionCase):
    """One word for one thing, on every screen."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.french = {
            entry.msgid: entry.msgstr
            for addon in ("paylink_addon", "paylink_addon_crm", "paylink_addon_loyalty")
            for entry in polib.pofile(file_path(f"{addon}/i18n/fr.po"))
            if entry.msgstr and not entry.obsolete
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

    def test_menus_of_one_menu_have_names_of_their_own(self):
        root = self.env.ref("paylink_addon.paylink_menu_root").with_context(lang="fr_FR")
        for parent in self.env["ir.ui.menu"].search([("id", "child_of", root.id)]).with_env(root.env):
            names = parent.child_id.mapped("name")
            with self.subTest(parent.complete_name):
                self.assertEqual(len(names), len(set(names)))

    def test_one_word_for_one_thing(self):
        for english, french in self.french.items():
            for asked, word, others in ONE_WORD:
                if not re.search(asked, english, re.IGNORECASE):
                    continue
                with self.subTest(english, asked=asked):
                    self.assertTrue(not word or re.search(word, french, re.IGNORECASE), french)
                    self.assertFalse(others and re.search(others, french, re.IGNORECASE), french)

    def test_labels_are_quoted_as_they_stand_on_the_screen(self):
        for english, french in self.french.items():
            for label in re.findall(r"“([^”%]+)”", english):
                if label in self.french:
                    with self.subTest(english):
                        self.assertIn(f"« {self.french[label]} »", french.replace("\N{NO-BREAK SPACE}", " "))

    def test_dialogs_are_left_by_one_word(self):
        """Never *Cancel*, which is done to links, requests and payments."""
        names = self.env["ir.model.data"].search([("model", "=", "ir.ui.view"), ("module", "=like", "paylink%")])
        views = self.env["ir.ui.view"].browse(names.mapped("res_id"))
        buttons = [
            (view.name, node.get("string"))
            for view in views
            for node in etree.fromstring(view.arch).iter("button")
            if node.get("special") == "cancel"
        ]
        self.assertGreater(len(buttons), 8)
        self.assertEqual({string for _name, string in buttons}, {"Close"}, buttons)
