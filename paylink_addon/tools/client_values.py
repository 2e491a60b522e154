"""What clients send as values of fields: JSON holds anything, and Odoo believes it until something breaks on it."""

import re

from odoo import fields, models
from odoo.fields import Command

# Larger numbers are no sums of money, nor of anything that we count; later days no time zone can tell.
LARGEST_NUMBER = 1e15
LARGEST_INTEGER = 2**31 - 1
YEARS = range(1900, 3000)
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# What each command says behind its own number: an id, ids, values.
COMMANDS = {
    Command.CREATE: ("any", "values"),
    Command.UPDATE: ("any", "values"),
    Command.DELETE: ("id",),
    Command.UNLINK: ("id",),
    Command.LINK: ("id",),
    Command.CLEAR: (),
    Command.SET: ("any", "ids"),
}


def is_value(field, value):
    """Whether ``value`` can be one of ``field``, as far as its type tells; nothing always can."""
    if value is None or value is False:
        return True
    if isinstance(value, int | float | str) and not value and not field.type.endswith("2many"):
        return True  # Odoo takes it for nothing
    check = CHECKS.get(field.type)
    return check is None or check(value)


def _is_integer(value):
    return _is_number(value) and abs(value) <= LARGEST_INTEGER


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_NUMBER


def _is_moment(value):
    try:
        return fields.Datetime.to_datetime(value).year in YEARS
    except (TypeError, ValueError, AttributeError):
        return False


def _is_text(value):
    """Whether it can be stored: no database has NUL, nor halves of letters. What is no text, Odoo makes one of."""
    return not isinstance(value, str) or not UNSTORABLE.search(value)


def _is_choice(value):
    return isinstance(value, str) and _is_text(value)


def _is_id(value):
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER


def _is_reference(value):
    """An id, or a record."""
    return isinstance(value, models.BaseModel) or _is_id(value)


def _is_references(value):
    """Ids, records, or commands."""
    if isinstance(value, models.BaseModel):
        return True
    return isinstance(value, tuple | list) and all(_is_id(command) or _is_command(command) for command in value)


def _is_command(command):
    if not isinstance(command, tuple | list) or not command or not isinstance(command[0], int):
        return False
    if command[0] not in COMMANDS:
        return False
    wanted = COMMANDS[command[0]]
    return len(command) > len(wanted) and all(map(_is_part, wanted, command[1:]))


def _is_part(kind, value):
    """Whether ``value`` is what a command says in this place."""
    if kind == "ids":
        return isinstance(value, tuple | list) and all(map(_is_id, value))
    return {"id": _is_id(value), "values": isinstance(value, dict)}.get(kind, True)


CHECKS = {
    "integer": _is_integer,
    "float": _is_number,
    "monetary": _is_number,
    "date": _is_moment,
    "datetime": _is_moment,
    "char": _is_text,
    "text": _is_text,
    "html": _is_text,
    "selection": _is_choice,
    "many2one": _is_reference,
    "one2many": _is_references,
    "many2many": _is_references,
}
