"""The way through the stages: a pipeline's stays, and of a month's cohort how many came how far and how long it took."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.foundation.calendar import firm_day
from chalicelib.packs.wholesale.rules.stages import FORWARD


@dataclass(frozen=True)
class Entry:
    """A pipeline entered `stage` at that instant by that person's hand."""

    stage: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Stay:
    """The time in one stage. `left_at` is None while it lasts. `days` are days of the firm from entry to leaving, or to now."""

    stage: str
    entered_at: datetime
    left_at: datetime | None
    days: int
    by: str


def stays(entries: Sequence[Entry], now: datetime, zone: str) -> list[Stay]:
    """The stays that these entries (in order of time) make, the last one still open."""
    ends: list[datetime | None] = [entry.at for entry in entries[1:]]
    return [
        Stay(entry.stage, entry.at, left, (firm_day(left or now, zone) - firm_day(entry.at, zone)).days, entry.by)
        for entry, left in zip(entries, [*ends, None], strict=False)
    ]


def cohort(created_at: datetime, zone: str) -> str:
    """The month, YYYY-MM, in which a pipeline was created by the firm's calendar."""
    return firm_day(created_at, zone).isoformat()[:7]


def reached(by_highest: Mapping[str, int]) -> dict[str, int]:
    """How many reached each stage, from how many have it as their furthest.

    A stage is reached when it or a later one ever was: who was created under contract has passed the offer too.
    """
    return {stage: sum(by_highest.get(later, 0) for later in FORWARD[index:]) for index, stage in enumerate(FORWARD)}


def histogram(completed: Iterable[Stay]) -> dict[str, dict[int, int]]:
    """Completed stays counted by stage and days: {stage: {days: count}}. Histograms add up, medians don't."""
    counts: dict[str, dict[int, int]] = {}
    for stay in completed:
        if stay.left_at is not None:
            days = counts.setdefault(stay.stage, {})
            days[stay.days] = days.get(stay.days, 0) + 1
    return counts


def median_of_histogram(counts: Mapping[int, int]) -> Decimal | None:
    """The median of {days: count}, the middle two averaged; None of nothing. A count of 0 is a stay that was taken back."""
    total = sum(counts.values())
    if total <= 0:
        return None
    low, high = (total - 1) // 2, total // 2
    middle, seen = [], 0
    for days in sorted(counts):
        middle += [days for position in (low, high) if seen <= position < seen + counts[days]]
        seen += counts[days]
    return Decimal(sum(middle)) / 2
