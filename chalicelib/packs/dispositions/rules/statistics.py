"""A buyer's record, and the firm's: what was offered, assigned, closed, fell out or merely lapsed, and the rates of it.

An offer that lapses was never relied on: it counts for no rate, else twenty offers of which four closed would make a
reliable buyer a bad one. A tier looks at the buyer's own faults only.

Everything stands on counts that add up (a histogram of days instead of a median, a count a day instead of the last one),
so that the stream can keep them exact. The names of the counts:

    offered, assigned, closed, fallout, lapsed, own_faults
    days:<n>                    closings that took n days from the assignment
    closed_on:<day>, own_fault_on:<day>
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from chalicelib.foundation.calendar import add_months
from chalicelib.packs.dispositions.rules.assignments import CLOSED, FALLOUT, OFFERED, OWN_FAULTS
from chalicelib.packs.wholesale.rules.funnel import median_of_histogram

Counts = Mapping[str, int | Decimal]

DAYS, CLOSED_ON, OWN_FAULT_ON = "days:", "closed_on:", "own_fault_on:"

TIERS = ("A", "B", "C")
# The least closings and the least rate of each tier above the last.
_TIER_NEEDS = {"A": (3, Decimal("0.90")), "B": (1, Decimal("0.70"))}

RECENT_MONTHS = 12
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Course:
    """How an assignment went, as far as statistics ask.

    `fell_from` is the status that it fell out from. `contract_on` is the day on which its pipeline came under contract.
    Fees are None where they aren't known; `forfeited` is earnest money that became the firm's, on `forfeited_on`.
    """

    status: str
    currency: str = "USD"
    contract_on: date | None = None
    assigned_on: date | None = None
    closed_on: date | None = None
    fell_out_on: date | None = None
    fell_from: str | None = None
    reason: str | None = None
    fee_gross: Decimal | None = None
    fee_net: Decimal | None = None
    forfeited: Decimal | None = None
    forfeited_on: date | None = None

    @property
    def is_lapsed(self) -> bool:
        """An offer that came to nothing."""
        return self.status == FALLOUT and self.fell_from == OFFERED

    @property
    def is_fallout(self) -> bool:
        """A deal that was assigned and broke."""
        return self.status == FALLOUT and self.fell_from != OFFERED

    @property
    def is_own_fault(self) -> bool:
        """A deal that broke by the buyer's doing."""
        return self.is_fallout and self.reason in OWN_FAULTS


@dataclass(frozen=True)
class Statistics:
    """A buyer's statistics as shown. Rates are percent numbers with 2 decimals, None where there is nothing to rate."""

    offered: int
    assigned: int
    closed: int
    fallout: int
    lapsed: int
    close_rate: Decimal | None
    fallout_rate: Decimal | None
    median_days_to_close: Decimal | None
    last_closed_on: date | None
    tier: str


def days_between(start: date | None, end: date | None) -> int | None:
    """Days from one to the other, not below 0 (what was entered late may seem to run backwards); None where one isn't known."""
    return None if start is None or end is None else max(0, (end - start).days)


def counts_of(course: Course) -> dict[str, int]:
    """What one assignment adds to its buyer's counts."""
    found = {
        "offered": 1,
        "assigned": int(course.assigned_on is not None),
        "closed": int(course.status == CLOSED),
        "fallout": int(course.is_fallout),
        "lapsed": int(course.is_lapsed),
        "own_faults": int(course.is_own_fault),
    }
    if course.status == CLOSED and course.closed_on is not None:
        found[f"{CLOSED_ON}{course.closed_on.isoformat()}"] = 1
        days = days_between(course.assigned_on, course.closed_on)
        if days is not None:
            found[f"{DAYS}{days}"] = 1
    if course.is_own_fault and course.fell_out_on is not None:
        found[f"{OWN_FAULT_ON}{course.fell_out_on.isoformat()}"] = 1
    return {name: count for name, count in found.items() if count}


def percent_of(part: int, whole: int) -> Decimal | None:
    """`part` of `whole` as a percent number, half up to 2 decimals; None of nothing."""
    return None if whole == 0 else (Decimal(100 * part) / whole).quantize(_HUNDREDTH, ROUND_HALF_UP)


def rates(closed: int, fallout: int) -> tuple[Decimal | None, Decimal | None]:
    """Close rate and fallout rate, of the assigned ones that have ended."""
    return percent_of(closed, closed + fallout), percent_of(fallout, closed + fallout)


def tier(closed: int, own_faults: int) -> str:
    """A, B or C by closings and the share of closings among those that ended by the buyer's doing."""
    for name, (least, rate) in _TIER_NEEDS.items():
        if closed >= least and closed >= rate * (closed + own_faults):
            return name
    return TIERS[-1]


def by_suffix(counts: Counts, prefix: str) -> dict[str, int]:
    """The counts whose name begins with `prefix`, by what follows it; those at 0 were taken back."""
    return {name.removeprefix(prefix): int(count) for name, count in counts.items() if name.startswith(prefix) and count}


def median_days(counts: Counts, prefix: str = DAYS) -> Decimal | None:
    """The median of a histogram among the counts."""
    return median_of_histogram({int(days): count for days, count in by_suffix(counts, prefix).items()})


def recent_own_faults(counts: Counts, today: date) -> int:
    """The buyer's own faults in the 12 months that end today."""
    since = add_months(today, -RECENT_MONTHS)
    faults = {date.fromisoformat(day): count for day, count in by_suffix(counts, OWN_FAULT_ON).items()}
    return sum(count for day, count in faults.items() if since < day <= today)


def statistics(counts: Counts) -> Statistics:
    """The statistics of a buyer with these counts; an absent one is 0."""
    offered, assigned, closed, fallout, lapsed, own_faults = (
        int(counts.get(name, 0)) for name in ("offered", "assigned", "closed", "fallout", "lapsed", "own_faults")
    )
    close_rate, fallout_rate = rates(closed, fallout)
    closings: Iterable[str] = by_suffix(counts, CLOSED_ON)
    last = max(closings, default=None)
    return Statistics(
        offered=offered,
        assigned=assigned,
        closed=closed,
        fallout=fallout,
        lapsed=lapsed,
        close_rate=close_rate,
        fallout_rate=fallout_rate,
        median_days_to_close=median_days(counts),
        last_closed_on=None if last is None else date.fromisoformat(last),
        tier=tier(closed, own_faults),
    )
