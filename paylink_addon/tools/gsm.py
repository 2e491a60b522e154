"""The text of an SMS: in its own alphabet (GSM 03.38) if that has all its letters, else in UCS-2, which holds less than
half as much.
"""

import unicodedata
from typing import NamedTuple

BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = set("^{}\\[~]|€")
# What a message that is one SMS holds, and each part of a longer one: in GSM's places, in UTF-16 code units.
GSM_LIMITS, UCS2_LIMITS = (160, 153), (70, 67)
# Signs that stand for one currency only. An amount without its currency would be worse than a long one.
CURRENCIES = dict(
    pair.split()
    for pair in [
        "฿ THB",
        "₡ CRC",
        "₦ NGN",
        "₩ KRW",
        "₪ ILS",
        "₫ VND",
        "₭ LAK",
        "₮ MNT",
        "₱ PHP",
        "₲ PYG",
        "₴ UAH",
        "₵ GHS",
        "₸ KZT",
        "₹ INR",
        "₺ TRY",
        "₼ AZN",
        "₽ RUB",
        "₾ GEL",
    ]
)
REPLACEMENTS = str.maketrans(
    CURRENCIES
    | {"’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "...", "œ": "oe", "Œ": "OE"}
)


class SmsSize(NamedTuple):
    """How long a message is (``length``), what one SMS of its alphabet holds (``limit``), as how many it is sent."""

    length: int
    limit: int
    parts: int


def sms_text(text, currencies=()):
    """``text`` as it is sent: signs and accents that GSM lacks give way to the nearest that it has; a text with letters
    or digits that have none (Łódź, Київ) stays as it is, and takes more SMS.

    :param currencies: pairs of symbol and ISO code: a symbol that GSM can't write is told by its code
    """
    for symbol, code in currencies:
        if symbol and symbol.strip() and not is_gsm(symbol):
            text = text.replace(symbol.strip(), code)
    near = "".join(_nearest(character) for character in text.translate(REPLACEMENTS))
    return text if _LOST in near else near


# No text holds it: it is a noncharacter of Unicode.
_LOST = "\uffff"


def _nearest(character):
    """What GSM has for ``character``: nothing for signs it lacks, ``_LOST`` for letters and digits."""
    if character in BASIC or character in EXTENDED:
        return character
    if character.isspace():  # amounts in French hold narrow no-break spaces
        return " "
    near = "".join(part for part in unicodedata.normalize("NFKD", character) if part in BASIC)
    return near or (_LOST if unicodedata.category(character)[0] in "LN" else "")


def is_gsm(text):
    """Whether ``text`` is in GSM's alphabet as it is."""
    return not set(text) - BASIC - EXTENDED


def sms_size(text):
    """How long ``text`` is and as how many messages it is sent; a character of two places is not torn apart.

    :rtype: SmsSize
    """
    if is_gsm(text):
        sizes, (limit, part) = [2 if character in EXTENDED else 1 for character in text], GSM_LIMITS
    else:
        sizes, (limit, part) = [2 if ord(character) > 0xFFFF else 1 for character in text], UCS2_LIMITS
    length = sum(sizes)
    return SmsSize(length, limit, 1 if length <= limit else _parts(sizes, part))


def fitting(text, room, least):
    """What of ``text`` takes no more than ``room`` places of an SMS: all of it, else its beginning; nothing where there
    are less than ``least`` places.
    """
    if sms_size(sms_text(text)).length <= room:
        return text
    if room < least:
        return ""
    beginning = text[: room - len("...")]
    while sms_size(sms_text(beginning)).length > room - len("..."):
        beginning = beginning[:-1]
    return f"{beginning.strip()}..."


def _parts(sizes, limit):
    parts, used = 1, 0
    for size in sizes:
        if used + size > limit:
            parts, used = parts + 1, 0
        used += size
    return parts
