"""How often strangers may have something done: what is asked for is counted by whom it is for, and where it comes from.

Each time is a row of a table, with ``address``, ``network`` and ``site`` as :func:`marks` gives them: what they are of
is not to be read there.
"""

import ipaddress
import logging
from datetime import timedelta
from typing import NamedTuple

from odoo.tools import SQL, hmac
from psycopg2.errors import LockNotAvailable

from .addresses import one_mailbox
from .locks import in_turn

_logger = logging.getLogger(__name__)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# The networks that one who has many of IPv6 is given together, as IPv6 gives them to whoever asks.
SITE = 48
# Somebody has kept others from their turn for long: that is too much, too.
BUSY = "busy"


class Cap(NamedTuple):
    """So many rows there may be before another one is made."""

    name: str
    most: int
    alike: SQL  # which rows count; one whose column is empty never does
    within: timedelta | None = HOUR  # how far back; ``None``: all there are


def marks(env, purpose, ip, email=None):
    """Where something comes from, and whom it is for, as it is kept to be counted.

    :param str purpose: what is counted: elsewhere the same is kept differently
    :param str ip: as the server knows it, or nothing
    :param str email: normalized, or nothing
    :return: values of the columns ``address``, ``network`` and ``site``; ``None``: not known, it counts nowhere
    """
    named = {
        "address": one_mailbox(email) if email else None,
        "network": _network(ip),
        "site": _network(ip, SITE),
    }
    return {name: _mark(env, f"{purpose}.{name}", text) for name, text in named.items()}


def same(column, value):
    """A condition for :class:`Cap`: the column says the same."""
    return SQL("%s = %s", SQL.identifier(column), value)


def full(env, table, moment, now, caps):
    """The names of ``caps`` that are reached; nothing, if there is room. One query.

    :param str table: its rows are what is counted
    :param str moment: the column that says when
    :param caps: of :class:`Cap`
    """
    alike = [cap.alike if not cap.within else _since(cap.alike, moment, now - cap.within) for cap in caps]
    query = SQL(
        "SELECT %s FROM %s WHERE %s",
        SQL(", ").join(SQL("count(*) FILTER (WHERE %s)", one) for one in alike),
        SQL.identifier(table),
        SQL(" OR ").join(SQL("(%s)", one) for one in alike),
    )
    env.cr.execute(query, log_exceptions=False)
    counts = env.cr.fetchone()
    return [cap.name for cap, count in zip(caps, counts, strict=True) if count >= cap.most]


def store(env, table, values, moment, caps):
    """Store a row, unless there are too many: two at the same moment do not both take the last place. What is stored is
    in no log. Commits before and after.

    :param dict values: of the columns; when it is stands in ``moment``
    :return: as of :func:`full`, or :data:`BUSY`
    """
    if reached := full(env, table, moment, values[moment], caps):
        return reached
    try:
        with in_turn(env.cr, table):
            reached = full(env, table, moment, values[moment], caps)
            if not reached:
                columns = SQL(", ").join(map(SQL.identifier, values))
                query = SQL("INSERT INTO %s (%s) VALUES %s", SQL.identifier(table), columns, tuple(values.values()))
                env.cr.execute(query, log_exceptions=False)
    except LockNotAvailable:
        _logger.info("A row of %s could not be stored: somebody holds what it is of.", table)
        return [BUSY]
    return reached


def _since(alike, moment, first):
    return SQL("(%s) AND %s > %s", alike, SQL.identifier(moment), first)


def _mark(env, purpose, text):
    return hmac(env(su=True), purpose, text) if text else None


def _network(ip, size=64):
    """What counts as one place: of IPv6 each home has a network of addresses.

    :param int size: length of the prefix, of IPv6
    :return: text, or ``None``: nobody knows, or there is none of this size
    """
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.version == 4:
        return None if size == SITE else f"{address}/32"
    return str(ipaddress.ip_network(f"{address}/{size}", strict=False))
