"""References of transfers, and how they are found again in what banks write. Plain unittest: run by `make test`."""

import unittest

from stdnum import iso11649
from tools import creditor_reference
from tools.creditor_reference import find, make, plain, written

NUMBER = 4711


class TestCreditorReference(unittest.TestCase):
    def setUp(self):
        self.reference = make(NUMBER)
        self.check, self.digits = self.reference[2:4], self.reference[6:]

    def _found(self, text):
        return [(found.number, found.is_sure) for found in find(plain(text))]

    def test_references_are_valid_and_each_its_own(self):
        made = [make(number) for number in [*range(1, 3000), 10**9 - 1]]
        self.assertEqual(len(set(made)), len(made))
        for reference in made:
            self.assertTrue(iso11649.is_valid(reference), reference)
            self.assertEqual(reference[4:6], creditor_reference.PREFIX)
            self.assertEqual(len(reference), 15)

    def test_found_in_dirty_labels(self):
        check, digits = self.check, self.digits
        labels = [
            self.reference,
            written(self.reference),
            self.reference.lower(),
            f"VIR SEPA DUPONT {self.reference} MERCI",
            f"VIREMENT DE M DUPONT{self.reference}FACTURE",
            f"/RFB/{written(self.reference)}/EREF/NOTPROVIDED",
            f"RF{check}\nPL{digits[:4]}\r\n{digits[4:]} payé",
            f"RF{check}-PL{digits[:2]}-{digits[2:6]}-{digits[6:]}",
            f"F{check}PL{digits}",
            f"{check}PL{digits} Dupont",
            f"RF{check} L{digits}",
            f"RF{check} {digits}",
            f"12/11/26 {check}PL{digits}",
            f"{written(self.reference)} 150,00 EUR",
            f"{self.reference} 2026",
            "\u200b".join(self.reference),
            self.reference.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        ]
        for label in labels:
            with self.subTest(label):
                self.assertEqual(self._found(label), [(NUMBER, True)])

    def test_what_is_not_sure(self):
        """Digits alone may be anybody's; so is what goes on in a way that no reference is written."""
        check, digits = self.check, self.digits
        for label in (
            f"{check}{digits}",
            f"RF{check}PL{digits[:4]} {digits[4:]} 77",
            f"RF{check}PL{digits}-77",
            f"VIR {check}{digits}",
            f"REF {check}{digits}",
            f"OF {check}{digits}",
            f"F{check}{digits}",
            f"RF{check}{digits}AB",
            f"XRF{check}{digits}",
            f"AB{check}PL{digits}",
        ):
            with self.subTest(label):
                self.assertEqual(self._found(label), [(NUMBER, False)])

    def test_no_reference(self):
        check, digits = self.check, self.digits
        wrong = f"{(int(check) + 1) % 97:02d}"
        swapped = digits[1] + digits[0] + digits[2:]
        labels = [
            "",
            None,
            f"RF{wrong}PL{digits}",
            f"RF{check}PL{swapped}" if swapped != digits else "",
            f"{self.reference}7",
            f"7{check}PL{digits}",
            f"9{check}{digits}",
            f"{check}{digits}9",
            f"33 {check}{digits}",
            f"{check}{digits} 44",
            "RF18539007547034",
            "FR7630006000011234567890189",
            f"RF{check}XX{digits}",
            f"A4F{check}{digits}B1",
            f"VIR{check}{digits}",
            f"{check}{digits}AB",
        ]
        for label in labels:
            with self.subTest(label):
                self.assertEqual(self._found(label), [])

    def test_several(self):
        other = make(NUMBER + 1)
        found = self._found(f"{self.reference} {other} {self.reference}")
        self.assertCountEqual(found, [(NUMBER, True), (NUMBER + 1, True)])
