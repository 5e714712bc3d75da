"""The months of a retainer: from anchor day to anchor day.

An anchor is a date whose day of the month counts. The boundary in a calendar month is that day, or the month's last one where it is
shorter, so that the 31st is followed by the last of February and again by the 31st of March.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from chalicelib.foundation.dates import add_months

Days = tuple[date, date]  # from the first to the last, both included


class Month(NamedTuple):
    """A month of a retainer: its first day and its last one."""

    starts_on: date
    ends_on: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.ends_on - self.starts_on).days + 1


def anchor_of(starts_on: date, renewal_date: date) -> date:
    """The anchor of a retainer: its start where whole months lead from there to the renewal, else the renewal.

    In the latter case its first period is a stub: it ends with the month that it begins in.
    """
    months = _calendar_months(starts_on, renewal_date)
    return starts_on if months > 0 and add_months(starts_on, months) == renewal_date else renewal_date


def boundary(anchor: date, day: date, months: int = 0) -> date:
    """The boundary in the calendar month of `day`, or so many months later."""
    return add_months(anchor, _calendar_months(anchor, day) + months)


def month_of(anchor: date, day: date) -> Month:
    """The month that `day` is in."""
    before = -1 if boundary(anchor, day) > day else 0
    return Month(boundary(anchor, day, before), boundary(anchor, day, before + 1) - timedelta(days=1))


def count_days(first: date, last: date, pauses: Iterable[Days] = ()) -> int:
    """The days from `first` to `last`, both included, without those of `pauses`, which don't overlap; 0 where `last` is before `first`."""
    days = max(0, (last - first).days + 1)
    return days - sum(max(0, (min(last, end) - max(first, start)).days + 1) for start, end in pauses)


def _calendar_months(start: date, end: date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month
