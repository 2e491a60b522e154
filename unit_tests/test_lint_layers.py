# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The lint of the house finds each way to break its rules, and nothing in a house that keeps them.

Plain unittest: run by `make test`.
"""

import tempfile
import textwrap
import unittest
from pathlib import Path

from dev.lint_layers import LONGEST, check_layers

LINK = """
    class PaylinkLink(models.Model):
        _name = "paylink.link"

        paylink_amount_due = fields.Monetary()
        owner_user_id = fields.Many2one("res.users")

        def _paylink_is_payable(self):
            return self.paylink_amount_due > 0
"""
RULE = '''
    class PaylinkReminderRule(models.Model):
        """Who is reminded of the links of ``paylink.link``."""

        _name = "paylink.reminder.rule"

        paylink_days_late = fields.Integer()

        def _pick_late_links(self):
            self.env.cr.execute("SELECT paylink_amount_due FROM paylink_link")
            return self.env["paylink.link"].filtered("owner_user_id").filtered(lambda link: link._paylink_is_payable())
'''
STAGE = '''
    """Stage of ``paylink.link``: how it is paid."""


    class PaylinkLink(models.Model):
        _inherit = "paylink.link"

        def _paylink_pay(self):
            return None
'''


class TestLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addon = Path(folder.name) / "house"
        self.write("models/link/__init__.py", "from . import paylink_link, paylink_link_pay")
        self.write("models/link/paylink_link.py", LINK)
        self.write("models/link/paylink_link_pay.py", STAGE)
        self.write("models/reminder/paylink_reminder_rule.py", RULE)
        self.write("controllers/pay.py", 'LINK = "paylink.link"')
        self.write("tools/stripe_client.py", "import stripe")
        self.write("tests/stripe/test_stripe.py", "import stripe")

    def write(self, place, text):
        path = self.addon / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())

    def found(self):
        """What the lint says of the house: ``place: text``, without its name."""
        return [line.removeprefix("house/") for line in check_layers(self.addon)]

    def assert_found(self, *places):
        """The lint finds these and nothing else: each a file and line, and a word of what is said of them."""
        found = self.found()
        self.assertEqual([line.split(": ")[0] for line in found], [place for place, _text in places], found)
        for line, (_place, text) in zip(found, places, strict=True):
            self.assertIn(text, line)

    def test_a_house_that_keeps_the_rules(self):
        self.assert_found()

    def test_an_upward_call_however_it_is_written(self):
        ways = {
            "a method": "link._pick_late_links()",
            "a field": "link.paylink_days_late",
            "a field's path in a string": 'link.mapped("rule_ids.paylink_days_late")',
            "a field in a domain": '[("rule_ids.paylink_days_late", ">", 3)]',
            "a value by keyword": "link.write(dict(paylink_days_late=3))",
            "a model": 'env["paylink.reminder.rule"]',
            "a table in SQL": 'env.cr.execute("DELETE FROM paylink_reminder_rule WHERE link_id = 1")',
            "a column in SQL": 'env.cr.execute("SELECT r.paylink_days_late FROM some_view r")',
        }
        for way, code in ways.items():
            with self.subTest(way):
                self.write("models/link/res_partner.py", f"def look(env, link):\n    return {code}\n")
                found = self.found()
                self.assertTrue(found)
                for line in found:
                    self.assertRegex(line, r"^models/link/res_partner\.py:2: link may not call reminder: ")

    def test_an_upward_call_by_import(self):
        self.write("models/stripe/const.py", "SECRET = 1")
        self.write("models/link/res_partner.py", "from ..stripe import const")
        self.assert_found(("models/link/res_partner.py:1", "link may not call stripe"))

    def test_what_two_subjects_have_is_called_by_both(self):
        self.write(
            "models/deposit/paylink_link.py",
            """
            class PaylinkLink(models.Model):
                _inherit = "paylink.link"

                def _paylink_is_payable(self):
                    return super()._paylink_is_payable()
            """,
        )
        self.assert_found()

    def test_a_controller_belongs_to_a_subject(self):
        self.write("controllers/page.py", 'LINK = "paylink.link"')
        self.write("controllers/nobodys.py", "")
        self.assert_found(
            ("controllers/nobodys.py:1", "folder of no subject"),
            ("controllers/page.py:1", "messaging may not call link: paylink.link"),
        )

    def test_a_word_of_somebody_elses_business(self):
        self.write("models/link/res_partner.py", "def look(order):\n    return order.sale_order_id\n")
        self.assert_found(("models/link/res_partner.py:2", "link may not call deposit: sale_order_id"))

    def test_a_docstring_calls_nobody(self):
        self.write("models/link/res_partner.py", 'def look():\n    """Not ``paylink.reminder.rule``."""\n')
        self.assert_found()

    def test_a_method_defined_twice(self):
        self.write("models/link/paylink_link_pay.py", STAGE.replace("_paylink_pay", "_paylink_is_payable"))
        self.assert_found(
            ("models/link/paylink_link_pay.py:7", "paylink.link._paylink_is_payable is defined twice"),
        )

    def test_a_second_class_that_is_no_stage(self):
        without = STAGE.replace("Stage of ``paylink.link``: how it is paid.", "How a link is paid.")
        other = STAGE.replace("``paylink.link``", "``paylink.link.line``")
        for text in (without, other):
            with self.subTest(text.splitlines()[1]):
                self.write("models/link/paylink_link_pay.py", text)
                self.assert_found(("models/link/paylink_link_pay.py:4", "a class of paylink.link, neither in"))

    def test_a_stage_is_named_after_its_model(self):
        self.write("models/link/paying.py", STAGE.replace("_paylink_pay", "_paylink_pay_too"))
        self.assert_found(("models/link/paying.py:4", "a class of paylink.link, neither in"))

    def test_two_models_in_one_file(self):
        self.write("models/link/paylink_link_pay.py", STAGE + STAGE.partition('"""\n')[2].replace("link", "part"))
        self.assertEqual(len([line for line in self.found() if "neither in" in line]), 2)

    def test_a_file_in_no_subject(self):
        self.write("models/paylink_thing.py", "")
        self.write("models/attic/paylink_thing.py", "")
        self.assert_found(
            ("models/attic/paylink_thing.py:1", "folder of no subject"),
            ("models/paylink_thing.py:1", "folder of no subject"),
        )

    def test_a_file_that_is_too_long(self):
        self.write("models/link/res_partner.py", "ONE = 1\n" * LONGEST)
        self.write("models/link/res_company.py", "ONE = 1\n" * (LONGEST + 1))
        self.assert_found(("models/link/res_company.py:1", f"more than {LONGEST} lines"))

    def test_the_sdk_imported_elsewhere(self):
        ways = ["import stripe", "from stripe import params", "import stripe.params", "def late():\n    import stripe"]
        for text in ways:
            with self.subTest(text):
                self.write("tools/stripe_errors.py", text)
                self.assert_found((f"tools/stripe_errors.py:{text.count(chr(10)) + 1}", "only tools/stripe_client.py"))
        self.write("tools/stripe_errors.py", "from .stripe import shapes\nfrom .stripe_client import StripeApi\n")
        self.assert_found()
