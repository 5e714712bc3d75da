"""Follow-ups: how long a pipeline has been without activity, and when to raise a follow-up.

A quiet period begins with the last activity. It raises a follow-up at 7, 14, 21 ... whole days; where runs were missed the latest
is raised and the earlier ones are skipped. Days are business dates.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from chalicelib.packs.wholesale.rules.stages import OPEN

EVERY_DAYS = 7


@dataclass(frozen=True)
class FollowUp:
    """A follow-up, to be raised on `raise_on`: then the last activity, on `quiet_since`, is at least `days` days ago."""

    quiet_since: date
    days: int
    raise_on: date

    @property
    def key(self) -> str:
        """Unique within its pipeline: start of the quiet period, and days."""
        return f"quiet/{self.quiet_since.isoformat()}/{self.days}"


def is_watched(stage: str, *, on_hold: bool) -> bool:
    """Whether inactivity raises follow-ups: the pipeline is open and not on hold."""
    return stage in OPEN and not on_hold


def quiet_days(quiet_since: date, today: date) -> int:
    """Whole days since the last activity; never less than 0."""
    return max(0, (today - quiet_since).days)


def is_stale(stage: str, *, on_hold: bool, quiet_since: date, today: date, days: int = EVERY_DAYS) -> bool:
    """Whether a watched pipeline has been quiet for `days` days or more."""
    return is_watched(stage, on_hold=on_hold) and quiet_days(quiet_since, today) >= days


def next_follow_up(quiet_since: date, raised: tuple[date, int] | None, today: date) -> FollowUp:
    """The next follow-up of the quiet period; due when `raise_on` is today.

    `raised` are `quiet_since` and `days` of the last one raised; one of an earlier quiet period is ignored.
    """
    done = raised[1] if raised is not None and raised[0] == quiet_since else 0
    quiet = quiet_days(quiet_since, today)
    days = max(done + EVERY_DAYS, quiet // EVERY_DAYS * EVERY_DAYS)
    return FollowUp(quiet_since, days, today if days <= quiet else quiet_since + timedelta(days=days))
