"""Long lists on the customers' pages: some at first, then a hundred on each page."""

from typing import NamedTuple

# A list of so many stands on one page.
PAGE_SIZE = 100
# So many documents stand on the page of a link itself: a phone scrolls by them.
FEW = 12
# The longest number that anybody asks for by hand.
MAX_DIGITS = 10


class Page(NamedTuple):
    """Which page of how many: both from 1 on."""

    number: int
    count: int


def whole(text):
    """The number that ``text`` says; 0 if it says none: anything may have been sent."""
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if is_number else 0


def page_of(records, number):
    """The page, and what is on it; the nearest there is to ``number``.

    :return: :class:`Page` and a slice of ``records``
    """
    count = max(-(-len(records) // PAGE_SIZE), 1)
    number = min(max(number, 1), count)
    return Page(number, count), records[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
