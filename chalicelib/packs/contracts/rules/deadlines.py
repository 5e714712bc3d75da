"""What time does to a contract: what is told of a signed one, and when (A10, V63).

Thirty and seven days before the notice deadline (`notice_due`), or before the end of the term where no notice is agreed (`ending`); and
once a term, after its end, that the contract was renewed, or has ended. Where a run comes late, of the reminders that have passed only the
last one is raised; a deadline that has passed is told no more.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from chalicelib.foundation.reminders import next_reminder
from chalicelib.packs.contracts.rules.terms import Terms

DAYS_BEFORE = (30, 7)
MAX_TOLD = 12  # ends of terms that are told at once
NOTICE_DUE, ENDING, RENEWED, ENDED = ("notice_due", "ending", "renewed", "ended")
_NONE_LEFT = 0  # the mark of a day before which nothing more is raised


@dataclass(frozen=True)
class Told:
    """What has been told: of how many terms the end, and of the day `reminded_for` the reminder of the fewest days before, `reminded`."""

    terms: int = 0
    reminded_for: date | None = None
    reminded: int | None = None

    def mark(self, day: date) -> int | None:
        """The mark of the last reminder of this day."""
        return self.reminded if self.reminded_for == day else None


@dataclass(frozen=True)
class Telling:
    """One thing to tell: `on` is the deadline, the end of a term, or the day on which the next one began.

    A reminder is the one of so many `days_before`; `late` and `skipped` are as NextReminder has them.
    """

    event: str
    on: date
    days_before: int = 0
    days_left: int = 0
    late: bool = False
    skipped: tuple[int, ...] = ()


def told_at_signing(terms: Terms, today: date) -> Told:
    """What needs no telling: terms that had ended before the contract was signed."""
    return Told(terms.number_on(today) - 1)


def next_day(terms: Terms, told: Told) -> date | None:
    """The day on which there is something to tell, or to mark; None where there never will be."""
    watched = _watched(terms, told)
    if watched is None:
        return None
    end, day = watched
    reminder = next_reminder(day, DAYS_BEFORE, told.mark(day), date.min)
    after = end + timedelta(days=1)
    return after if reminder is None else min(reminder.raise_on, after)


def due(terms: Terms, told: Told, today: date) -> tuple[list[Telling], Told]:
    """What is to be told today, and what has been told then."""
    tellings: list[Telling] = []
    watched = _watched(terms, told)
    while watched is not None and watched[0] < today and len(tellings) < MAX_TOLD:
        end = watched[0]
        renewed = terms.auto_renew
        tellings.append(Telling(RENEWED if renewed else ENDED, end + timedelta(days=1) if renewed else end))
        told = Told(told.terms + 1)
        watched = _watched(terms, told)
    if watched is None or watched[0] < today:
        return tellings, told
    day = watched[1]
    reminder = next_reminder(day, DAYS_BEFORE, told.mark(day), today)
    if reminder is None or reminder.raise_on > today:
        return tellings, told
    if day < today:
        return tellings, Told(told.terms, day, _NONE_LEFT)
    event = NOTICE_DUE if terms.has_notice else ENDING
    tellings.append(Telling(event, day, reminder.days_left, (day - today).days, reminder.late, reminder.skipped))
    return tellings, Told(told.terms, day, reminder.days_left)


def _watched(terms: Terms, told: Told) -> tuple[date, date] | None:
    """The end of the first term whose end hasn't been told, and the day that reminders lead up to."""
    if told.terms and not terms.auto_renew:
        return None
    end = terms.end(told.terms + 1)
    if end is None:
        return None
    return end, terms.deadline(end) if terms.has_notice else end
