"""Buckets of minutes: what was carried over, what the period includes, and overage. Which of them an entry draws from, and what a close leaves.

The buckets of a period lie one after the other: those carried over, the first to expire first, then the period's own minutes, then
overage without end. The minutes used so far are a place on that line, and an entry draws what lies between the place before and the place after it.
So the buckets themselves stay as they are until the period closes. A counter-entry goes back: it returns what was drawn last.
Below zero, where a counter-entry returns what an earlier period had used, lie minutes of the period's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

NONE, CAPPED, FULL = MODES = ("none", "capped", "full")
THIS, OVERAGE = "this", "overage"


@dataclass(frozen=True)
class Bucket:
    """Minutes that were left of a period, usable through the period `through`; None: as long as the retainer lasts."""

    period: int
    minutes: int
    through: int | None = None

    @property
    def source(self) -> str:
        """What a draw from it says."""
        return f"P{self.period}"


@dataclass(frozen=True)
class Rollover:
    """What happens to minutes that are left: `cap` bounds what is carried altogether, `expires_after` is in periods.

    With `carry_overuse` what is used beyond the available is deducted from the next period, and not billed.
    """

    mode: str = NONE
    cap: int | None = None
    expires_after: int | None = None
    carry_overuse: bool = False


class Draw(NamedTuple):
    """Minutes drawn from one source: P<n>, this or overage. Negative where they are given back."""

    source: str
    minutes: int


def in_order_of_expiry(buckets: Iterable[Bucket]) -> tuple[Bucket, ...]:
    """The buckets, the first to expire first."""
    return tuple(sorted(buckets, key=lambda one: (one.through is None, one.through or 0, one.period)))


def carried_minutes(buckets: Iterable[Bucket]) -> int:
    """What the buckets hold together."""
    return sum(one.minutes for one in buckets)


def draws(buckets: Iterable[Bucket], own: int, before: int, after: int) -> tuple[Draw, ...]:
    """What an entry draws that takes the minutes used from `before` to `after`; `own` are those of the period itself."""
    low, high = min(before, after), max(before, after)
    found: list[Draw] = []
    for source, start, end in _line(buckets, own, low, high):
        minutes = min(end, high) - max(start, low)
        if minutes > 0:
            last = found.pop().minutes if found and found[-1].source == source else 0
            found.append(Draw(source, minutes + last))
    return tuple(found) if before <= after else tuple(Draw(source, -minutes) for source, minutes in reversed(found))


def _line(buckets: Iterable[Bucket], own: int, low: int, high: int) -> Iterator[tuple[str, int, int]]:
    """The sources with where each begins and ends, as far as `low` and `high` reach."""
    place = 0
    yield THIS, min(low, 0), 0
    for one in buckets:
        yield one.source, place, place + one.minutes
        place += one.minutes
    yield THIS, place, place + max(0, own)
    yield OVERAGE, place + max(0, own), max(high, place + max(0, own))


def carried_after(buckets: Iterable[Bucket], own: int, used: int, period: int, rollover: Rollover) -> tuple[Bucket, ...]:
    """The buckets after the close of `period`, in which `used` minutes were used.

    In this order: what has expired goes, the room under the cap is what the rest leaves of it, and the new bucket is what is left of this
    period, as far as there is room.
    """
    if rollover.mode == NONE:
        return ()
    left, kept = used, []
    for one in buckets:
        drawn = max(0, min(left, one.minutes))
        left -= drawn
        if one.minutes > drawn and (one.through is None or one.through > period):
            kept.append(replace(one, minutes=one.minutes - drawn))
    unused = max(0, own - left)
    if rollover.mode == CAPPED:
        unused = min(unused, max(0, (rollover.cap or 0) - carried_minutes(kept)))
    if unused:
        kept.append(Bucket(period, unused, None if rollover.expires_after is None else period + rollover.expires_after))
    return in_order_of_expiry(kept)
