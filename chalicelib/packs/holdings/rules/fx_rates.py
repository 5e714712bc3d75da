"""Exchange rates: the rate for a conversion on a day, with its source and age.

The latest rate on or before the day is used, and never rounded: an amount is converted by the exact fraction and rounded once,
in the result. Direct rates come first, then inverse, then cross rates over a common base; first among rates of at most a week,
then among older ones, which are marked stale. Beyond the maximum age there is no rate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from chalicelib.foundation.money import round_fraction, significant_digits

FRESH_DAYS = 7
MAX_AGE_DAYS = 30
MAX_DIGITS = 20

BASE = "EUR"  # whose rates the European Central Bank publishes
DIRECT, INVERSE, CROSS = "direct", "inverse", "cross"

# For the display of a rate that isn't a finite decimal; never used in computations.
_DISPLAY = Context(prec=MAX_DIGITS, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Rate:
    """How much of the other currency one unit is worth: `numerator` / `denominator`. The day of a cross rate is that of the older of its two rates."""

    numerator: Decimal
    denominator: Decimal
    on: date
    source: str
    stale: bool = False

    @property
    def exact(self) -> Fraction:
        """The exact rate."""
        return Fraction(self.numerator) / Fraction(self.denominator)

    @property
    def display(self) -> Decimal:
        """The rate as a decimal, rounded to at most 20 digits."""
        return _DISPLAY.divide(self.numerator, self.denominator)


def rate_error(rate: Decimal) -> str | None:
    """Why `rate` is invalid: it must be above zero, with at most 20 significant digits. None where it is valid."""
    if not rate.is_finite() or rate <= 0:
        return "a rate is above zero"
    if significant_digits(rate) > MAX_DIGITS or not -MAX_DIGITS <= rate.adjusted() <= MAX_DIGITS:
        return f"a rate has at most {MAX_DIGITS} significant digits"
    return None


def convert(amount: Decimal, rate: Rate, currency: str) -> Decimal:
    """`amount` converted by `rate`, rounded to `currency`'s minor unit."""
    return round_fraction(Fraction(amount) * rate.exact, currency)


class _Quote(NamedTuple):
    rate: Decimal
    on: date


class Rates:
    """The rates of a range of days: for each base and day, what one unit of the base is worth in others.

    For conversions on a day, the `max_age` days before it must be included.
    """

    def __init__(self, days: Iterable[tuple[str, date, Mapping[str, Decimal]]] = (), *, max_age: int = MAX_AGE_DAYS) -> None:
        self._days: dict[str, dict[date, dict[str, Decimal]]] = {}
        self.max_age = max_age
        for base, on, rates in days:
            self._days.setdefault(base, {}).setdefault(on, {}).update(rates)

    def find(self, source: str, target: str, day: date) -> Rate | None:
        """The rate from `source` to `target` on `day`; None where there is none within the maximum age."""
        if source == target:
            return Rate(Decimal(1), Decimal(1), day, DIRECT)
        candidates = self._candidates(source, target, day)
        fresh = [rate for rate in candidates if not rate.stale]
        return next(iter(fresh or candidates), None)

    def in_force(self, day: date) -> list[tuple[str, date, dict[str, Decimal]]]:
        """All rates that a conversion on `day` can use, by base and day: enough to repeat conversions of `day` later."""
        result: dict[tuple[str, date], dict[str, Decimal]] = {}
        for base, days in self._days.items():
            for quote in {quote for rates in days.values() for quote in rates}:
                if quoted := self._quote(base, quote, day):
                    result.setdefault((base, quoted.on), {})[quote] = quoted.rate
        return [(base, on, dict(sorted(rates.items()))) for (base, on), rates in sorted(result.items())]

    def _candidates(self, source: str, target: str, day: date) -> list[Rate]:
        """All rates for the conversion: direct, inverse, then cross rates."""
        candidates = []
        if quoted := self._quote(source, target, day):
            candidates.append(self._rate(quoted.rate, Decimal(1), quoted.on, DIRECT, day))
        if quoted := self._quote(target, source, day):
            candidates.append(self._rate(Decimal(1), quoted.rate, quoted.on, INVERSE, day))
        crosses = []
        for base in sorted(self._days):
            source_rate, target_rate = self._quote(base, source, day), self._quote(base, target, day)
            if source_rate and target_rate:
                crosses.append(self._rate(target_rate.rate, source_rate.rate, min(source_rate.on, target_rate.on), CROSS, day))
        # The latest cross rate first; of one day that of the first base by name, so that the result is deterministic.
        return candidates + sorted(crosses, key=lambda rate: rate.on, reverse=True)

    def _quote(self, base: str, quote: str, day: date) -> _Quote | None:
        """The latest rate of `quote` in `base` on or before `day`."""
        days = self._days.get(base, {})
        for age in range(self.max_age + 1):
            on = day - timedelta(days=age)
            rate = days.get(on, {}).get(quote)
            if rate is not None:
                return _Quote(rate, on)
        return None

    @staticmethod
    def _rate(numerator: Decimal, denominator: Decimal, on: date, source: str, day: date) -> Rate:
        return Rate(numerator, denominator, on, source, stale=(day - on).days > FRESH_DAYS)
