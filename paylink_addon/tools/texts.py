"""Texts as other programs, or people, want them."""

from .stripe_errors import redact

REASON_LENGTH = 500


def one_line(text):
    """``text`` on a single line, as headers and the like must be; what is empty stays what it is."""
    return " ".join(filter(None, map(str.strip, text.splitlines()))) if text else text


def reason(error):
    """What an exception says to who has to look into it: without secrets, and without what no database stores."""
    return redact(str(error) or type(error).__name__).replace("\0", "")[-REASON_LENGTH:]
