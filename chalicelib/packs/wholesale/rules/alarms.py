"""Alarms before a contract's dates: earnest money due, inspection end, closing.

Each date has its counts of days before it. A count is raised on its day; where that day has passed (the date was entered
late, a daily run was missed) the nearest one is raised at once, marked late, and the farther ones are skipped: to hear
"14 days left" three days before helps nobody. Earnest money is due within days of signing, so its counts are short, and
it is raised daily while overdue. A date that was met raises nothing; a moved date is a new date and arms anew.

What was raised is kept beside the pipeline as marks, {"closing/2026-03-20": 7}: for a date, the lowest count raised. They
make a claim idempotent: raise `due_alarms`, write their keys as single events, `marked` and `next_alarm(...).raise_on` as
the due key in one transaction, and the same run again finds nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from chalicelib.foundation.calendar import days_before
from chalicelib.packs.wholesale.rules.stages import ASSIGNED, UNDER_CONTRACT

EARNEST_MONEY, INSPECTION, CLOSING = "earnest_money", "inspection", "closing"

# Days before each date, farthest first.
COUNTS: dict[str, tuple[int, ...]] = {EARNEST_MONEY: (2, 1, 0), INSPECTION: (7, 3, 1), CLOSING: (14, 7, 3, 0)}
DAILY_WHILE_OVERDUE = frozenset({EARNEST_MONEY})

# Before a contract there is nothing to be late for, after it nothing left to do.
ARMED_STAGES = (UNDER_CONTRACT, ASSIGNED)

Marks = Mapping[str, int]


@dataclass(frozen=True)
class ContractDates:
    """The dates of a contract, and when those that can be met were met."""

    earnest_money_due_on: date | None = None
    earnest_money_paid_on: date | None = None
    inspection_ends_on: date | None = None
    inspection_cleared_on: date | None = None
    closes_on: date | None = None


@dataclass(frozen=True)
class Deadline:
    """A date that is still to be met."""

    kind: str
    on: date

    @property
    def mark(self) -> str:
        """Names this date of this kind among the marks."""
        return f"{self.kind}/{self.on.isoformat()}"


@dataclass(frozen=True)
class Alarm:
    """One alarm. `days_left` counts to the deadline (negative: overdue); it is to be raised on `raise_on`, never earlier than today.

    `late` says that its own day has passed; `skipped` are the counts that it takes the place of.
    """

    deadline: Deadline
    days_left: int
    raise_on: date
    late: bool = False
    skipped: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """What makes it single within its pipeline. It holds the date, so that a moved one is another alarm."""
        return f"{self.deadline.mark}/{self.days_left}"


def open_deadlines(stage: str, dates: ContractDates) -> list[Deadline]:
    """The dates of a pipeline in `stage` that are known and not met."""
    if stage not in ARMED_STAGES:
        return []
    candidates = (
        (EARNEST_MONEY, dates.earnest_money_due_on, dates.earnest_money_paid_on),
        (INSPECTION, dates.inspection_ends_on, dates.inspection_cleared_on),
        (CLOSING, dates.closes_on, None),
    )
    return [Deadline(kind, on) for kind, on, met_on in candidates if on is not None and met_on is None]


def _next_of(deadline: Deadline, marks: Marks, today: date) -> Alarm | None:
    raised, left = marks.get(deadline.mark), (deadline.on - today).days
    counts = [count for count in COUNTS[deadline.kind] if raised is None or count < raised]
    if deadline.kind in DAILY_WHILE_OVERDUE:
        # The next overdue day: the one after the last raised, or today's where days were missed.
        counts.append(min(-1, left, -1 if raised is None else raised - 1))
    passed = [count for count in counts if count >= left]
    if passed:
        return Alarm(deadline, passed[-1], today, late=passed[-1] > left, skipped=tuple(passed[:-1]))
    return Alarm(deadline, counts[0], days_before(deadline.on, counts[0])[0]) if counts else None


def next_alarm(deadlines: Iterable[Deadline], marks: Marks, today: date) -> Alarm | None:
    """The alarm that comes first, today at the earliest; None where no more will come. Its `raise_on` is the pipeline's one due key."""
    upcoming = [alarm for deadline in deadlines if (alarm := _next_of(deadline, marks, today))]
    return min(upcoming, key=lambda alarm: alarm.raise_on, default=None)


def due_alarms(deadlines: Iterable[Deadline], marks: Marks, today: date) -> list[Alarm]:
    """The alarms to raise now: at most one a date."""
    upcoming = [alarm for deadline in deadlines if (alarm := _next_of(deadline, marks, today))]
    return [alarm for alarm in upcoming if alarm.raise_on <= today]


def marked(marks: Marks, raised: Iterable[Alarm]) -> dict[str, int]:
    """The marks after these alarms were raised."""
    return {**marks, **{alarm.deadline.mark: alarm.days_left for alarm in raised}}
