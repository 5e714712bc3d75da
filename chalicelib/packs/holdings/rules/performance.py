"""What changed between two days, split into money that came or went, currencies, and the assets themselves.

Of one currency: N is owned in it, r its rate, f a flow and rf the rate of its day; 0 is the first day, 1 the last.

    flows       = sum of f x rf
    currency    = N0 x (r1 - r0) + sum of f x (r1 - rf)
    revaluation = (N1 - N0 - sum of f) x r1

The three are the whole change. The first two are rounded; revaluation is what is left, so that the printed figures add up. An
end without a rate is null, and named, as is every figure that hangs on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from chalicelib.packs.holdings.rules.fx import Rates, half_up
from chalicelib.packs.holdings.rules.sums import ASSET_TYPE, Cell, Sums


@dataclass(frozen=True)
class Line:
    """What is owned in one currency on the first and the last day, and what flowed on the days between."""

    currency: str
    then: Decimal = Decimal(0)
    now: Decimal = Decimal(0)
    flows: Mapping[date, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Performance:
    """The figures as printed; None where a rate is missing. `missing` names which, as currency and day."""

    value_then: Decimal | None
    value_now: Decimal | None
    change: Decimal | None
    flows: Decimal | None
    revaluation: Decimal | None
    currency_effect: Decimal | None
    missing: tuple[tuple[str, date], ...] = ()


class _Reckoning:
    """Exact terms in the target currency, and the rates that were asked for in vain."""

    def __init__(self, rates: Rates, currency: str) -> None:
        self._rates, self._currency = rates, currency
        self.missing: set[tuple[str, date]] = set()

    def term(self, amount: Decimal, currency: str, day: date) -> Fraction | None:
        """`amount` at that day's rate; 0 of nothing needs none."""
        if not amount:
            return Fraction(0)
        rate = self._rates.find(currency, self._currency, day)
        if rate is None:
            self.missing.add((currency, day))
            return None
        return Fraction(amount) * rate.exact


def _sum(terms: Iterable[Fraction | None]) -> Fraction | None:
    total = Fraction(0)
    for term in list(terms):
        if term is None:
            return None
        total += term
    return total


def _less(one: Decimal | None, *others: Decimal | None) -> Decimal | None:
    if one is None or None in others:
        return None
    return one - sum((other for other in others if other is not None), Decimal(0))


def _value(terms: list[Fraction | None], currency: str, *, each_rounded: bool) -> Decimal | None:
    if None in terms:
        return None
    known = [term for term in terms if term is not None]
    if each_rounded:
        return sum((half_up(term, currency) for term in known), half_up(Fraction(0), currency))
    return half_up(sum(known, Fraction(0)), currency)


def attribute(lines: Iterable[Line], rates: Rates, currency: str, start: date, end: date, *, each_rounded: bool = False) -> Performance:
    """The performance of these lines, one a currency, from the end of `start` to the end of `end`.

    `each_rounded` values them as a summary's total is (the sum of the rounded currencies), else as its groups are.
    """
    lines, reckoning = list(lines), _Reckoning(rates, currency)
    printed = [half_up(term, currency) if (term := _sum(terms)) is not None else None for terms in _effects(lines, reckoning, start, end)]
    flows, effect = printed
    then = _value([reckoning.term(line.then, line.currency, start) for line in lines], currency, each_rounded=each_rounded)
    now = _value([reckoning.term(line.now, line.currency, end) for line in lines], currency, each_rounded=each_rounded)
    change = _less(now, then)
    return Performance(then, now, change, flows, _less(change, flows, effect), effect, tuple(sorted(reckoning.missing)))


def _effects(lines: list[Line], reckoning: _Reckoning, start: date, end: date) -> tuple[list[Fraction | None], list[Fraction | None]]:
    """The terms of the flows, and those of the currencies' effect."""
    flows: list[Fraction | None] = []
    effects: list[Fraction | None] = []
    for line in lines:
        flowed = [reckoning.term(amount, line.currency, day) for day, amount in line.flows.items()]
        flows += flowed
        held = line.then + sum(line.flows.values(), Decimal(0))
        at_end, at_start = reckoning.term(held, line.currency, end), reckoning.term(line.then, line.currency, start)
        effects += [at_end, *(None if term is None else -term for term in (at_start, *flowed))]
    return flows, effects


def _merged(lines: Iterable[Line]) -> list[Line]:
    """One line a currency."""
    found: dict[str, Line] = {}
    for line in lines:
        so_far = found.get(line.currency, Line(line.currency))
        flows = dict(so_far.flows)
        for day, amount in line.flows.items():
            flows[day] = flows.get(day, Decimal(0)) + amount
        found[line.currency] = Line(line.currency, so_far.then + line.then, so_far.now + line.now, flows)
    return [found[currency] for currency in sorted(found)]


def performance(
    then: Mapping[Cell, Sums],
    now: Mapping[Cell, Sums],
    flows: Mapping[Cell, Mapping[date, Decimal]],
    rates: Rates,
    currency: str,
    start: date,
    end: date,
) -> tuple[Performance, dict[str, Performance]]:
    """The performance of the whole and of each asset type.

    From the sums of the first and the last day and the flows between them. Both sides of what went from one asset type to
    another are flows of these; in the whole they are none.
    """
    by_type: dict[str, list[Line]] = {}
    for cell in sorted({*then, *now, *flows}):
        if cell.dimension == ASSET_TYPE:
            line = Line(cell.currency, then.get(cell, Sums()).owned, now.get(cell, Sums()).owned, dict(flows.get(cell, {})))
            by_type.setdefault(cell.group, []).append(line)
    whole = _merged(line for lines in by_type.values() for line in lines)
    return (
        attribute(whole, rates, currency, start, end, each_rounded=True),
        {group: attribute(lines, rates, currency, start, end) for group, lines in by_type.items()},
    )
