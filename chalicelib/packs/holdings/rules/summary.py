"""The summary of all holdings in one currency: the total, its groups, and the conversion of each currency.

The total is the sum of the converted and rounded amounts of the currencies, so that the figures add up; groups are rounded
separately, and the difference of a dimension's groups to the total is `rounding`. A currency without a rate is listed as
unconverted, with its amount.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from chalicelib.foundation.money import round_fraction
from chalicelib.packs.holdings.rules.aggregates import ASSET_TYPE, DIMENSIONS, GroupKey, GroupTotals
from chalicelib.packs.holdings.rules.fx_rates import Rate, Rates, convert


@dataclass(frozen=True)
class ConvertedAmount:
    """The amount owned in a currency, and its conversion."""

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
    by_currency: dict[str, ConvertedAmount]
    unconverted: dict[str, Decimal]
    rounding: dict[str, Decimal]
    count: int
    unvalued: int

    @property
    def complete(self) -> bool:
        """Whether the total includes everything."""
        return not self.unconverted and self.unvalued == 0


def totals_by_currency(totals_by_group: Mapping[GroupKey, GroupTotals]) -> dict[str, GroupTotals]:
    """The totals of all holdings by currency, from the groups of one dimension: every holding has exactly one asset type."""
    totals: dict[str, GroupTotals] = {}
    for group, group_totals in totals_by_group.items():
        if group.dimension == ASSET_TYPE:
            totals[group.currency] = totals.get(group.currency, GroupTotals()) + group_totals
    return dict(sorted(totals.items()))


def _group(by_currency: Mapping[str, GroupTotals], rates: Mapping[str, Rate], currency: str) -> Decimal | None:
    """The value of one group, rounded once."""
    known = [
        Fraction(group_totals.owned) * rates[name].exact
        for name, group_totals in by_currency.items()
        if name in rates and group_totals.count > group_totals.unvalued
    ]
    return round_fraction(sum(known, Fraction(0)), currency) if known else None


def summarize(totals_by_group: Mapping[GroupKey, GroupTotals], rates: Rates, currency: str, day: date) -> Summary:
    """The summary of the totals of `day`, by the rates of `day`."""
    by_currency = totals_by_currency(totals_by_group)
    day_rates = {name: rate for name in by_currency if (rate := rates.find(name, currency, day)) is not None}
    lines = {
        name: ConvertedAmount(amounts.owned, convert(amounts.owned, day_rates[name], currency), day_rates[name])
        for name, amounts in by_currency.items()
        if name in day_rates and amounts.count > amounts.unvalued
    }
    total = sum((line.converted for line in lines.values()), round_fraction(Fraction(0), currency))
    by_group: dict[str, dict[str, dict[str, GroupTotals]]] = {dimension: {} for dimension in DIMENSIONS}
    for key, totals in sorted(totals_by_group.items()):
        by_group[key.dimension].setdefault(key.group, {})[key.currency] = totals
    groups = {dimension: {name: _group(of, day_rates, currency) for name, of in found.items()} for dimension, found in by_group.items()}
    return Summary(
        currency=currency,
        as_of=day,
        total_value=total,
        groups=groups,
        by_currency=lines,
        unconverted={name: amounts.owned for name, amounts in by_currency.items() if name not in day_rates and amounts.owned},
        rounding={dimension: total - sum((value or Decimal(0) for value in of.values()), Decimal(0)) for dimension, of in groups.items()},
        count=sum(amounts.count for amounts in by_currency.values()),
        unvalued=sum(amounts.unvalued for amounts in by_currency.values()),
    )
