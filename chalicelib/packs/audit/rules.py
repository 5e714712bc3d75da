"""Statuses of exports, and how many days one takes."""

from datetime import date, datetime

QUEUED, RUNNING, DONE, FAILED = EXPORT_STATUSES = ("queued", "running", "done", "failed")
MAX_EXPORT_DAYS = 31


def export_range_error(first: date, last: date, now: datetime) -> tuple[str, str] | None:
    """Why these UTC days can't be exported: the field and the message; None where they can."""
    if last > now.date():
        return "to", "it must not be ahead"
    if first > last:
        return "from", "it must not be after `to`"
    if (last - first).days >= MAX_EXPORT_DAYS:
        return "from", f"at most {MAX_EXPORT_DAYS} days are exported at once"
    return None
