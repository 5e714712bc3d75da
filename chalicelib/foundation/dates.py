"""Dates and timestamps. Timestamps are UTC; business dates are dates in the firm's time zone."""

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def is_time_zone(name: str) -> bool:
    """Whether it is the name of an IANA time zone, e.g. America/Los_Angeles."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def business_date(now: datetime, zone: str) -> date:
    """The date in the time zone `zone` at `now`."""
    return now.astimezone(ZoneInfo(zone)).date()


def start_of_day(day: date, zone: str) -> datetime:
    """The timestamp (UTC) at which `day` begins in `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def hour_of_day(day: date, hour: int, zone: str) -> datetime:
    """The timestamp (UTC) at which the clocks of `zone` show this full hour on `day`."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def add_months(anchor: date, months: int) -> date:
    """`anchor` plus whole months, clamped to the month's last day.

    Always count from the first anchor, not from the last result: 31 January + 1 is 28 February, + 2 is 31 March.
    """
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))


def days_before(day: date, *counts: int) -> list[date]:
    """The dates that many days before `day`, in the given order."""
    return [day - timedelta(days=count) for count in counts]


def days_between(start: date | None, end: date | None) -> int | None:
    """Days from `start` to `end`, at least 0 (what is entered late may be out of order); None where one is unknown."""
    return None if start is None or end is None else max(0, (end - start).days)


def format_timestamp(now: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and Z: the format of all timestamps, sortable as text."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_for_people(now: datetime, zone: str) -> str:
    """A point in time as mails say it: weekday, day and time of the time zone, e.g. "Tuesday, 24 November 2026, 16:05 PST"."""
    local = now.astimezone(ZoneInfo(zone))
    return f"{local:%A}, {local.day} {local:%B %Y, %H:%M %Z}"


def day_in_words(day: date) -> str:
    """A day as documents and pages say it, e.g. November 24, 2026."""
    return f"{day:%B} {day.day}, {day.year}"


def instant_in_words(instant: datetime, zone: str, *, seconds: bool = False) -> str:
    """A point in time as documents and pages say it, by the time zone: November 24, 2026, 10:00 PST, or to the second."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{day_in_words(local.date())}, {local:{'%H:%M:%S' if seconds else '%H:%M'} %Z}"


def parse_timestamp(text: str) -> datetime:
    """The timestamp in a text of `format_timestamp`."""
    return datetime.fromisoformat(text)
