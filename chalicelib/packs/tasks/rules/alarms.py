"""When an unfinished task is overdue, and when that is escalated.

It is overdue from the day after its own on, in the firm's time zone, and escalated 3 and 7 days after it. Where a run comes late, the task
is told to be overdue all the same, and of the escalations that have passed the last one is raised: it says which it replaces.
"""

from dataclasses import dataclass
from datetime import date, timedelta

OVERDUE_AFTER, ESCALATED_AFTER = 1, (3, 7)  # days after the day on which it is due
DAYS = (OVERDUE_AFTER, *ESCALATED_AFTER)


@dataclass(frozen=True)
class Alarms:
    """What is to be raised: that it is overdue, an escalation after so many days, and the escalations that this one replaces."""

    overdue: bool
    escalated: int | None = None
    skipped: tuple[int, ...] = ()

    @property
    def raised(self) -> int:
        """The mark that says that these were raised: the highest number of days."""
        return self.escalated or OVERDUE_AFTER


def is_overdue(due_on: date | None, today: date) -> bool:
    """Whether the day of an unfinished task has passed."""
    return due_on is not None and due_on < today


def next_day(due_on: date, raised: int) -> date | None:
    """The day of the next alarm, `raised` being the mark of the last one (0: none yet); None after the last."""
    return next((due_on + timedelta(days=days) for days in DAYS if days > raised), None)


def due_alarms(due_on: date, raised: int, today: date) -> Alarms | None:
    """What is to be raised today; None where nothing is."""
    passed = [days for days in DAYS if raised < days <= (today - due_on).days]
    if not passed:
        return None
    escalations = [days for days in passed if days in ESCALATED_AFTER]
    return Alarms(OVERDUE_AFTER in passed, escalations[-1] if escalations else None, tuple(escalations[:-1]))
