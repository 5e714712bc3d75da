"""Reminders before the deadlines of a contract (earnest money due, inspection end, closing), and of the next action on its day.

Each kind of deadline has reminders a number of days before it. Where the day of a reminder has passed (the deadline was entered
late, a daily run was missed), the nearest one is raised at once and marked late, and the earlier ones are skipped. Earnest money
is due within days of signing, so its numbers are small, and it is raised daily while overdue. A deadline that was met has no
reminders; a moved deadline counts as a new one.

The reminders raised are stored with the pipeline as marks, {"closing/2026-03-20": 7}: for a deadline, the lowest number of days
raised. They make a claim idempotent: one transaction writes the events of `due_reminders`, the marks of `with_marks`, and
`next_reminder(...).raise_on` as due key, so that a repeated run finds nothing due.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from chalicelib.foundation import reminders
from chalicelib.packs.wholesale.rules.stages import ASSIGNED, OPEN, UNDER_CONTRACT

EARNEST_MONEY, INSPECTION, CLOSING, NEXT_ACTION = "earnest_money", "inspection", "closing", "next_action"

# Days before each date, farthest first.
DAYS_BEFORE: dict[str, tuple[int, ...]] = {EARNEST_MONEY: (2, 1, 0), INSPECTION: (7, 3, 1), CLOSING: (14, 7, 3, 0), NEXT_ACTION: (0,)}
DAILY_WHILE_OVERDUE = frozenset({EARNEST_MONEY})

# Only a pipeline under contract has the deadlines of one; every open one may have a next action.
REMINDER_STAGES = (UNDER_CONTRACT, ASSIGNED)

Marks = Mapping[str, int]


@dataclass(frozen=True)
class ContractDates:
    """The dates of a contract, and when those that can be met were met; and the day of the next action."""

    earnest_money_due_on: date | None = None
    earnest_money_paid_on: date | None = None
    inspection_ends_on: date | None = None
    inspection_cleared_on: date | None = None
    closes_on: date | None = None
    next_action_due_on: date | None = None


@dataclass(frozen=True)
class Deadline:
    """A deadline that is not met yet."""

    kind: str
    on: date

    @property
    def mark(self) -> str:
        """The key of this deadline among the marks."""
        return f"{self.kind}/{self.on.isoformat()}"


@dataclass(frozen=True)
class Reminder:
    """A reminder. `days_left` counts to the deadline (negative: overdue); `raise_on` is the day to raise it, today or later.

    `late`: its own day has passed; `skipped` are the numbers of days that it replaces.
    """

    deadline: Deadline
    days_left: int
    raise_on: date
    late: bool = False
    skipped: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Unique within its pipeline. It contains the date, so that a moved deadline has other reminders."""
        return f"{self.deadline.mark}/{self.days_left}"


def open_deadlines(stage: str, dates: ContractDates) -> list[Deadline]:
    """The deadlines of a pipeline in `stage` that are set and not met."""
    candidates = (
        (EARNEST_MONEY, REMINDER_STAGES, dates.earnest_money_due_on, dates.earnest_money_paid_on),
        (INSPECTION, REMINDER_STAGES, dates.inspection_ends_on, dates.inspection_cleared_on),
        (CLOSING, REMINDER_STAGES, dates.closes_on, None),
        (NEXT_ACTION, OPEN, dates.next_action_due_on, None),
    )
    return [Deadline(kind, on) for kind, of, on, met_on in candidates if stage in of and on is not None and met_on is None]


def _next_for(deadline: Deadline, marks: Marks, today: date) -> Reminder | None:
    raised, counts = marks.get(deadline.mark), DAYS_BEFORE[deadline.kind]
    if deadline.kind in DAILY_WHILE_OVERDUE:
        # The next day overdue: the one after the last raised, or today where days were missed.
        counts = (*counts, min(-1, (deadline.on - today).days, -1 if raised is None else raised - 1))
    found = reminders.next_reminder(deadline.on, counts, raised, today)
    return None if found is None else Reminder(deadline, found.days_left, found.raise_on, found.late, found.skipped)


def next_reminder(deadlines: Iterable[Deadline], marks: Marks, today: date) -> Reminder | None:
    """The earliest reminder, today or later; None where there are no more. Its `raise_on` is the pipeline's due key."""
    reminders = [reminder for deadline in deadlines if (reminder := _next_for(deadline, marks, today))]
    return min(reminders, key=lambda reminder: reminder.raise_on, default=None)


def due_reminders(deadlines: Iterable[Deadline], marks: Marks, today: date) -> list[Reminder]:
    """The reminders to raise now: at most one per deadline."""
    reminders = [reminder for deadline in deadlines if (reminder := _next_for(deadline, marks, today))]
    return [reminder for reminder in reminders if reminder.raise_on <= today]


def with_marks(marks: Marks, raised: Iterable[Reminder]) -> dict[str, int]:
    """The marks after these reminders were raised."""
    return {**marks, **{reminder.deadline.mark: reminder.days_left for reminder in raised}}
