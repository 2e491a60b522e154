"""The references that we give to transfers, ISO 11649, and how they are found again in what banks write.

``RF``, two check digits, our own ``PL``, nine digits: ``RF18 PL12 3456 789``. The letters keep it apart from those that
Odoo makes of its invoices. Numbers that follow each other lie far apart: who errs, or guesses, hits nobody else's.
"""

import re
import unicodedata
from typing import NamedTuple

from stdnum.iso7064 import mod_97_10

PREFIX = "PL"
DIGITS = 9
# A bijection of the numbers below 10^9: the factor has no divisor in common with it.
_MODULUS, _FACTOR, _SHIFT = 10**DIGITS, 387420489, 271828183
_INVERSE = pow(_FACTOR, -1, _MODULUS)
# What may stand between two signs: banks cut labels into pieces and fill them up.
_GAP = r"[^A-Z0-9]{0,4}"
_PATTERN = re.compile(
    rf"(?P<r>R{_GAP})?(?P<f>F{_GAP})?(?P<check>(?<!\d)\d{_GAP}\d){_GAP}(?P<p>P{_GAP})?(?P<l>L{_GAP})?"
    rf"(?P<number>\d(?:{_GAP}\d){{{DIGITS - 1}}})(?!\d)"
)
# A whole one beside which there is no digit.
_ALONE = re.compile(rf"\D*RF(\d\d){PREFIX}(\d{{{DIGITS}}})\D*")
# What the check digits are made of: the prefix, the number, RF, and they themselves, letters as numbers.
_HEAD = int("".join(str(int(letter, 36)) for letter in PREFIX)) * 10 ** (DIGITS + 6)
_RF = 271500
_BEFORE = re.compile(r"\d[^A-Z0-9]{0,4}$")
_AFTER = re.compile(r"[^A-Z0-9]{0,4}\d")
# How the pieces of a reference are written where they were not cut at random: as one, or in fours.
_TIDY = re.compile(r"\d{9}|\d{2}\W\d{4}\W\d{3}")
# Longer texts are no labels.
LONGEST = 8000


class Found(NamedTuple):
    """A reference that a text holds.

    ``is_sure``: it can't be a piece of something longer, and says whose it is: ``RF`` or ``PL`` are there as a whole.
    """

    number: int
    is_sure: bool


def make(number):
    """The reference of the ``number``-th thing, without spaces. Numbers start with 1 and stay below 10^9."""
    body = f"{PREFIX}{(number * _FACTOR + _SHIFT) % _MODULUS:0{DIGITS}d}"
    return f"RF{mod_97_10.calc_check_digits(f'{body}RF')}{body}"


def written(reference):
    """``reference`` in groups of four, as people read it."""
    return " ".join(reference[start : start + 4] for start in range(0, len(reference), 4))


def plain(text):
    """A text of a bank with capital letters and plain digits, without accents."""
    text = (text or "")[:LONGEST]
    if text.isascii():
        return text.upper()
    text = unicodedata.normalize("NFKD", text).upper()
    return "".join(sign for sign in text if not unicodedata.combining(sign))


def find(text):
    """The references of ours that ``text`` (see :func:`plain`) holds, each once, as :class:`Found`.

    Letters may be missing, spaces and line breaks too many: the check digits have to be right all the same. A number
    that is part of a longer one is none.
    """
    if alone := _ALONE.fullmatch(text):  # nothing else can be one; most labels are like that
        check, digits = alone.groups()
        return [Found(_number(digits), True)] if _is_valid(check, digits) else []
    found = {}
    position = 0
    while match := _PATTERN.search(text, position):
        position = match.start("check") + 1
        digits = re.sub(r"\D", "", match["number"])
        check = re.sub(r"\D", "", match["check"])
        if reading := _read(text, match, check, digits):
            found[reading.number] = found.get(reading.number, False) or reading.is_sure
    return [Found(number, is_sure) for number, is_sure in found.items()]


def _is_valid(check, digits):
    """Whether the check digits are right: ISO 7064, with the letters as numbers."""
    return (_HEAD + int(digits) * 10**6 + _RF + int(check)) % 97 == 1


def _number(digits):
    return (int(digits) - _SHIFT) * _INVERSE % _MODULUS


def _read(text, match, check, digits):
    if not _is_valid(check, digits):
        return None
    start, end = match.span()
    has_rf, has_pl = match["r"] and match["f"], match["p"] and match["l"]
    is_cut = bool(_AFTER.match(text, end))
    if is_cut and has_rf and has_pl and _TIDY.fullmatch(match["number"]) and text[end].isspace():
        is_cut = False
    if not has_rf and not (has_pl and text[start - 1 : start].isspace()):
        is_cut = is_cut or bool(_BEFORE.search(text, max(match.start("check") - 5, 0), match.start("check")))
    # Banks glue words to a whole one; where letters lack, a piece of some other word or number would look alike.
    is_whole = bool(has_rf and has_pl) or _stands_free(text, match, has_rf)
    if (is_cut or not is_whole) and not (has_rf or has_pl):
        return None
    return Found(_number(digits), bool(has_rf or has_pl) and is_whole and not is_cut)


def _stands_free(text, match, has_rf):
    """Whether it begins and ends where a word does."""
    heads = ["r"] if has_rf else [name for name in ("r", "f", "check") if match[name]]
    begins = any(not text[match.start(head) - 1 : match.start(head)].isalnum() for head in heads)
    return begins and not text[match.end() : match.end() + 1].isalnum()
