"""Checks of e-mail addresses and mobile numbers. Knows no Odoo model."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from odoo.tools.mail import email_normalize

MOBILE_TYPES = {
    phonenumbers.PhoneNumberType.MOBILE,
    # In North America a number does not tell whether it is a mobile.
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    phonenumbers.PhoneNumberType.UNKNOWN,
}
# France and its overseas departments dial each other as if they were one country: 0692… is in Réunion wherever it is
# typed, 06… in Metropolitan France. Who lives in the other territories may have a number of these, too.
FRENCH_PLAN = ("FR", "RE", "YT", "GP", "BL", "MF", "MQ", "GF")
FRENCH = {*FRENCH_PLAN, "PM", "NC", "PF", "WF"}
FRENCH_DIGITS = 9  # without the leading zero
# Where mobile numbers overseas begin: not all of their ranges are assigned yet. 0639 98… is for films.
OVERSEAS = {
    **dict.fromkeys(("690", "691"), "GP"),
    **dict.fromkeys(("692", "693"), "RE"),
    **dict.fromkeys(("696", "697"), "MQ"),
    "694": "GF",
    "639": "YT",
}
FICTITIOUS = "63998"

# What RFC 5322 lets stand in a list of addresses beside them: names in quotes, comments.
QUOTED = r'"(?:\\.|[^"\\])*"|\([^()]*\)'
PIECE = re.compile(rf'(?:{QUOTED}|<[^<>]*>|[^,;\n"<(]|["<(])+')
ASIDE = re.compile(QUOTED)
BRACKETED = re.compile(r"[^<>]*<([^<>]*)>")
# Longer ones can't be delivered: RFC 5321, 4.5.3.1.
MAX_EMAIL_LENGTH = 254
# How many texts with addresses are remembered.
REMEMBERED = 2048
# Where dots before the @ make no other address.
GMAIL = ("gmail.com", "googlemail.com")


class BadAddress(ValueError):
    """An address that can't be used; ``code`` says why: ``email``, ``phone``, ``landline``."""

    def __init__(self, code, value):
        super().__init__(f"{code}: {value}")
        self.code, self.value = code, value


def visible(text):
    """``text`` without the invisible characters that come along when it is copied; all its spaces are plain ones."""
    shown = (character for character in text or "" if unicodedata.category(character) != "Cf")
    return "".join(" " if unicodedata.category(character) == "Zs" else character for character in shown)


def split_emails(text):
    """The normalised addresses in ``text``, which separates them by commas, semicolons, line breaks or spaces. Each may
    have a name, as RFC 5322 writes it: ``"Dupont, Marie" <marie@mairie.fr>``.

    :raises BadAddress: code ``email``, value: the first piece that is no address
    """
    return list(_split(text))


@lru_cache(maxsize=REMEMBERED)
def _split(text):
    """The same as a tuple. What is sent is looked at several times: for the dialog, the check, and the message."""
    found = []
    for piece in _pieces(text):
        addresses = _addresses(piece)
        if not addresses:
            raise BadAddress("email", piece)
        found += addresses
    return tuple(dict.fromkeys(found))


def one_mailbox(email):
    """What is the same for all spellings of an address that lead to one mailbox: to be counted, not to be written to.

    :param str email: normalised
    """
    local, _at, domain = unicodedata.normalize("NFC", email).casefold().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in GMAIL:
        local, domain = local.replace(".", ""), GMAIL[0]
    return f"{local}@{domain}"


def usable_emails(text):
    """The normalised addresses in ``text``, likewise; pieces that are no addresses are left out."""
    return list(dict.fromkeys(address for piece in _pieces(text) for address in _addresses(piece)))


def _pieces(text):
    """What ``text`` separates. A name with a comma that nobody has put in quotes belongs to the address after it."""
    pieces = []
    for piece in PIECE.findall(visible(text)):
        is_named = "<" in piece and pieces and "@" not in pieces[-1]
        if is_named:
            pieces[-1] = f"{pieces[-1]}, {piece.strip()}"
        elif piece.strip():
            pieces.append(piece.strip())
    return pieces


def _addresses(piece):
    """The addresses in ``piece``: those in brackets, whatever name they have, else its words; none if one of them is
    no address.
    """
    text = ASIDE.sub(" ", piece)
    words = [word for word in BRACKETED.sub(" ", text).split() if "@" in word]
    addresses = [_normalized(word.strip()) for word in [*BRACKETED.findall(text), *words]]
    return addresses if all(addresses) else []


def _normalized(word):
    """``word`` as an address, or ``False``: a local part, and a dotted domain without empty labels."""
    address = email_normalize(word.removeprefix("mailto:"))
    local, _at, domain = (address or "").rpartition("@")
    labels = domain.split(".")
    is_plausible = (
        local
        and not re.search(r"\s|\.\.", word)
        and len(address) <= MAX_EMAIL_LENGTH
        and len(labels) > 1
        and all(labels)
        and len(labels[-1]) > 1
    )
    return is_plausible and address


def parse_phone(number, country_code=None):
    """``number`` as a ``phonenumbers.PhoneNumber``.

    :param str number: as a person typed it
    :param str country_code: ISO code of the country to read a national number in
    :raises phonenumbers.NumberParseException: it is none
    """
    parsed = phonenumbers.parse(visible(number), country_code or None)
    region = phonenumbers.region_code_for_country_code(parsed.country_code)
    national = str(parsed.national_number)
    if phonenumbers.is_valid_number(parsed) or region not in FRENCH or len(national) != FRENCH_DIGITS:
        return parsed
    others = [phonenumbers.parse(national, other) for other in FRENCH_PLAN]
    if not national.startswith(FICTITIOUS) and (overseas := OVERSEAS.get(national[:3])):
        parsed = phonenumbers.parse(national, overseas)
    return next(filter(phonenumbers.is_valid_number, others), parsed)


def readable_phone(number):
    """A number in E.164 form as people read it: ``+33 6 39 98 12 34``; what is no number stays as it is."""
    try:
        parsed = phonenumbers.parse(number or "", None)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def mobile_e164(number, country_code=None):
    """``number`` as a mobile number in E.164 form.

    :param str number: as a person typed it
    :param str country_code: ISO code of the country to read a national number in
    :raises BadAddress: code ``phone`` (no possible number) or ``landline`` (not one that takes SMS)
    """
    try:
        parsed = parse_phone(number, country_code)
    except phonenumbers.NumberParseException as error:
        raise BadAddress("phone", number) from error
    if not phonenumbers.is_possible_number_for_type(parsed, phonenumbers.PhoneNumberType.MOBILE):
        raise BadAddress("phone", number)
    # Ranges not assigned yet have no type: possible is enough. What is known to be something else is refused.
    if phonenumbers.number_type(parsed) not in MOBILE_TYPES:
        raise BadAddress("landline", number)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
