"""Days and months. Instants are UTC; a day that means business is a day of the firm's time zone."""

import calendar as _calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def firm_day(now: datetime, zone: str) -> date:
    """The firm's calendar day at the instant `now`."""
    return now.astimezone(ZoneInfo(zone)).date()


def day_start(day: date, zone: str) -> datetime:
    """The instant (UTC) at which `day` begins in `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def add_months(anchor: date, months: int) -> date:
    """`anchor` plus whole months, clamped to the month's last day.

    Always count from the first anchor, not from the last answer: 31 January + 1 is 28 February, + 2 is 31 March.
    """
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, _calendar.monthrange(year, month + 1)[1]))


def days_before(day: date, *counts: int) -> list[date]:
    """The days that lie so many days before `day`, in the given order."""
    return [day - timedelta(days=count) for count in counts]


def instant(now: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and Z: how instants are written everywhere, sortable as text."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """The instant that `instant` wrote."""
    return datetime.fromisoformat(text)
