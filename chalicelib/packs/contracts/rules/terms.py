"""How long a contract runs, when it renews, and by when notice must be received (domain rules D20, D21, A10).

Term k starts whole months after the first start, counted from the first start and clamped to the end of a month, and ends on the day before
the next one starts. The deadline is counted back from that end: the last day on which notice may be received.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Literal, NamedTuple

from chalicelib.foundation.dates import add_months

MAX_MONTHS = 600
_SHORTEST_MONTH = 28  # days
_DAY = timedelta(days=1)
_END_OF_TIME = date(9000, 1, 1)  # no term is computed beyond

FieldError = tuple[str, str]  # the field, and what is wrong with it


class Notice(NamedTuple):
    """By when notice must be received, to end a contract that renews: `passed` from the day after the deadline on.

    `renews_on` is the day on which the next term starts, `next_deadline` the deadline of that term.
    """

    deadline: date
    state: Literal["open", "passed"]
    renews_on: date
    next_deadline: date


@dataclass(frozen=True)
class Terms:
    """What was agreed on how long a contract runs. `starts_on` is None where neither a day is agreed nor the contract is signed."""

    starts_on: date | None = None
    expires_on: date | None = None
    term_months: int | None = None
    renewal_months: int | None = None
    notice_months: int | None = None
    notice_days: int | None = None
    auto_renew: bool = False

    @cached_property
    def renewal(self) -> int | None:
        """The months of a renewal: those of the first term unless others are agreed."""
        return self.term_months if self.renewal_months is None else self.renewal_months

    @property
    def has_notice(self) -> bool:
        """Whether it goes on unless notice is given in time."""
        return self.auto_renew and (self.notice_months is not None or self.notice_days is not None)

    # -- terms

    def start(self, number: int) -> date | None:
        """The first day of a term, counted from 1; None where it isn't known."""
        if self.starts_on is None or number == 1:
            return self.starts_on
        if self.term_months is None or self.renewal is None:
            return None
        return add_months(self.starts_on, self.term_months + (number - 2) * self.renewal)

    def end(self, number: int) -> date | None:
        """The last day of a term; None where it isn't known, or there is none."""
        if self.term_months is None:
            return self.expires_on
        after = self.start(number + 1)
        return None if after is None else after - _DAY

    def number_on(self, day: date) -> int:
        """Which term a day belongs to: the first one before it begins, and the last one after it has ended."""
        if self.starts_on is None or self.term_months is None or self.renewal is None or not self.auto_renew:
            return 1
        day = min(day, _END_OF_TIME)
        months = (day.year - self.starts_on.year) * 12 + day.month - self.starts_on.month
        number = max(1, (months - self.term_months) // self.renewal + 2)
        return number - 1 if number > 1 and (start := self.start(number)) is not None and start > day else number

    def end_on(self, day: date) -> date | None:
        """The last day of the term that a day belongs to."""
        return self.end(self.number_on(day))

    # -- notice

    def deadline(self, end: date) -> date:
        """The last day on which notice may be received, of a term with this last day; that day itself where no notice is agreed."""
        if self.notice_months is not None:
            return add_months(end, -self.notice_months)
        return end - timedelta(days=self.notice_days or 0)

    def notice_on(self, day: date) -> Notice | None:
        """The notice as it stands on a day; None unless the contract renews by itself and notice is agreed."""
        number = self.number_on(day)
        end, next_end = self.end(number), self.end(number + 1)
        if not self.has_notice or end is None or next_end is None:
            return None
        deadline = self.deadline(end)
        return Notice(deadline, "passed" if deadline < day else "open", end + _DAY, self.deadline(next_end))

    # -- in force

    def has_started(self, day: date) -> bool:
        """Whether the first day has come."""
        return self.starts_on is not None and self.starts_on <= day

    def ended_on(self, day: date) -> date | None:
        """The last day in force, once it has passed; None for what still runs, or renews."""
        end = None if self.auto_renew else self.end(1)
        return end if end is not None and end < day else None


def contradictions(terms: Terms, effective_on: date | None) -> list[FieldError]:
    """What of the terms can't be: each field, and why. `effective_on` is the agreed first day."""
    errors: list[FieldError] = []
    if terms.notice_months is not None and terms.notice_days is not None:
        errors.append(("notice_days", "notice is agreed in months or in days, not in both"))
    if terms.expires_on is not None and terms.term_months is not None:
        errors.append(("term_months", "a last day or a term is agreed, not both"))
    if terms.expires_on is not None and effective_on is not None and terms.expires_on < effective_on:
        errors.append(("expires_on", "it lies before effective_on"))
    if terms.auto_renew and terms.term_months is None:
        errors.append(("auto_renew", "it takes term_months"))
    return errors or _too_long_notice(terms, effective_on)


def _too_long_notice(terms: Terms, effective_on: date | None) -> list[FieldError]:
    shortest = min((months for months in (terms.term_months, terms.renewal) if months is not None), default=None)
    if shortest is not None:
        if terms.notice_months is not None and terms.notice_months >= shortest:
            return [("notice_months", "it must be shorter than each term")]
        if terms.notice_days is not None and terms.notice_days >= _SHORTEST_MONTH * shortest:
            return [("notice_days", f"it must be shorter than each term: less than {_SHORTEST_MONTH * shortest} days")]
    field = "notice_months" if terms.notice_months is not None else "notice_days"
    if effective_on is not None and terms.expires_on is not None and terms.deadline(terms.expires_on) < effective_on:
        return [(field, "it reaches before effective_on")]
    return []
