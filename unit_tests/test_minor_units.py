"""Amounts are exact in every currency, both ways. Plain unittest: run by `make test`."""

import random
import unittest
from decimal import Decimal

from tools.money import ISO_4217, STRIPE, MoneyError, read_amount, to_major, to_minor


class TestToMinor(unittest.TestCase):
    def test_decimals_at_stripe(self):
        cases = [
            ("EUR", "10.50", 1050),
            ("cad", "0.01", 1),
            ("JPY", "500", 500),
            ("KRW", "500.0", 500),
            ("KWD", "1.230", 1230),
            ("TND", "5.12", 5120),
            ("BHD", "0.01", 10),
            ("JOD", "7", 7000),
            ("OMR", "1.5", 1500),
            ("ISK", "5", 500),
            ("UGX", "5", 500),
            ("MGA", "5000", 5000),
            ("HUF", "10.45", 1045),
            ("TWD", "800.45", 80045),
        ]
        for currency, major, minor in cases:
            with self.subTest(currency=currency):
                self.assertEqual(to_minor(Decimal(major), currency), minor)
                self.assertEqual(to_minor(major, currency), minor)
                self.assertEqual(to_minor(float(major), currency), minor)
                self.assertEqual(to_minor(-float(major), currency), -minor)

    def test_iso_differs_from_stripe(self):
        for currency, iso, stripe in [("ISK", 5, 500), ("UGX", 5, 500), ("MGA", 500, 5), ("KWD", 5000, 5000)]:
            with self.subTest(currency=currency):
                self.assertEqual(to_minor(5, currency, ISO_4217), iso)
                self.assertEqual(to_minor(5, currency, STRIPE), stripe)

    def test_amount_too_fine_is_refused_with_its_step(self):
        cases = [
            ("EUR", "10.005", "0.01"),
            ("JPY", "10.5", "1"),
            ("KWD", "1.234", "0.010"),
            ("TND", "5.001", "0.010"),
            ("ISK", "5.50", "1.00"),
            ("UGX", "0.01", "1.00"),
            ("MGA", "0.2", "1"),
        ]
        for currency, major, step in cases:
            for amount in (major, Decimal(major), float(major)):
                message = rf"{currency} .*steps of {step}\."
                with self.subTest(currency=currency, amount=amount), self.assertRaisesRegex(MoneyError, message):
                    to_minor(amount, currency)

    def test_float_noise_is_dropped(self):
        for amount, minor in [
            (0.1 + 0.2, 30),
            (1.1 * 3, 330),
            (10.1 + 20.2, 3030),
            (19.99 * 100, 199900),
            (-0.0, 0),
            (0.1 + 0.2 - 0.3, 0),
        ]:
            with self.subTest(amount=amount):
                self.assertEqual(to_minor(amount, "EUR"), minor)
        self.assertEqual(to_minor(sum([0.1] * 10), "EUR"), 100)

    def test_float_with_a_real_digit_too_many_is_kept_and_refused(self):
        for amount in (0.300001, 10.0000001, 1234567.891, 99999999.999):
            with self.subTest(amount=amount), self.assertRaises(MoneyError):
                to_minor(amount, "EUR")

    def test_float_too_large_to_be_exact_is_refused_but_its_decimal_is_not(self):
        with self.assertRaisesRegex(MoneyError, "too large"):
            to_minor(1e15 + 0.3, "EUR")
        self.assertEqual(to_minor(Decimal("1000000000000000.30"), "EUR"), 100000000000000030)

    def test_what_is_not_money_is_refused(self):
        for amount in (
            None,
            True,
            False,
            "",
            "ten",
            "NaN",
            "1e99",
            "1e-999999",
            1e300,
            float("nan"),
            float("inf"),
            Decimal("-Infinity"),
            [1],
        ):
            with self.subTest(amount=amount), self.assertRaises(MoneyError):
                to_minor(amount, "EUR")

    def test_what_is_not_a_currency_is_refused(self):
        for currency in ("", None, "EURO", "€€€", "ЕUR", 978):
            with self.subTest(currency=currency), self.assertRaises(MoneyError):
                to_minor(1, currency)
            with self.subTest(currency=currency), self.assertRaises(MoneyError):
                to_major(1, currency)


class TestToMajor(unittest.TestCase):
    def test_decimals_at_stripe(self):
        cases = [
            ("EUR", 1050, "10.50"),
            ("jpy", 500, "500"),
            ("KWD", 1234, "1.234"),
            ("ISK", 500, "5.00"),
            ("MGA", 5, "5"),
        ]
        for currency, minor, major in cases:
            with self.subTest(currency=currency):
                self.assertEqual(str(to_major(minor, currency)), major)

    def test_only_integers(self):
        for minor in (10.0, "10", True, None, Decimal(10)):
            with self.subTest(minor=minor), self.assertRaises(MoneyError):
                to_major(minor, "EUR")

    def test_there_and_back(self):
        """Also through the float that a monetary field keeps."""
        numbers = random.Random(20261121)
        for currency in ("EUR", "CAD", "JPY", "KWD", "ISK", "UGX", "MGA", "CLF"):
            for _attempt in range(300):
                minor = numbers.randrange(-(10**9), 10**9) * STRIPE.step_of(currency)
                with self.subTest(currency=currency, minor=minor):
                    self.assertEqual(to_minor(to_major(minor, currency), currency), minor)
                    self.assertEqual(to_minor(float(to_major(minor, currency)), currency), minor)


class TestReadAmount(unittest.TestCase):
    def test_as_people_type(self):
        """By decimals of the currency, decimal point and thousands separator of the language."""
        french, english, german = (",", "\u202f"), (".", ","), (",", ".")
        cases = [
            ("300", 2, french, "300"),
            ("300.50", 2, french, "300.50"),
            ("1 234,50", 2, french, "1234.50"),
            ("1.234,50", 2, french, "1234.50"),
            ("1,234.50", 2, french, "1234.50"),
            ("1'000.50", 2, french, "1000.50"),
            ("1,234,567", 2, french, "1234567"),
            ("1,000", 2, english, "1000"),
            ("1.000", 2, german, "1000"),
            ("1,50", 2, english, "1.50"),
            ("0,500", 2, french, "0.5"),
            ("10,000", 0, french, "10000"),
            ("10,000", 0, english, "10000"),
            ("1,000", 3, french, "1"),
            ("1.000", 3, english, "1"),
            ("1,000", 3, english, "1000"),
            (".5", 2, english, "0.5"),
            ("３００", 2, french, "300"),
        ]
        for text, decimals, signs, expected in cases:
            with self.subTest(text=text, decimals=decimals, signs=signs):
                self.assertEqual(read_amount(text, decimals, *signs), [Decimal(expected)])

    def test_two_readings(self):
        for text, signs in (("1,000", (",", "\u202f")), ("1.000", (",", "\u202f")), ("1.000", (".", ","))):
            with self.subTest(text=text):
                self.assertEqual(read_amount(text, 2, *signs), [Decimal(1000), Decimal(1)])

    def test_no_amount(self):
        wrong = (
            "",
            "-3",
            "1e5",
            "nan",
            "inf",
            "1..5",
            "1,23,456",
            "12,3456",
            "12,345",
            "10.5.5",
            "a",
            "1\x00",
            "9" * 41,
        )
        for text in wrong:
            with self.subTest(text=text):
                self.assertEqual(read_amount(text, 2, ",", "\u202f"), [])
        self.assertEqual(read_amount("10,5", 0, ",", "\u202f"), [])


if __name__ == "__main__":
    unittest.main()
