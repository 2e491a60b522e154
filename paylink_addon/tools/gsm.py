"""The alphabet of SMS (GSM 03.38): one character outside of it more than halves what a message holds."""

import unicodedata

BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = set("^{}\\[~]|€")
# An amount without its currency would be worse than a long one.
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


def to_gsm(text):
    """``text`` with what the alphabet lacks replaced by the nearest characters it has, or left out."""
    return "".join(_nearest(character) for character in text.translate(REPLACEMENTS))


def _nearest(character):
    if character in BASIC or character in EXTENDED:
        return character
    if character.isspace():  # amounts in French hold narrow no-break spaces
        return " "
    return "".join(part for part in unicodedata.normalize("NFKD", character) if part in BASIC)


def gsm_length(text):
    """How many of an SMS's 160 places ``text`` takes; ``None`` if it needs another alphabet."""
    if set(text) - BASIC - EXTENDED:
        return None
    return sum(2 if character in EXTENDED else 1 for character in text)


def gsm_parts(text, length, part_length):
    """How many SMS ``text``, in this alphabet, is sent as.

    :param int length: the places of a message that is one SMS
    :param int part_length: the places of each part of a longer one; a character of two places is not torn apart
    """
    sizes = [2 if character in EXTENDED else 1 for character in text]
    if sum(sizes) <= length:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > part_length:
            parts, used = parts + 1, 0
        used += size
    return parts
