"""Texts as other programs, or people, want them."""

import unicodedata

from odoo.tools.translate import LazyGettext

from .stripe_errors import redact

REASON_LENGTH = 500


def one_line(text):
    """``text`` on a single line, as headers and the like must be; what is empty stays what it is."""
    return " ".join(filter(None, map(str.strip, text.splitlines()))) if text else text


def typed(text, longest=200):
    """What a stranger has typed into a field of a form: one line of at most ``longest`` letters, without characters
    that nobody sees, that turn the direction of what follows, or that no database stores.

    :param text: as it came: anything
    """
    if not isinstance(text, str):
        return ""
    seen = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text[: 4 * longest])
    return " ".join(seen.split())[:longest].strip()


def typed_lines(text, longest=1000):
    """Likewise into a larger field, which may have several lines.

    :param text: as it came: anything
    """
    if not isinstance(text, str):
        return ""
    lines = (typed(line, longest) for line in text[: 4 * longest].splitlines())
    return "\n".join(filter(None, lines))[:longest].strip()


def no_formula(value):
    """``value``; a text that a spreadsheet would take for a formula is a text there."""
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(("=", "{=")) else value


def reason(error):
    """What an exception says to who has to look into it: without secrets, and without what no database stores."""
    return redact(str(error) or type(error).__name__).replace("\0", "")[-REASON_LENGTH:]


def coded(text):
    """What is stored of ``_lt("…")``, so that each reader has it in their language: see :func:`decoded`. ``None``: it
    is said already.
    """
    if not isinstance(text, LazyGettext):
        return None
    return {"module": text._module, "source": text._source, "values": text._args or {}}


def decoded(stored):
    """The text that :func:`coded` has stored, for :func:`said`, or ``None``."""
    if not stored:
        return None
    values = stored["values"]
    named = values if isinstance(values, dict) else {}
    return LazyGettext(stored["source"], *(() if named else values), _module=stored["module"], **named)


def said(text, env):
    """A text that is stored, in the language of ``env``, where it was left open until somebody knows who reads it.

    :param text: ``_lt("…")`` (Odoo's ``LazyTranslate``), or what is said already
    """
    return env._(text) if isinstance(text, LazyGettext) else text
