"""Checks of e-mail addresses and mobile numbers. Knows no Odoo model."""

import phonenumbers
from odoo.tools.mail import email_normalize, email_split

MOBILE_TYPES = {
    phonenumbers.PhoneNumberType.MOBILE,
    # In North America a number does not tell whether it is a mobile.
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    phonenumbers.PhoneNumberType.UNKNOWN,
}


class BadAddress(ValueError):
    """An address that can't be used; ``code`` says why: ``email``, ``phone``, ``landline``."""

    def __init__(self, code, value):
        super().__init__(f"{code}: {value}")
        self.code, self.value = code, value


def split_emails(text):
    """The normalised addresses in ``text``, which separates them by commas, semicolons or spaces.

    :raises BadAddress: code ``email``, value: the first piece that is no address
    """
    found = []
    for piece in _pieces(text):
        addresses = _addresses(piece)
        if not addresses:
            raise BadAddress("email", piece)
        found += addresses
    return list(dict.fromkeys(found))


def usable_emails(text):
    """The normalised addresses in ``text``, likewise; pieces that are no addresses are left out."""
    return list(dict.fromkeys(address for piece in _pieces(text) for address in _addresses(piece)))


def _pieces(text):
    pieces = (text or "").replace(";", ",").replace("\n", ",").split(",")
    return [piece.strip() for piece in pieces if piece.strip()]


def _addresses(piece):
    """The addresses in ``piece``; none if one of them is no address."""
    addresses = [email_normalize(address) for address in email_split(piece)]
    return addresses if all(address and _is_plausible(address) for address in addresses) else []


def _is_plausible(address):
    """Whether the address has a local part and a dotted domain without empty labels."""
    local, _at, domain = address.rpartition("@")
    labels = domain.split(".")
    return bool(local) and ".." not in local and len(labels) > 1 and all(labels) and len(labels[-1]) > 1


def mobile_e164(number, country_code=None):
    """``number`` as a mobile number in E.164 form.

    :param str number: as a person typed it
    :param str country_code: ISO code of the country to read a national number in
    :raises BadAddress: code ``phone`` (no possible number) or ``landline`` (not one that takes SMS)
    """
    try:
        parsed = phonenumbers.parse(number or "", country_code or None)
    except phonenumbers.NumberParseException as error:
        raise BadAddress("phone", number) from error
    if not phonenumbers.is_possible_number_for_type(parsed, phonenumbers.PhoneNumberType.MOBILE):
        raise BadAddress("phone", number)
    # Ranges not assigned yet have no type: possible is enough. What is known to be something else is refused.
    if phonenumbers.number_type(parsed) not in MOBILE_TYPES:
        raise BadAddress("landline", number)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
