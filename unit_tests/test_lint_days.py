# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The lint of days finds each way to take the day of a clock that nobody has chosen.

Plain unittest: run by `make test`.
"""

import unittest

from dev.lint_days import naive_days


class TestLintDays(unittest.TestCase):
    """What is told of a line of code."""

    def test_days_of_a_clock_that_nobody_has_chosen(self):
        for code in (
            "fields.Date.today()",
            "fields.Date(default=fields.Date.context_today)",
            "Date.context_today(self)",
            "fields.Datetime.context_timestamp(self, moment)",
            "fields.Datetime.today()",
            "date.today()",
            "datetime.utcnow()",
            "(self.evidence_due or now).date()",
            "import pytz",
            "from pytz import timezone",
            "currency._convert(amount, other, company)",
        ):
            with self.subTest(code=code):
                self.assertEqual(len(list(naive_days(code))), 1)

    def test_what_is_fine(self):
        for code in (
            "days.today(company.paylink_tz)",
            "company._paylink_today()",
            "fields.Datetime.now()",
            "invoice.date",
            "currency._convert(amount, other, company, day)",
            "currency._convert(amount, other, company=company, date=day)",
        ):
            with self.subTest(code=code):
                self.assertEqual(list(naive_days(code)), [])


if __name__ == "__main__":
    unittest.main()
