"""Exchange rates: the one to convert by on a day, where it comes from and how old it is.

A rate is taken on or before the day, never later, and never rounded: an amount is converted by its exact fraction and rounded
once, at the printed figure. Direct, else inverse, else across a base that both are quoted in; among rates of at most a week,
then among older ones, which are marked stale. Beyond the firm's limit there is no rate: a currency that ended is not worth
what it was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from chalicelib.foundation.money import MINOR_UNITS, significant_digits

FRESH_DAYS = 7
MAX_AGE_DAYS = 30
MAX_DIGITS = 20

DIRECT, INVERSE, CROSS = "direct", "inverse", "cross"
SOURCES = (DIRECT, INVERSE, CROSS)

# How a rate that isn't a finite decimal is shown; nothing is reckoned with it.
_SHOWN = Context(prec=MAX_DIGITS, rounding=ROUND_HALF_EVEN)
_WIDE = Context(prec=60, rounding=ROUND_FLOOR)


@dataclass(frozen=True)
class Rate:
    """How much of the other currency one unit is worth: `numerator` / `denominator`. A cross rate is of its older leg's day."""

    numerator: Decimal
    denominator: Decimal
    on: date
    source: str
    stale: bool = False

    @property
    def exact(self) -> Fraction:
        """The rate itself."""
        return Fraction(self.numerator) / Fraction(self.denominator)

    @property
    def shown(self) -> Decimal:
        """The rate as a decimal: itself where it is one of 20 digits at most, else so many of its digits."""
        return _SHOWN.divide(self.numerator, self.denominator)


def rate_fault(rate: Decimal) -> str | None:
    """Why `rate` can't be one: it is above zero and has at most 20 significant digits. None where it can."""
    if not rate.is_finite() or rate <= 0:
        return "a rate is above zero"
    if significant_digits(rate) > MAX_DIGITS or not -MAX_DIGITS <= rate.adjusted() <= MAX_DIGITS:
        return f"a rate has at most {MAX_DIGITS} significant digits"
    return None


def half_up(amount: Fraction, currency: str) -> Decimal:
    """An exact amount half up to the currency's minor unit, away from zero at the half as everywhere."""
    units = MINOR_UNITS[currency]
    scaled = abs(amount) * 10**units
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if amount >= 0 else -whole).scaleb(-units, _WIDE)


def converted(amount: Decimal, rate: Rate, currency: str) -> Decimal:
    """`amount` by `rate`, in `currency`'s minor unit."""
    return half_up(Fraction(amount) * rate.exact, currency)


@dataclass(frozen=True)
class _Leg:
    rate: Decimal
    on: date


class Rates:
    """The rates of some days: of each base and day, what one unit of the base is worth in others.

    For conversions on a day the `MAX_AGE_DAYS` (or the firm's own limit) before it must be there, too.
    """

    def __init__(self, days: Iterable[tuple[str, date, Mapping[str, Decimal]]] = (), *, max_age: int = MAX_AGE_DAYS) -> None:
        self._days: dict[str, dict[date, dict[str, Decimal]]] = {}
        self.max_age = max_age
        for base, on, rates in days:
            self._days.setdefault(base, {}).setdefault(on, {}).update(rates)

    def find(self, source: str, target: str, day: date) -> Rate | None:
        """The rate from `source` to `target` on `day`; None where there is none that is young enough."""
        if source == target:
            return Rate(Decimal(1), Decimal(1), day, DIRECT)
        found = self._candidates(source, target, day)
        fresh = [rate for rate in found if not rate.stale]
        return next(iter(fresh or found), None)

    def in_force(self, day: date) -> list[tuple[str, date, dict[str, Decimal]]]:
        """All that a conversion on `day` can use, by base and day: enough to convert as of `day` for ever after."""
        found: dict[tuple[str, date], dict[str, Decimal]] = {}
        for base, days in self._days.items():
            for quote in {quote for rates in days.values() for quote in rates}:
                if leg := self._leg(base, quote, day):
                    found.setdefault((base, leg.on), {})[quote] = leg.rate
        return [(base, on, dict(sorted(rates.items()))) for (base, on), rates in sorted(found.items())]

    def _candidates(self, source: str, target: str, day: date) -> list[Rate]:
        """Every way to convert, the best kind first."""
        found = []
        if leg := self._leg(source, target, day):
            found.append(self._rate(leg.rate, Decimal(1), leg.on, DIRECT, day))
        if leg := self._leg(target, source, day):
            found.append(self._rate(Decimal(1), leg.rate, leg.on, INVERSE, day))
        crosses = []
        for base in sorted(self._days):
            ours, theirs = self._leg(base, source, day), self._leg(base, target, day)
            if ours and theirs:
                crosses.append(self._rate(theirs.rate, ours.rate, min(ours.on, theirs.on), CROSS, day))
        # The youngest across; of one day that of the first base by its name, so that the answer is one.
        return found + sorted(crosses, key=lambda rate: rate.on, reverse=True)

    def _leg(self, base: str, quote: str, day: date) -> _Leg | None:
        """The latest rate of `quote` in `base` on or before `day`."""
        days = self._days.get(base, {})
        for age in range(self.max_age + 1):
            on = day - timedelta(days=age)
            rate = days.get(on, {}).get(quote)
            if rate is not None:
                return _Leg(rate, on)
        return None

    @staticmethod
    def _rate(numerator: Decimal, denominator: Decimal, on: date, source: str, day: date) -> Rate:
        return Rate(numerator, denominator, on, source, stale=(day - on).days > FRESH_DAYS)
