"""What can be known of an address without asking anybody: for a small sign on the contact. Knows no Odoo model."""

import functools
from typing import NamedTuple

import phonenumbers

from .addresses import MOBILE_TYPES, BadAddress, parse_phone, split_emails, visible

# No mail can be delivered there: https://www.rfc-editor.org/rfc/rfc2606 and rfc6761, 6762, 7686, 9476.
RESERVED_TLDS = {"test", "example", "invalid", "localhost", "local", "internal", "lan", "home", "onion", "alt", "arpa"}
RESERVED_DOMAINS = {"example.com", "example.net", "example.org"}
# Domains that people mean, by what they type instead.
TYPOS = {
    **dict.fromkeys(("gmial.com", "gmai.com", "gmal.com", "gamil.com", "gnail.com", "gmil.com"), "gmail.com"),
    **dict.fromkeys(("gmaill.com", "gmail.co", "gmail.cm", "gmail.fr", "gemail.com"), "gmail.com"),
    **dict.fromkeys(("hotmial.com", "hotmai.com", "hotmal.com", "hotmil.com", "hotmaill.com"), "hotmail.com"),
    **dict.fromkeys(("hotmial.fr", "hotmai.fr", "hotmal.fr"), "hotmail.fr"),
    **dict.fromkeys(("outlok.com", "outlouk.com", "outloo.com", "oulook.com"), "outlook.com"),
    **dict.fromkeys(("outlok.fr", "oulook.fr"), "outlook.fr"),
    **dict.fromkeys(("yaho.com", "yahooo.com", "yhoo.com", "yaoo.com"), "yahoo.com"),
    **dict.fromkeys(("yaho.fr", "yahooo.fr", "yhoo.fr"), "yahoo.fr"),
    **dict.fromkeys(("orage.fr", "ornage.fr", "oranges.fr", "orang.fr"), "orange.fr"),
    **dict.fromkeys(("wanado.fr", "wandoo.fr", "wanadou.fr"), "wanadoo.fr"),
    **dict.fromkeys(("lapost.net", "la-poste.net", "laposte.fr"), "laposte.net"),
    **dict.fromkeys(("videotrn.ca", "vidotron.ca", "videotro.ca", "videotron.qc.ca"), "videotron.ca"),
    **dict.fromkeys(("sympatico.com", "simpatico.ca", "sympatco.ca", "sympatique.ca"), "sympatico.ca"),
    "cgocable.com": "cgocable.ca",
    **dict.fromkeys(("gmail.ca", "gmaill.ca"), "gmail.com"),
    **dict.fromkeys(("hotmial.ca", "hotmai.ca", "hotmal.ca"), "hotmail.ca"),
    **dict.fromkeys(("outlok.ca", "oulook.ca"), "outlook.ca"),
    **dict.fromkeys(("yaho.ca", "yahooo.ca", "yhoo.ca"), "yahoo.ca"),
    "icoud.com": "icloud.com",
    "sfr.f": "sfr.fr",
}
TYPO_TLDS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "nte": "net", "ogr": "org"}


class Verdict(NamedTuple):
    """``state``: valid, doubtful, unknown or invalid; ``code`` says why, ``value`` what of."""

    state: str
    code: str
    value: str = ""


def check_email(text, bounces=0):
    """What is known of the address(es) in ``text``: the worst verdict of all.

    :param int bounces: how many messages came back
    :return: a :class:`Verdict`, or ``None`` where there is no address
    """
    if not visible(text).strip():
        return None
    try:
        addresses = split_emails(text)
    except BadAddress as error:
        return Verdict("invalid", "email_syntax", error.value)
    if not addresses:
        return Verdict("invalid", "email_syntax", text)
    verdicts = [_check_domain(address.rpartition("@")[2]) for address in addresses]
    return next(
        (verdict for state in ("invalid", "doubtful") for verdict in verdicts if verdict.state == state),
        Verdict("doubtful", "email_bounced", str(bounces)) if bounces else verdicts[0],
    )


def _check_domain(domain):
    tld = domain.rpartition(".")[2]
    if tld in RESERVED_TLDS or domain in RESERVED_DOMAINS or tld.isdigit():
        return Verdict("invalid", "email_reserved", domain)
    meant = TYPOS.get(domain) or (f"{domain[: -len(tld)]}{TYPO_TLDS[tld]}" if tld in TYPO_TLDS else None)
    return Verdict("doubtful", "email_typo", meant) if meant else Verdict("valid", "email_ok", domain)


@functools.lru_cache(maxsize=4096)
def check_phone(number, country_code=None):
    """What is known of a phone number.

    :param str country_code: ISO code of the country to read a national number in
    :return: a :class:`Verdict`, or ``None`` where there is no number
    """
    if not visible(number).strip():
        return None
    try:
        parsed = parse_phone(number, country_code)
    except phonenumbers.NumberParseException as error:
        no_country = not country_code and error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        return Verdict("unknown", "phone_country", number) if no_country else Verdict("invalid", "phone", number)
    if not phonenumbers.is_possible_number(parsed):
        return Verdict("invalid", "phone", number)
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    if not phonenumbers.is_valid_number(parsed):
        return Verdict("unknown", "phone_unassigned", text)
    kind = phonenumbers.number_type(parsed)
    if kind == phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE:
        return Verdict("unknown", "phone_either", text)
    return Verdict("valid", "phone_mobile" if kind in MOBILE_TYPES else "phone_landline", text)
