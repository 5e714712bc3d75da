"""Reminders a number of days before a day: which is next, and what becomes of those whose own day has passed.

Of several that have passed only the one nearest to the day is raised, at once and marked late; the others are skipped. The fewest days
left that were raised are kept as a mark, so that a repeated run finds nothing due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class NextReminder:
    """A reminder. `days_left` counts to the day (negative: overdue); `raise_on` is when it is raised, today or later.

    `late`: its own day has passed; `skipped` are the numbers of days that it replaces.
    """

    days_left: int
    raise_on: date
    late: bool = False
    skipped: tuple[int, ...] = ()


def next_reminder(on: date, days_before: Sequence[int], raised: int | None, today: date) -> NextReminder | None:
    """The next reminder of a day, `days_before` it, farthest first; None where there are no more. `raised` is the mark of the last one."""
    left = (on - today).days
    counts = [count for count in days_before if raised is None or count < raised]
    passed = [count for count in counts if count >= left]
    if passed:
        return NextReminder(passed[-1], today, late=passed[-1] > left, skipped=tuple(passed[:-1]))
    return NextReminder(counts[0], on - timedelta(days=counts[0])) if counts else None
