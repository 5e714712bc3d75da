"""Sums over all holdings, on any day, at a cost that doesn't know how many holdings there are.

Two kinds of rows, both kept by adding what each holding moved:

    now     a group and currency: owned, count, unvalued
    a year  a group and currency: what each of its days moved

Today's sums are the rows of now. A past day's are those less what moved since: the rows of that year and the later ones. No
movement lies ahead of today, so the rows of now never hold what is still to come.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from chalicelib.packs.holdings.rules.timeline import Movement

ASSET_TYPE, JURISDICTION, ENTITY = "asset_type", "jurisdiction", "entity"
DIMENSIONS = (ASSET_TYPE, JURISDICTION, ENTITY)

# The names of a year's numbers: one of these and the day, as in owned:1030.
OWNED, COUNT, UNVALUED, FLOW = "owned", "count", "unvalued", "flow"
_STATES = (OWNED, COUNT, UNVALUED)

Numbers = Mapping[str, int | Decimal]
Key = TypeVar("Key")


@dataclass(frozen=True, order=True)
class Cell:
    """A group of a dimension, in one currency. Each dimension's cells cover all holdings."""

    dimension: str
    group: str
    currency: str


@dataclass(frozen=True)
class Sums:
    """What the firm owns in a cell; `count` holdings, `unvalued` of them without a value."""

    owned: Decimal = Decimal(0)
    count: int = 0
    unvalued: int = 0


Now = dict[Cell, dict[str, int | Decimal]]
Years = dict[tuple[int, Cell], dict[str, int | Decimal]]


def _cells(movement: Movement) -> list[Cell]:
    groups = zip(DIMENSIONS, (movement.labels.asset_type, movement.labels.jurisdiction, movement.labels.entity), strict=True)
    return [Cell(dimension, group, movement.currency) for dimension, group in groups]


def _numbers(movement: Movement) -> dict[str, int | Decimal]:
    return {OWNED: movement.owned, COUNT: movement.count, UNVALUED: movement.unvalued}


def contribution(found: Iterable[Movement]) -> tuple[Now, Years]:
    """What movements add to the rows of now and of the years; numbers that come to 0 are left out.

    Flows stand by asset type only: that is how performance is asked for, and every holding has exactly one.
    """
    now: Now = {}
    years: Years = {}
    for movement in found:
        day = f"{movement.day:%m%d}"
        for cell in _cells(movement):
            row, year = now.setdefault(cell, {}), years.setdefault((movement.day.year, cell), {})
            for name, number in _numbers(movement).items():
                row[name] = row.get(name, 0) + number
                year[f"{name}:{day}"] = year.get(f"{name}:{day}", 0) + number
            if cell.dimension == ASSET_TYPE:
                year[f"{FLOW}:{day}"] = year.get(f"{FLOW}:{day}", 0) + movement.flow
    return _without_zeros(now), _without_zeros(years)


def _without_zeros(rows: dict[Key, dict[str, int | Decimal]]) -> dict[Key, dict[str, int | Decimal]]:
    kept = {key: {name: number for name, number in row.items() if number} for key, row in rows.items()}
    return {key: row for key, row in kept.items() if row}


def _day(year: int, name: str) -> tuple[str, date]:
    kind, _, day = name.partition(":")
    return kind, date(year, int(day[:2]), int(day[2:]))


def on_day(now: Mapping[Cell, Numbers], years: Mapping[tuple[int, Cell], Numbers], day: date) -> dict[Cell, Sums]:
    """The sums at the end of `day`, from the rows of now and those of the years from `day.year` on; cells of nothing are left out."""
    found = {cell: {name: row.get(name, 0) for name in _STATES} for cell, row in now.items()}
    for (year, cell), row in years.items():
        for name, number in row.items():
            kind, moved_on = _day(year, name)
            if kind in _STATES and moved_on > day:
                at = found.setdefault(cell, dict.fromkeys(_STATES, 0))
                at[kind] -= number
    return {cell: Sums(Decimal(at[OWNED]), int(at[COUNT]), int(at[UNVALUED])) for cell, at in sorted(found.items()) if any(at.values())}


def flows_between(years: Mapping[tuple[int, Cell], Numbers], start: date, end: date) -> dict[Cell, dict[date, Decimal]]:
    """The flows after `start`, up to and on `end`, by asset type and currency: those of `start` are in its value already."""
    found: dict[Cell, dict[date, Decimal]] = {}
    for (year, cell), row in sorted(years.items()):
        for name, number in row.items():
            kind, moved_on = _day(year, name)
            if kind == FLOW and number and start < moved_on <= end:
                found.setdefault(cell, {})[moved_on] = Decimal(number)
    return found


def first_day(years: Mapping[tuple[int, Cell], Numbers]) -> date | None:
    """The day from which anything was held; None where nothing ever was. Before it there is nothing to show."""
    moved = (_day(year, name) for (year, _), row in years.items() for name, number in row.items() if number)
    return min((day for kind, day in moved if kind == COUNT), default=None)
