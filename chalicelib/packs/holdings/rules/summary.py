"""All that the firm owns, in one currency: the total, its groups, and how each currency was converted.

Each currency is converted once. The total is the sum of the rounded currencies, so that a reader can add it up; a group is
rounded for itself, and what the groups of a dimension lack to the total is shown as `rounding`. A currency without a rate is
named with its amount, never counted at 1 and never dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from chalicelib.packs.holdings.rules.fx import Rate, Rates, converted, half_up
from chalicelib.packs.holdings.rules.sums import ASSET_TYPE, DIMENSIONS, Cell, Sums


@dataclass(frozen=True)
class CurrencyLine:
    """What is owned in a currency, and what it comes to."""

    amount: Decimal
    converted: Decimal
    rate: Rate


@dataclass(frozen=True)
class Summary:
    """The summary in `currency` on `as_of`.

    `groups` maps each dimension to its groups; a group is None where nothing in it has a value that can be converted.
    `rounding` is, of each dimension, total less groups. `complete` is False where a currency stays unconverted or a holding
    has no value.
    """

    currency: str
    as_of: date
    total_value: Decimal
    groups: dict[str, dict[str, Decimal | None]]
    by_currency: dict[str, CurrencyLine]
    unconverted: dict[str, Decimal]
    rounding: dict[str, Decimal]
    count: int
    unvalued: int

    @property
    def complete(self) -> bool:
        """Whether the total holds everything."""
        return not self.unconverted and self.unvalued == 0


def _by_currency(sums: Mapping[Cell, Sums]) -> dict[str, Sums]:
    """All holdings by currency: every one has exactly one asset type."""
    found: dict[str, Sums] = {}
    for cell, at in sums.items():
        if cell.dimension == ASSET_TYPE:
            so_far = found.get(cell.currency, Sums())
            found[cell.currency] = Sums(so_far.owned + at.owned, so_far.count + at.count, so_far.unvalued + at.unvalued)
    return dict(sorted(found.items()))


def _group(cells: Mapping[str, Sums], rates: Mapping[str, Rate], currency: str) -> Decimal | None:
    """One group from its currencies: exact, then rounded once."""
    known = [Fraction(at.owned) * rates[name].exact for name, at in cells.items() if name in rates and at.count > at.unvalued]
    return half_up(sum(known, Fraction(0)), currency) if known else None


def _groups(sums: Mapping[Cell, Sums], rates: Mapping[str, Rate], currency: str) -> dict[str, dict[str, Decimal | None]]:
    cells: dict[str, dict[str, dict[str, Sums]]] = {dimension: {} for dimension in DIMENSIONS}
    for cell, at in sorted(sums.items()):
        cells[cell.dimension].setdefault(cell.group, {})[cell.currency] = at
    return {dimension: {group: _group(of, rates, currency) for group, of in groups.items()} for dimension, groups in cells.items()}


def summarize(sums: Mapping[Cell, Sums], rates: Rates, currency: str, day: date) -> Summary:
    """The summary of these sums (those of `day`), by the rates of `day`."""
    owned = _by_currency(sums)
    found = {name: rate for name in owned if (rate := rates.find(name, currency, day)) is not None}
    lines = {
        name: CurrencyLine(at.owned, converted(at.owned, found[name], currency), found[name])
        for name, at in owned.items()
        if name in found and at.count > at.unvalued
    }
    total = sum((line.converted for line in lines.values()), half_up(Fraction(0), currency))
    groups = _groups(sums, found, currency)
    return Summary(
        currency=currency,
        as_of=day,
        total_value=total,
        groups=groups,
        by_currency=lines,
        unconverted={name: at.owned for name, at in owned.items() if name not in found and at.owned},
        rounding={dimension: total - sum((each or Decimal(0) for each in of.values()), Decimal(0)) for dimension, of in groups.items()},
        count=sum(at.count for at in owned.values()),
        unvalued=sum(at.unvalued for at in owned.values()),
    )
