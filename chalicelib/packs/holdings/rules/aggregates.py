"""Totals over all holdings on any day, at a cost that doesn't depend on the number of holdings.

Two kinds of aggregate rows, both sums of the movements of holdings:

    now     for a group and currency: owned, count, unvalued
    a year  for a group and currency: the movements of each day

Today's totals are the rows of now. A past day's are these less the movements since then, from the rows of that year and later
ones. There are no movements in the future.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from chalicelib.packs.holdings.rules.positions import Movement

ASSET_TYPE, JURISDICTION, ENTITY = "asset_type", "jurisdiction", "entity"
DIMENSIONS = (ASSET_TYPE, JURISDICTION, ENTITY)

# The names of a year's numbers: one of these and the day, as in owned:1030.
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
Years = dict[tuple[int, GroupKey], dict[str, int | Decimal]]


def contribution(movements: Iterable[Movement]) -> tuple[Now, Years]:
    """The contribution of movements to the rows of now and of the years, without zeros.

    Flows are kept by asset type only, the dimension of performance.
    """
    now: Now = {}
    years: Years = {}
    for movement in movements:
        day, groups = f"{movement.day:%m%d}", movement.groups
        numbers: dict[str, int | Decimal] = {OWNED: movement.owned, COUNT: movement.count, UNVALUED: movement.unvalued}
        for dimension, name in zip(DIMENSIONS, (groups.asset_type, groups.jurisdiction, groups.entity), strict=True):
            group = GroupKey(dimension, name, movement.currency)
            row, year = now.setdefault(group, {}), years.setdefault((movement.day.year, group), {})
            for state, number in numbers.items():
                row[state] = row.get(state, 0) + number
                year[f"{state}:{day}"] = year.get(f"{state}:{day}", 0) + number
            if dimension == ASSET_TYPE:
                year[f"{FLOW}:{day}"] = year.get(f"{FLOW}:{day}", 0) + movement.flow
    return _without_zeros(now), _without_zeros(years)


def _without_zeros(rows: dict[K, dict[str, int | Decimal]]) -> dict[K, dict[str, int | Decimal]]:
    nonzero_rows = {key: {name: number for name, number in row.items() if number} for key, row in rows.items()}
    return {key: row for key, row in nonzero_rows.items() if row}


def _parse_name(year: int, name: str) -> tuple[str, date]:
    kind, _, day = name.partition(":")
    return kind, date(year, int(day[:2]), int(day[2:]))


def totals_on(now: Mapping[GroupKey, Numbers], years: Mapping[tuple[int, GroupKey], Numbers], day: date) -> dict[GroupKey, GroupTotals]:
    """The totals at the end of `day`, from the rows of now and of the years from `day.year` on, without empty groups."""
    totals = {group: {name: row.get(name, 0) for name in _STATES} for group, row in now.items()}
    for (year, group), row in years.items():
        for name, number in row.items():
            kind, moved_on = _parse_name(year, name)
            if kind in _STATES and moved_on > day:
                numbers = totals.setdefault(group, dict.fromkeys(_STATES, 0))
                numbers[kind] -= number
    return {
        group: GroupTotals(Decimal(numbers[OWNED]), int(numbers[COUNT]), int(numbers[UNVALUED]))
        for group, numbers in sorted(totals.items())
        if any(numbers.values())
    }


def flows_between(years: Mapping[tuple[int, GroupKey], Numbers], start: date, end: date) -> dict[GroupKey, dict[date, Decimal]]:
    """The flows after `start`, up to and on `end`, by asset type and currency: those of `start` are part of its value."""
    flows: dict[GroupKey, dict[date, Decimal]] = {}
    for (year, group), row in sorted(years.items()):
        for name, number in row.items():
            kind, moved_on = _parse_name(year, name)
            if kind == FLOW and number and start < moved_on <= end:
                flows.setdefault(group, {})[moved_on] = Decimal(number)
    return flows


def first_day(years: Mapping[tuple[int, GroupKey], Numbers]) -> date | None:
    """The first day on which anything was held; None where nothing ever was."""
    moved = (_parse_name(year, name) for (year, _), row in years.items() for name, number in row.items() if number)
    return min((day for kind, day in moved if kind == COUNT), default=None)
