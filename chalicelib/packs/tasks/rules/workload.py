"""The workload of a professional, or of the firm: unfinished tasks and their estimates, by the week in which they are due.

It is computed from counts by day: open, estimated hours, and how many have no estimate.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from chalicelib.foundation.counts import Counts, Number, add_up

OPEN, HOURS, UNESTIMATED = "open", "hours", "unestimated"
ESTIMATED = "estimated"  # of a professional's numbers: the estimated hours of all unfinished tasks


@dataclass(frozen=True)
class Week:
    """The unfinished tasks that are due in the week from this Monday on; None: those without a day."""

    monday: date | None
    open: int
    hours: Decimal


@dataclass(frozen=True)
class Workload:
    """All of them: how many, how many of them overdue, the sum of the estimates, by week, and how many have no estimate."""

    open: int
    overdue: int
    hours: Decimal
    weeks: tuple[Week, ...]
    unestimated: int


def count(estimate_hours: Decimal | None) -> dict[str, Number]:
    """What one unfinished task adds to the counts of its day."""
    return {OPEN: 1, UNESTIMATED: 1} if estimate_hours is None else {OPEN: 1, HOURS: estimate_hours}


def monday_of(day: date) -> date:
    """The Monday of its week."""
    return day - timedelta(days=day.weekday())


def compute(days: Mapping[date | None, Counts], today: date) -> Workload:
    """The workload of these days' counts; under None those of tasks without a day. Weeks in order, that without a day last."""
    by_week: dict[date | None, list[Counts]] = defaultdict(list)
    for day, counts in days.items():
        by_week[None if day is None else monday_of(day)].append(counts)
    sums = {monday: add_up(rows) for monday, rows in by_week.items()}
    order = sorted(sums, key=lambda monday: (monday is None, monday or date.min))
    total = add_up(sums.values())
    weeks = (Week(monday, _whole(sums[monday], OPEN), _hours(sums[monday])) for monday in order)
    return Workload(
        open=_whole(total, OPEN),
        overdue=sum(_whole(counts, OPEN) for day, counts in days.items() if day is not None and day < today),
        hours=_hours(total),
        weeks=tuple(week for week in weeks if week.open),
        unestimated=_whole(total, UNESTIMATED),
    )


def _whole(counts: Counts, name: str) -> int:
    return int(counts.get(name, 0))


def _hours(counts: Counts) -> Decimal:
    return Decimal(counts.get(HOURS, 0))
