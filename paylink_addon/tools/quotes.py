"""Finds the tokens of our pages in what others quote: the addresses in an answer are seldom as they were sent.

Gateways and mail programs wrap them into addresses of their own, whose encodings are undone here:

- a whole address within a query string: Outlook's Safe Links, Google, Barracuda, Cisco (percent signs, also twice)
- within a path: Proofpoint's URL Defense, version 3; version 2 writes ``-2F`` and ``_``
- as base64: Sophos

The host is anybody's: a company may have had another one. Whether what follows the path is a token of ours, the caller
knows.
"""

import base64
import binascii
import html
import re
from urllib.parse import unquote

from ..const import TOKEN_BYTES, TOKEN_PARAMETERS, TOKEN_PATHS

# In base64, and thus in an address.
TOKEN_LENGTH = TOKEN_BYTES * 4 // 3
ADDRESS = re.compile(
    rf"[\\/]+(?:{'|'.join(path.strip('/') for path in TOKEN_PATHS)})[\\/]+([A-Za-z0-9_-]{{{TOKEN_LENGTH}}})"
)
# The addresses on the way to a provider and back: nobody else has such paths.
ATTEMPT = re.compile(
    rf"[\\/]+paylink[\\/]+[\w\\/]+\?(?:[^?]*[&;])?(?:{'|'.join(TOKEN_PARAMETERS)})=([A-Za-z0-9_-]{{16,}})", re.ASCII
)
# What stands between spaces, quotation marks and tags, and is long enough.
CHUNK = re.compile(rf"[^\s\"'<>]{{{TOKEN_LENGTH},}}")
# The beginning of an address: ``http``.
BASE64 = re.compile(r"aHR0c[\w+/-]+", re.ASCII)
PROOFPOINT = re.compile(r"-([0-9A-F]{2})", re.ASCII)
MAX_NESTING = 4
HIDDEN = "…"


def tokens(text):
    """The tokens in the addresses that ``text`` quotes.

    :param str text: plain, or HTML
    :return: two sets: what may be tokens of pages, and what are tokens whoever looks
    """
    readings = {reading for chunk in CHUNK.findall(text) for reading in _readings(chunk)}
    return tuple({token for reading in readings for token in kind.findall(reading)} for kind in (ADDRESS, ATTEMPT))


def without(text, known):
    """``text`` without these tokens; an address in which one is written in another way goes as a whole.

    :param str text: as it was given to :func:`tokens`; a ``Markup`` stays one
    :param set known: the tokens that are to be hidden
    """
    hidden = str(text)
    for token in known:
        hidden = hidden.replace(token, HIDDEN)
    hidden = CHUNK.sub(lambda chunk: HIDDEN if known & set().union(*tokens(chunk[0])) else chunk[0], hidden)
    return type(text)(hidden)


def _readings(chunk):
    """How a chunk may be meant."""
    chunk = html.unescape(chunk)
    yield from _unquoted(chunk)
    if "urldefense" in chunk:
        yield from _unquoted(PROOFPOINT.sub(r"%\1", chunk.replace("_", "/")))
    for encoded in BASE64.findall(unquote(chunk)):
        yield from _unquoted(_decoded(encoded))


def _unquoted(text):
    """``text``, and what it is without one level of percent signs after the other."""
    for _level in range(MAX_NESTING):
        yield text
        before, text = text, unquote(text)
        if text == before:
            return


def _decoded(encoded):
    """What base64 of either alphabet says, as far as it is text."""
    usable = encoded[: len(encoded) - (len(encoded) % 4 == 1)]
    padded = usable.translate(str.maketrans("-_", "+/")) + "=" * (-len(usable) % 4)
    try:
        return base64.b64decode(padded).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
