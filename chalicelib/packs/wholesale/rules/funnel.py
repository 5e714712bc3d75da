"""Stage intervals of a pipeline; for a month's cohort, how many reached each stage and how long it took."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.foundation.dates import business_date
from chalicelib.packs.wholesale.rules.stages import FORWARD


@dataclass(frozen=True)
class StageEntry:
    """The entry of a pipeline into `stage`: when, and by which actor."""

    stage: str
    at: datetime
    by: str


@dataclass(frozen=True)
class StageInterval:
    """The time in one stage. `left_at` is None while it lasts. `days` are business dates from entry to leaving, or to now."""

    stage: str
    entered_at: datetime
    left_at: datetime | None
    days: int
    by: str


def intervals(entries: Sequence[StageEntry], now: datetime, zone: str) -> list[StageInterval]:
    """The intervals between these entries (in order of time), the last one still open."""
    ends: list[datetime | None] = [entry.at for entry in entries[1:]]
    return [
        StageInterval(entry.stage, entry.at, left, (business_date(left or now, zone) - business_date(entry.at, zone)).days, entry.by)
        for entry, left in zip(entries, [*ends, None], strict=False)
    ]


def cohort(created_at: datetime, zone: str) -> str:
    """The month of creation, YYYY-MM, in the firm's time zone."""
    return business_date(created_at, zone).isoformat()[:7]


def reached_counts(by_highest: Mapping[str, int]) -> dict[str, int]:
    """How many pipelines reached each stage, from the counts by furthest stage.

    A pipeline reached a stage when it was ever in it or in a later one: one created under contract counts for offer_made, too.
    """
    return {stage: sum(by_highest.get(later, 0) for later in FORWARD[index:]) for index, stage in enumerate(FORWARD)}


def histogram(completed: Iterable[StageInterval]) -> dict[str, dict[int, int]]:
    """Completed intervals counted by stage and days: {stage: {days: count}}. Histograms can be added, medians can't."""
    counts: dict[str, dict[int, int]] = {}
    for interval in completed:
        if interval.left_at is not None:
            days = counts.setdefault(interval.stage, {})
            days[interval.days] = days.get(interval.days, 0) + 1
    return counts


def median_of_histogram(counts: Mapping[int, int]) -> Decimal | None:
    """The median of {days: count}, the middle two averaged; None without counts. A count may be 0 after a subtraction."""
    total = sum(counts.values())
    if total <= 0:
        return None
    low, high = (total - 1) // 2, total // 2
    middle, cumulative = [], 0
    for days in sorted(counts):
        middle += [days for position in (low, high) if cumulative <= position < cumulative + counts[days]]
        cumulative += counts[days]
    return Decimal(sum(middle)) / 2
