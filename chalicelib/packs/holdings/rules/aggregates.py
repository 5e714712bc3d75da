"""Totals over all holdings on any day, at a cost that doesn't depend on the number of holdings.

Two kinds of aggregate rows, both sums of the movements of holdings:

    now      for a group and currency: owned, count, unvalued
    a month  for a group and currency: the movements of each day

Today's totals are the rows of now. A past day's are these less the movements since then, from the rows of that month and later
ones. There are no movements in the future. Older rows are of a whole year (2026 rather than 2026-10); the sum of both counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from chalicelib.packs.holdings.rules.positions import Movement

ASSET_TYPE, JURISDICTION, ENTITY = "asset_type", "jurisdiction", "entity"
DIMENSIONS = (ASSET_TYPE, JURISDICTION, ENTITY)

# The names of a period's numbers: one of these and the day, as in owned:1030.
OWNED, COUNT, UNVALUED, FLOW = "owned", "count", "unvalued", "flow"
_STATES = (OWNED, COUNT, UNVALUED)

Numbers = Mapping[str, int | Decimal]
K = TypeVar("K")


@dataclass(frozen=True, order=True)
class GroupKey:
    """A group of a dimension, in one currency. The groups of each dimension cover all holdings."""

    dimension: str
    group: str
    currency: str


@dataclass(frozen=True)
class GroupTotals:
    """What the firm owns in a group; `count` holdings, `unvalued` of them without a value."""

    owned: Decimal = Decimal(0)
    count: int = 0
    unvalued: int = 0

    def __add__(self, other: "GroupTotals") -> "GroupTotals":
        return GroupTotals(self.owned + other.owned, self.count + other.count, self.unvalued + other.unvalued)


Now = dict[GroupKey, dict[str, int | Decimal]]
Periods = dict[tuple[str, GroupKey], dict[str, int | Decimal]]  # the months, as 2026-10


def contribution(movements: Iterable[Movement]) -> tuple[Now, Periods]:
    """The contribution of movements to the rows of now and of the months, without zeros.

    Flows are kept by asset type only, the dimension of performance.
    """
    now: Now = {}
    months: Periods = {}
    for movement in movements:
        day, groups = f"{movement.day:%m%d}", movement.groups
        numbers: dict[str, int | Decimal] = {OWNED: movement.owned, COUNT: movement.count, UNVALUED: movement.unvalued}
        for dimension, name in zip(DIMENSIONS, (groups.asset_type, groups.jurisdiction, groups.entity), strict=True):
            group = GroupKey(dimension, name, movement.currency)
            row, month = now.setdefault(group, {}), months.setdefault((f"{movement.day:%Y-%m}", group), {})
            for state, number in numbers.items():
                row[state] = row.get(state, 0) + number
                month[f"{state}:{day}"] = month.get(f"{state}:{day}", 0) + number
            if dimension == ASSET_TYPE:
                month[f"{FLOW}:{day}"] = month.get(f"{FLOW}:{day}", 0) + movement.flow
    return _without_zeros(now), _without_zeros(months)


def _without_zeros(rows: dict[K, dict[str, int | Decimal]]) -> dict[K, dict[str, int | Decimal]]:
    nonzero_rows = {key: {name: number for name, number in row.items() if number} for key, row in rows.items()}
    return {key: row for key, row in nonzero_rows.items() if row}


def _movements(periods: Mapping[tuple[str, GroupKey], Numbers]) -> Iterator[tuple[GroupKey, str, date, int | Decimal]]:
    """Group, kind of number, day and number of what is in the rows of periods."""
    for (period, group), row in periods.items():
        for name, number in row.items():
            kind, _, day = name.partition(":")
            yield group, kind, date(int(period[:4]), int(day[:2]), int(day[2:])), number


def totals_on(now: Mapping[GroupKey, Numbers], periods: Mapping[tuple[str, GroupKey], Numbers], day: date) -> dict[GroupKey, GroupTotals]:
    """The totals at the end of `day`, from the rows of now and of the periods from that of `day` on, without empty groups."""
    totals = {group: {name: row.get(name, 0) for name in _STATES} for group, row in now.items()}
    for group, kind, moved_on, number in _movements(periods):
        if kind in _STATES and moved_on > day:
            numbers = totals.setdefault(group, dict.fromkeys(_STATES, 0))
            numbers[kind] -= number
    return {
        group: GroupTotals(Decimal(numbers[OWNED]), int(numbers[COUNT]), int(numbers[UNVALUED]))
        for group, numbers in sorted(totals.items())
        if any(numbers.values())
    }


def flows_between(periods: Mapping[tuple[str, GroupKey], Numbers], start: date, end: date) -> dict[GroupKey, dict[date, Decimal]]:
    """The flows after `start`, up to and on `end`, by asset type and currency: those of `start` are part of its value."""
    flows: dict[GroupKey, dict[date, Decimal]] = {}
    for group, kind, moved_on, number in _movements(periods):
        if kind == FLOW and start < moved_on <= end:
            of_group = flows.setdefault(group, {})
            of_group[moved_on] = of_group.get(moved_on, Decimal(0)) + number
    nonzero = {group: {day: flow for day, flow in sorted(of_group.items()) if flow} for group, of_group in sorted(flows.items())}
    return {group: of_group for group, of_group in nonzero.items() if of_group}


def first_day(periods: Mapping[tuple[str, GroupKey], Numbers]) -> date | None:
    """The first day on which anything was held; None where nothing ever was."""
    counts: Counter[tuple[date, GroupKey]] = Counter()
    for group, kind, moved_on, number in _movements(periods):
        counts[moved_on, group] += int(number) if kind == COUNT else 0
    return min((day for (day, _), count in counts.items() if count), default=None)
