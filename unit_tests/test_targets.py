# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""What `make test T=…` understands, and that no file of tests is forgotten.

Plain unittest: run by `make test`.
"""

import tempfile
import unittest
from pathlib import Path

from dev.log import Outcome, follow
from dev.system import ROOT, Failed
from dev.targets import chosen, every
from dev.test import miss, parts

FILES = {
    "shop/tests/test_money.py": "TestMoney",
    "shop/tests/link/test_link.py": "TestLink",
    "shop/tests/link/test_pay.py": "TestPay",
    "shop/tests/reminder/test_run.py": "TestRun",
    "shop_crm/tests/test_opportunity.py": "TestOpportunity",
    "live_tests/test_pay.py": "TestPayAlive",
    "unit_tests/test_units.py": "TestUnits",
}
LOG = "2026-11-27 02:12:38,123 7 INFO shop odoo.addons.{module}: Starting {test} ..."


class TestTargets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for place, name in FILES.items():
            path = Path(folder.name) / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"class {name}:\n    pass\n")
        self.there = every(Path(folder.name), ["shop", "shop_crm"])

    def meant(self, *names):
        return [str(target) for target in chosen(names, self.there)]

    def test_every_file_is_found(self):
        self.assertEqual(sorted(str(target) for target in self.there), sorted(FILES))

    def test_names(self):
        link, pay = "shop/tests/link/test_link.py", "shop/tests/link/test_pay.py"
        cases = {
            "test_link": [link],
            "test_link.py": [link],
            link: [link],
            "test_link.TestLink": [f"{link}: TestLink"],
            "test_link.TestLink.test_amount": [f"{link}: TestLink.test_amount"],
            "test_money": ["shop/tests/test_money.py"],
            "test_opportunity": ["shop_crm/tests/test_opportunity.py"],
            "test_units": ["unit_tests/test_units.py"],
            "test_pay": [pay, "live_tests/test_pay.py"],
            "link": [link, pay],
            "shop/tests/link/": [link, pay],
            "shop_crm": ["shop_crm/tests/test_opportunity.py"],
            "live_tests": ["live_tests/test_pay.py"],
            "test_link,reminder": [link, "shop/tests/reminder/test_run.py"],
            "test_link, reminder": [link, "shop/tests/reminder/test_run.py"],
            "test_link link": [link, pay],
        }
        for name, places in cases.items():
            with self.subTest(name=name):
                self.assertEqual(self.meant(name), places)
        self.assertEqual(self.meant("test_link", "test_units"), [link, "unit_tests/test_units.py"])

    def test_a_wrong_name_says_what_there_is(self):
        for name, words in {
            "test_lnk": "Did you mean test_link",
            "remindr": "Did you mean reminder",
            "xyz": "folders link, live_tests, reminder",
            "nothing": "test_link, test_money, test_opportunity, test_pay",
            "link.TestLink": "called link",
            "test_link.TestPay": "has no class TestPay, but TestLink",
        }.items():
            with self.subTest(name=name), self.assertRaisesRegex(Failed, words):
                self.meant(name)

    def test_a_file_of_which_nothing_ran_fails_the_run(self):
        lines = [
            LOG.format(module="shop.tests.link.test_link", test="TestLink.test_amount"),
            LOG.format(module="shop_crm.tests.test_opportunity", test="TestOpportunity.test_one"),
        ]
        outcome = follow(lines, lambda *_args: None)
        miss(chosen(["test_link", "shop_crm", "test_units"], self.there), outcome)
        self.assertEqual(outcome.failed, {})
        miss(chosen(["link"], self.there), outcome)
        self.assertEqual(list(outcome.failed), ["shop/tests/link/test_pay.py"])

    def test_a_method_of_which_nothing_ran_fails_the_run(self):
        lines = [LOG.format(module="shop.tests.link.test_link", test="TestLink.test_amount")]
        for names, failed in {"TestLink.test_amount": 0, "TestLink": 0, "TestLink.test_amoun": 1}.items():
            with self.subTest(names=names):
                outcome = follow(lines, lambda *_args: None)
                miss(chosen([f"test_link.{names}"], self.there), outcome)
                self.assertEqual(len(outcome.failed), failed)

    def test_outcomes_add_up(self):
        total, part = (
            Outcome(),
            follow([LOG.format(module="shop.tests.test_money", test="TestMoney.test_a")], lambda *_args: None),
        )
        total.add(part)
        miss(chosen(["test_money"], self.there), total)
        self.assertEqual((total.run, total.failed), (1, {}))


class TestOurTree(unittest.TestCase):
    def test_every_folder_of_tests_hands_its_files_on(self):
        """Odoo runs what the packages import: each file is named in the one beside it."""
        for target in every():
            if target.is_inside:
                with self.subTest(target=str(target)):
                    text = (target.path.parent / "__init__.py").read_text()
                    self.assertRegex(text, rf"(?m)^from \. import {target.place.stem}$")

    def test_subjects_are_folders(self):
        for subject in ("link", "deposit", "statement", "dispute", "stripe", "reminder"):
            with self.subTest(subject=subject):
                found = chosen([subject], every())
                self.assertEqual({target.path.parent.name for target in found}, {subject})
        self.assertEqual(len(chosen(["unit_tests"], every())), len(list((ROOT / "unit_tests").glob("test_*.py"))))

    def test_each_test_is_in_one_part(self):
        there = every()
        divided = [target for part in parts(there).values() for target in part]
        self.assertCountEqual(divided, there)


if __name__ == "__main__":
    unittest.main()
