"""Exact conversion between major units and integer minor units of a currency.

A *major* amount is what people read (``10.50`` EUR); a *minor* amount is the integer that a payment provider
wants (``1050``). How many minor units make a major one depends on the currency and on who is asked: ISO 4217 and
Stripe disagree on a few currencies, so each function takes a :class:`Norm`, Stripe's by default.

Everything is computed with :class:`decimal.Decimal`. Nothing is ever rounded silently: an amount that can't be
expressed raises :class:`MoneyError`.

Sources: https://docs.stripe.com/currencies (zero-decimal, three-decimal, special cases) and ISO 4217, list one.
"""

import math
import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation

# Floats carry the noise of the sums they come from (0.1 + 0.2 - 0.3). Up to this many units in the last place of the
# float, or this part of the currency's smallest step, are taken as noise.
FLOAT_NOISE_ULPS = 64
FLOAT_NOISE_STEP = Decimal("1e-9")

# What people type: digits in groups of three; longer texts are no amounts.
GROUP = 3
GROUPED = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+|[1-9][0-9]{0,2}(\.[0-9]{3})+")
MAX_TYPED = 40
# What stands between digits, and the marks of direction around an amount that was copied.
UNREAD = re.compile("[\\s'’_\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}\N{ARABIC LETTER MARK}]")

# Larger or smaller powers of ten than this are no sums of money.
MAX_EXPONENT = 30

# Wide enough for any sum of money; rounding in it is an error, never a result.
EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])


class MoneyError(ValueError):
    """The amount can't be expressed in this currency, or isn't an amount at all. The message is for a person."""


@dataclass(frozen=True)
class Norm:
    """How one authority writes amounts.

    :ivar name: the authority, for messages
    :ivar decimals: decimals by currency code, where they differ from two
    :ivar steps: minor units of which an amount must be a multiple, by currency code, where it is not one
    """

    name: str
    decimals: dict = field(default_factory=dict)
    steps: dict = field(default_factory=dict)

    def decimals_of(self, currency):
        """Number of decimals of ``currency`` (ISO code, any case), as an ``int``."""
        return self.decimals.get(_code(currency), 2)

    def step_of(self, currency):
        """Smallest step of an amount in ``currency``, in minor units, as an ``int``."""
        return self.steps.get(_code(currency), 1)


_ZERO = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
_THREE = ("BHD", "JOD", "KWD", "OMR", "TND")

ISO_4217 = Norm(
    "ISO 4217",
    decimals={
        **dict.fromkeys((*_ZERO, "ISK", "UGX", "UYI"), 0),
        **dict.fromkeys((*_THREE, "IQD", "LYD"), 3),
        **dict.fromkeys(("CLF", "UYW"), 4),
    },
)

# ISK and UGX lost their decimals but keep two in the API, "where the decimal amount is always 00"; MGA has none in
# the API. The last digit of a three-decimal amount must be 0. (HUF and TWD are whole in payouts only.)
STRIPE = Norm(
    "Stripe",
    decimals={**ISO_4217.decimals, **dict.fromkeys(("ISK", "UGX"), 2), "MGA": 0},
    steps={**dict.fromkeys(_THREE, 10), **dict.fromkeys(("ISK", "UGX"), 100)},
)


def to_minor(amount, currency, norm=STRIPE):
    """Convert a major amount into minor units.

    :param amount: major units: ``int``, ``Decimal``, ``str``, or a ``float`` as Odoo keeps monetary fields (taken
        as the amount it stands for: binary noise is dropped, a digit too many is not)
    :param str currency: ISO 4217 code, any case
    :param Norm norm: whose minor units
    :return: minor units
    :rtype: int
    :raise MoneyError: not a finite number, more decimals than the currency has, or not a multiple of its step
    """
    code, decimals, step = _code(currency), norm.decimals_of(currency), norm.step_of(currency)
    unit = Decimal(step).scaleb(-decimals)
    exact = _decimal(amount, unit)
    minor = exact.scaleb(decimals, context=EXACT)
    if minor != minor.to_integral_value() or int(minor) % step:
        raise MoneyError(
            f"{exact.normalize():f} {code} can't be paid exactly: {norm.name} takes {code} amounts in steps of "
            f"{unit:f}. Change the amount."
        )
    return int(minor)


def to_major(minor, currency, norm=STRIPE):
    """Convert minor units into a major amount.

    Any integer is accepted, whatever the step: fees and conversions are not bound to it.

    :param int minor: minor units
    :param str currency: ISO 4217 code, any case
    :param Norm norm: whose minor units
    :return: major units, with as many decimals as the norm has for the currency
    :rtype: decimal.Decimal
    :raise MoneyError: ``minor`` is not an integer
    """
    if not isinstance(minor, int) or isinstance(minor, bool):
        raise MoneyError(f"{minor!r} is not an integer number of minor units of {_code(currency)}.")
    return Decimal(minor).scaleb(-norm.decimals_of(currency), context=EXACT)


def read_amount(text, decimals, decimal_point=".", thousands_sep=","):
    """The amounts that a person may have meant by ``text``: one where it is plain, two where it can be read two ways
    (``1,000`` of a currency with two decimals, by whose language the comma separates decimals), none where it is no
    amount. Never negative.

    :param int decimals: how many decimals an amount of the currency has
    :param str decimal_point: of the language it was typed in
    :param str thousands_sep: likewise
    :return: a list of ``Decimal``, in major units
    """
    plain = UNREAD.sub("", unicodedata.normalize("NFKC", text))
    if len(plain) > MAX_TYPED or not re.fullmatch(r"[0-9]+([.,][0-9]*)*|[.,][0-9]+", plain, re.ASCII):
        return []
    signs = re.sub("[0-9]", "", plain)
    if GROUPED.fullmatch(plain):
        whole, part = [Decimal(re.sub("[.,]", "", plain))], _with_decimals(plain, decimals)
        if signs == thousands_sep or len(signs) > 1 or not decimals:
            return whole
        # One sign, three digits after it: the language decides, unless there are not that many decimals.
        return part if signs == decimal_point and (decimals >= GROUP or not part) else whole + part
    return _with_decimals(plain, decimals)


def _with_decimals(plain, decimals):
    """A list of the amount that ``plain`` is if its last sign separates decimals; empty if it can't."""
    whole, sign, part = re.fullmatch("(.*?)(?:([.,])([0-9]*))?", plain).groups()
    fits = len((part or "").rstrip("0")) <= decimals
    if not fits or not (whole.isdecimal() or not whole or (GROUPED.fullmatch(whole) and sign not in whole)):
        return []
    return [Decimal(f"{re.sub('[.,]', '', whole) or 0}.{part or 0}")]


def in_parts(amount, count, currency, rounding=0, norm=STRIPE):
    """``amount`` in ``count`` parts that are alike, each of which can be paid; the first one has what is left over.

    :param amount: major units, as :func:`to_minor` takes them
    :param str currency: ISO 4217 code, any case
    :param rounding: the currency's smallest step in the books (as ``res.currency.rounding``), where that is larger
    :param Norm norm: whose minor units, and steps
    :return: a list of ``float``, in major units; some are zero where there is too little for so many
    :raise MoneyError: no amount in this currency
    """
    whole = Norm(norm.name, decimals=norm.decimals)  # what an invoice says need not be a multiple of the step
    own = int(Decimal(repr(rounding)).scaleb(norm.decimals_of(currency), context=EXACT))  # 0: it is a finer one
    minor, step = to_minor(amount, currency, whole), math.lcm(norm.step_of(currency), own or 1)
    others = minor // (count * step) * step
    return [float(to_major(part, currency, norm)) for part in (minor - others * (count - 1), *[others] * (count - 1))]


def exact_amount(amount, step):
    """The amount of money that a client's number stands for.

    :param amount: as it came: anything
    :param step: the currency's smallest step, as ``res.currency.rounding``
    :return: major units
    :rtype: float
    :raise MoneyError: no number, not a finite one, or not a multiple of ``step``
    """
    if not isinstance(amount, int | float):
        raise MoneyError(f"{amount!r} is not an amount of money.")
    unit = Decimal(repr(step))
    exact = _decimal(amount, unit)
    if exact % unit:
        raise MoneyError(f"{exact.normalize():f} is not a multiple of {unit}.")
    return float(exact)


def _code(currency):
    """The upper-case ISO code, checked to be one: a wrong code would silently mean two decimals."""
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Za-z]{3}", currency, re.ASCII):
        raise MoneyError(f"{currency!r} is not a currency code.")
    return currency.upper()


def _decimal(amount, unit):
    """``amount`` as an exact ``Decimal`` of major units; ``unit`` is the smallest step, for floats."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | Decimal | str):
        raise MoneyError(f"{amount!r} is not an amount of money.")
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        raise MoneyError(f"{amount!r} is not an amount of money.") from None
    if exact.is_finite() and isinstance(amount, float):
        exact = _without_noise(amount, exact, unit)
    if not exact.is_finite() or abs(exact.adjusted()) > MAX_EXPONENT:
        raise MoneyError(f"{amount!r} is not an amount of money.")
    return exact


def _without_noise(amount, exact, unit):
    """The multiple of ``unit`` that a float stands for, or its shortest decimal form if it stands for none."""
    noise = max(Decimal(math.ulp(amount)) * FLOAT_NOISE_ULPS, unit * FLOAT_NOISE_STEP)
    if noise >= unit / 2:
        raise MoneyError(f"{amount!r} is too large for an exact amount: give it as a Decimal.")
    nearest = (exact / unit).to_integral_value() * unit
    return nearest if abs(exact - nearest) <= noise else Decimal(repr(amount))
