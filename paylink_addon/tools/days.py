"""Which day it is. Days depend on where: nothing else in the add-ons makes a day of a moment (see ``pyproject.toml``).

Three clocks are used, each on purpose:

- **The customer's**, where the customer acts or reads: whether a discount holds for who pays now, what is late on a
  page, the dates and times of pages and messages. It is the contact's time zone, else the company's:
  ``res.partner._paylink_timezone``.
- **The company's**, in the books and in all that the company does by itself: dates of payments and entries, also where
  customers read them, on pages and receipts (``payment.transaction._paylink_moved_on``), rates of currencies, ages of
  debts, reminders, promises and objections, the end of quotations, deadlines of chargebacks, the year of a link's
  number: ``res.company._paylink_today``, ``_paylink_day`` and, for what Odoo itself dates, ``_paylink_in_books``.
- **The reader's**, for the deadlines of tasks, of which Odoo says by the clock of who has them whether they are late,
  and for moments that employees are told.

Never the server's, nor that of the user who happens to look on or whose right a job uses. Moments are stored as Odoo
does it: in UTC, without saying so.

What a page has promised for a day holds for some minutes after it, for who clicks in time but arrives after midnight:
:data:`GRACE`, see ``paylink.link._promised_days``.
"""

from datetime import datetime, time, timedelta

import psycopg2
import pytz

GRACE = timedelta(minutes=15)
# Where a day begins first.
EARLIEST = "Pacific/Kiritimati"
# Where most people of a country live, or its capital is, if its list of zones begins elsewhere.
MAIN_ZONES = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "FM": "Pacific/Pohnpei",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "UZ": "Asia/Tashkent",
}
HOURS = {"hours": 1, "days": 24}
# No link lasts longer: ten years. A number that somebody has typed may be far beyond what clocks can tell.
LONGEST_HOURS = 87600


def zone(name):
    """The time zone of this name; UTC where there is none."""
    return pytz.timezone(name) if name in pytz.all_timezones_set else pytz.utc


def known(*names):
    """The first of these names that is one of a time zone: lists of them change, and what was chosen long ago stays."""
    return next((name for name in names if name in pytz.all_timezones_set), "UTC")


def of_country(code, *preferred):
    """The name of the time zone of a country: the first of ``preferred`` that is one of its own, else its main one.

    :param str code: ISO 3166 code, or nothing
    :return: ``None`` where no country of this code is known
    """
    zones = pytz.country_timezones.get(code or "", ())
    own = (name for name in (*preferred, MAIN_ZONES.get(code)) if name in zones)
    return next(own, zones[0] if zones else None)


def in_units(hours):
    """A time as people say it: a number, and ``days`` or ``hours``."""
    return (hours // 24, "days") if hours and hours % 24 == 0 else (hours, "hours")


def in_hours(number, unit):
    """The hours of a number of ``days`` or ``hours``; of what is too long, as many as are too long."""
    return min(number * HOURS[unit or "hours"], LONGEST_HOURS + 1)


def now():
    """The present moment, as Odoo stores it."""
    return datetime.now(pytz.utc).replace(tzinfo=None)


def local(moment, timezone):
    """A stored ``moment`` as a clock in ``timezone`` (a name) shows it."""
    return pytz.utc.localize(moment).astimezone(zone(timezone))


def day(moment, timezone):
    """The day on which a stored ``moment`` falls in ``timezone``."""
    return local(moment, timezone).date()


def today(timezone):
    """The day it is in ``timezone``."""
    return day(now(), timezone)


def beginning(date, timezone):
    """The moment, as Odoo stores it, at which ``date`` begins in ``timezone``."""
    midnight = zone(timezone).localize(datetime.combine(date, time()))
    return midnight.astimezone(pytz.utc).replace(tzinfo=None)


def in_database(cr, timezone):
    """``timezone`` (a name) as it can be asked of PostgreSQL: its own list of zones may be an older one, without names
    that Python knows. Then it is given the rules that hold today.
    """
    if timezone not in pytz.all_timezones_set:
        return "UTC"
    return timezone if _database_knows(cr, timezone) else rules(timezone)


def rules(timezone):
    """The rules of a zone as POSIX writes them: the last line of its file (RFC 8536)."""
    with pytz.open_resource(timezone) as file:
        return file.read().rsplit(b"\n", 2)[-2].decode()


def _database_knows(cr, timezone):
    try:
        with cr.savepoint(flush=False):
            cr.execute("SELECT now() AT TIME ZONE %s", [timezone], log_exceptions=False)
    except psycopg2.errors.InvalidParameterValue:
        return False
    return True
