"""Counts and sums that add up: what aggregates hold, and what is computed from them.

Each has a name, such as `closed`, `days:12` or `gross:USD`. A median is computed from a histogram and the last day from a count for each
day, since these can be added and subtracted. After a subtraction a number may be 0, which is the same as absent.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal

Number = int | Decimal
Counts = Mapping[str, Number]

_HUNDREDTH = Decimal("0.01")


def add_up(rows: Iterable[Counts]) -> dict[str, Number]:
    """The sums of these rows by name, without names of which every number is 0."""
    total: dict[str, Number] = {}
    for row in rows:
        for name, number in row.items():
            if number:
                total[name] = total.get(name, 0) + number
    return total


def by_suffix(counts: Counts, prefix: str) -> dict[str, Number]:
    """The numbers whose name starts with `prefix`, by the rest of the name."""
    return {name.removeprefix(prefix): number for name, number in counts.items() if name.startswith(prefix)}


def median_of_histogram(counts: Mapping[int, int]) -> Decimal | None:
    """The median of {value: count}, the middle two averaged; None without counts."""
    total = sum(counts.values())
    if total <= 0:
        return None
    low, high = (total - 1) // 2, total // 2
    middle, cumulative = [], 0
    for value in sorted(counts):
        middle += [value for position in (low, high) if cumulative <= position < cumulative + counts[value]]
        cumulative += counts[value]
    return Decimal(sum(middle)) / 2


def percent_of(part: int, whole: int) -> Decimal | None:
    """`part` of `whole` as a percent number, rounded half up to 2 decimals; None for a `whole` of 0."""
    return None if whole == 0 else (Decimal(100 * part) / whole).quantize(_HUNDREDTH, ROUND_HALF_UP)
