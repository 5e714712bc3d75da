"""Performance between two days: the change of value split into flows, currency effect and revaluation.

For one currency: N is the amount owned, r its rate, f a flow and rf the rate of its day; 0 is the first day, 1 the last.

    flows       = sum of f x rf
    currency    = N0 x (r1 - r0) + sum of f x (r1 - rf)
    revaluation = (N1 - N0 - sum of f) x r1

The three add up to the change. The first two are rounded; revaluation is the remainder, so that the rounded figures add up.
Without a rate, every figure that needs it is None, and the rate is listed as missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from chalicelib.foundation.money import round_fraction
from chalicelib.packs.holdings.rules.aggregates import ASSET_TYPE, GroupKey, GroupTotals
from chalicelib.packs.holdings.rules.fx_rates import Rates


@dataclass(frozen=True)
class CurrencyPosition:
    """The amounts owned in one currency on the first and the last day, and the flows between them."""

    currency: str
    start: Decimal = Decimal(0)
    end: Decimal = Decimal(0)
    flows: Mapping[date, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Performance:
    """The rounded figures; None where a rate is missing. `missing` lists these rates by currency and day."""

    value_then: Decimal | None
    value_now: Decimal | None
    change: Decimal | None
    flows: Decimal | None
    revaluation: Decimal | None
    currency_effect: Decimal | None
    missing: tuple[tuple[str, date], ...] = ()


class _Converter:
    """Exact conversions to the target currency; collects the missing rates."""

    def __init__(self, rates: Rates, currency: str) -> None:
        self._rates, self._currency = rates, currency
        self.missing: set[tuple[str, date]] = set()

    def term(self, amount: Decimal, currency: str, day: date) -> Fraction | None:
        """`amount` at the rate of `day`; an amount of 0 needs no rate."""
        if not amount:
            return Fraction(0)
        rate = self._rates.find(currency, self._currency, day)
        if rate is None:
            self.missing.add((currency, day))
            return None
        return Fraction(amount) * rate.exact


def _rounded(terms: Iterable[Fraction | None], currency: str) -> Decimal | None:
    """Their sum, rounded once; None where one is unknown."""
    known = list(terms)
    total = sum((term for term in known if term is not None), Fraction(0))
    return None if None in known else round_fraction(total, currency)


def _subtract(minuend: Decimal | None, *others: Decimal | None) -> Decimal | None:
    if minuend is None or None in others:
        return None
    return minuend - sum((other for other in others if other is not None), Decimal(0))


def _value(terms: list[Fraction | None], currency: str, *, each_rounded: bool) -> Decimal | None:
    if each_rounded:
        terms = [None if term is None else Fraction(round_fraction(term, currency)) for term in terms]
    return _rounded(terms, currency)


def performance_of(
    lines: Iterable[CurrencyPosition], rates: Rates, currency: str, start: date, end: date, *, each_rounded: bool = False
) -> Performance:
    """The performance of these positions, one for each currency, from the end of `start` to the end of `end`.

    With `each_rounded` the values are sums of rounded currencies, like a summary's total, else rounded once, like its groups.
    """
    lines, converter = list(lines), _Converter(rates, currency)
    flows, effect = (_rounded(terms, currency) for terms in _effects(lines, converter, start, end))
    then = _value([converter.term(line.start, line.currency, start) for line in lines], currency, each_rounded=each_rounded)
    now = _value([converter.term(line.end, line.currency, end) for line in lines], currency, each_rounded=each_rounded)
    change = _subtract(now, then)
    return Performance(then, now, change, flows, _subtract(change, flows, effect), effect, tuple(sorted(converter.missing)))


def _effects(
    lines: list[CurrencyPosition], converter: _Converter, start: date, end: date
) -> tuple[list[Fraction | None], list[Fraction | None]]:
    """The terms of the flows, and those of the currency effect."""
    flows: list[Fraction | None] = []
    effects: list[Fraction | None] = []
    for line in lines:
        flow_terms = [converter.term(amount, line.currency, day) for day, amount in line.flows.items()]
        flows += flow_terms
        held_amount = line.start + sum(line.flows.values(), Decimal(0))
        at_end, at_start = converter.term(held_amount, line.currency, end), converter.term(line.start, line.currency, start)
        effects += [at_end, *(None if term is None else -term for term in (at_start, *flow_terms))]
    return flows, effects


def _merge_lines(lines: Iterable[CurrencyPosition]) -> list[CurrencyPosition]:
    """One position for each currency."""
    merged: dict[str, CurrencyPosition] = {}
    for line in lines:
        so_far = merged.get(line.currency, CurrencyPosition(line.currency))
        flows = dict(so_far.flows)
        for day, amount in line.flows.items():
            flows[day] = flows.get(day, Decimal(0)) + amount
        merged[line.currency] = CurrencyPosition(line.currency, so_far.start + line.start, so_far.end + line.end, flows)
    return [merged[currency] for currency in sorted(merged)]


def performance(
    then: Mapping[GroupKey, GroupTotals],
    now: Mapping[GroupKey, GroupTotals],
    flows: Mapping[GroupKey, Mapping[date, Decimal]],
    rates: Rates,
    currency: str,
    start: date,
    end: date,
) -> tuple[Performance, dict[str, Performance]]:
    """The performance of the whole and of each asset type.

    From the totals of the first and the last day and the flows between them. A change of a holding's asset type is a flow of
    both types, and none of the whole.
    """
    by_type: dict[str, list[CurrencyPosition]] = {}
    for group in sorted({*then, *now, *flows}):
        if group.dimension == ASSET_TYPE:
            line = CurrencyPosition(
                group.currency, then.get(group, GroupTotals()).owned, now.get(group, GroupTotals()).owned, dict(flows.get(group, {}))
            )
            by_type.setdefault(group.group, []).append(line)
    whole = _merge_lines(line for lines in by_type.values() for line in lines)
    return (
        performance_of(whole, rates, currency, start, end, each_rounded=True),
        {group: performance_of(lines, rates, currency, start, end) for group, lines in by_type.items()},
    )
