"""The time that a task has been in its states, kept in milliseconds of the stays that have ended, and shown in seconds.

A task's own clock runs while it is in progress and stops while it is blocked; the time blocked is kept by reason as well, since what a
client or a third party held up prolongs its day.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from chalicelib.packs.tasks.rules.statuses import BLOCKED, BLOCKED_REASONS, CLIENT, THIRD_PARTY, UNFINISHED

Milliseconds = Mapping[str, int]

HELD_UP_BY_OTHERS = (CLIENT, THIRD_PARTY)
_DAY = timedelta(days=1) // timedelta(milliseconds=1)


def after_stay(
    in_states: Milliseconds, blocked: Milliseconds, state: str, reason: str | None, entered_at: datetime, left_at: datetime
) -> tuple[dict[str, int], dict[str, int]]:
    """The time in each state and the time blocked for each reason, once the stay in `state` has ended."""
    spent = max(0, (left_at - entered_at) // timedelta(milliseconds=1))  # of two machines one's clock may be behind
    after, after_blocked = dict(in_states), dict(blocked)
    if state in UNFINISHED:
        after[state] = after.get(state, 0) + spent
    if state == BLOCKED and reason is not None:
        after_blocked[reason] = after_blocked.get(reason, 0) + spent
    return after, after_blocked


def _in_seconds(names: Iterable[str], times: Milliseconds) -> dict[str, int]:
    """Whole seconds by name, rounded half up."""
    return {name: (times.get(name, 0) + 500) // 1000 for name in names}


def seconds_in(in_states: Milliseconds) -> dict[str, int]:
    """The seconds in each state that isn't final."""
    return _in_seconds(UNFINISHED, in_states)


def blocked_seconds(blocked: Milliseconds) -> dict[str, int]:
    """The seconds blocked for each reason."""
    return _in_seconds(BLOCKED_REASONS, blocked)


def days_held_up(blocked: Milliseconds) -> int:
    """The whole days, of 24 hours, that client and third party have held it up together."""
    return sum(blocked.get(reason, 0) for reason in HELD_UP_BY_OTHERS) // _DAY


def met_deadline(due_on: date, done_on: date, blocked: Milliseconds) -> bool:
    """Whether a task that is finished on `done_on` is in time: by its day, prolonged by the days that others have held it up."""
    return done_on <= due_on + timedelta(days=days_held_up(blocked))
