"""On which days who has a document is reminded of it (A11).

Five days after it was sent, then every second day, five times in all, and never after the thirtieth day. A reminder by hand isn't one of
the five: it begins them anew from its own day, while the thirty days still count from the sending. All days are the firm's.
"""

from datetime import date, timedelta

FIRST_AFTER, EVERY, MOST, LAST_AFTER = 5, 2, 5, 30  # days, days, reminders, days


def reminder_days(sent_on: date, begun_on: date, ends_on: date) -> tuple[date, ...]:
    """The days of the reminders that begin with the sending, or with a reminder by hand, on the day `begun_on`.

    On the day `ends_on`, on which the links end, and after it there is none: it would lead nowhere.
    """
    days = (begun_on + timedelta(days=FIRST_AFTER + EVERY * number) for number in range(MOST))
    return tuple(day for day in days if day <= sent_on + timedelta(days=LAST_AFTER) and day < ends_on)


def next_day(sent_on: date, begun_on: date, ends_on: date, after: date) -> date | None:
    """The day of the next reminder after a day; None where there are no more. A day that no run has reached is past, as one that has been."""
    return next((day for day in reminder_days(sent_on, begun_on, ends_on) if day > after), None)


def overdue_day(due_on: date) -> date:
    """The first day on which what was due is overdue."""
    return due_on + timedelta(days=1)
