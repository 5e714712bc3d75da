"""Statistics of a buyer: assignments offered, assigned, closed, fallen out or lapsed, and their rates.

An offer that lapses counts for no rate: otherwise a buyer who closes four of twenty offers would look unreliable. A tier
depends only on fallouts for reasons on the buyer's side.

Everything is computed from counts that add up (a histogram of days instead of a median, a count for each day instead of the
last day), so that the projection stays exact. The names of the counts:

    offered, assigned, closed, fallout, lapsed, own_faults
    days:<n>                    closings that took n days from the assignment
    closed_on:<day>, own_fault_on:<day>
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from chalicelib.foundation.dates import add_months
from chalicelib.packs.dispositions.rules.assignments import BUYER_FAULTS, CLOSED, FALLOUT, OFFERED
from chalicelib.packs.wholesale.public import median_of_histogram

Counts = Mapping[str, int | Decimal]

DAYS, CLOSED_ON, BUYER_FAULT_ON = "days:", "closed_on:", "own_fault_on:"

TIERS = ("A", "B", "C")
# The minimum of closings and of the close rate for each tier above the last.
_TIER_MINIMUMS = {"A": (3, Decimal("0.90")), "B": (1, Decimal("0.70"))}

RECENT_MONTHS = 12
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class AssignmentRecord:
    """An assignment as the statistics take it.

    `fell_from` is the status before the fallout. `contract_on` is the day on which its pipeline came under contract.
    Fees are None where they are unknown; `forfeited` is the earnest money forfeited on `forfeited_on`.
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
        """Whether it is an offer that lapsed or was withdrawn."""
        return self.status == FALLOUT and self.fell_from == OFFERED

    @property
    def is_fallout(self) -> bool:
        """Whether it fell out after it was assigned."""
        return self.status == FALLOUT and self.fell_from != OFFERED

    @property
    def is_buyer_fault(self) -> bool:
        """Whether it fell out after it was assigned, for a reason on the buyer's side."""
        return self.is_fallout and self.reason in BUYER_FAULTS


@dataclass(frozen=True)
class Statistics:
    """A buyer's statistics. Rates are percent numbers with 2 decimals, None where there is nothing to rate."""

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
    """Days from `start` to `end`, at least 0 (late entries may be out of order); None where one is unknown."""
    return None if start is None or end is None else max(0, (end - start).days)


def count_contribution(record: AssignmentRecord) -> dict[str, int]:
    """The contribution of one assignment to its buyer's counts."""
    counts = {
        "offered": 1,
        "assigned": int(record.assigned_on is not None),
        "closed": int(record.status == CLOSED),
        "fallout": int(record.is_fallout),
        "lapsed": int(record.is_lapsed),
        "own_faults": int(record.is_buyer_fault),
    }
    if record.status == CLOSED and record.closed_on is not None:
        counts[f"{CLOSED_ON}{record.closed_on.isoformat()}"] = 1
        days = days_between(record.assigned_on, record.closed_on)
        if days is not None:
            counts[f"{DAYS}{days}"] = 1
    if record.is_buyer_fault and record.fell_out_on is not None:
        counts[f"{BUYER_FAULT_ON}{record.fell_out_on.isoformat()}"] = 1
    return {name: count for name, count in counts.items() if count}


def percent_of(part: int, whole: int) -> Decimal | None:
    """`part` of `whole` as a percent number, rounded half up to 2 decimals; None for a `whole` of 0."""
    return None if whole == 0 else (Decimal(100 * part) / whole).quantize(_HUNDREDTH, ROUND_HALF_UP)


def close_and_fallout_rates(closed: int, fallout: int) -> tuple[Decimal | None, Decimal | None]:
    """Close rate and fallout rate of the assigned ones that have ended."""
    return percent_of(closed, closed + fallout), percent_of(fallout, closed + fallout)


def tier_of(closed: int, buyer_faults: int) -> str:
    """A, B or C by the number of closings and their share of closings and buyer-side fallouts together."""
    for name, (least, rate) in _TIER_MINIMUMS.items():
        if closed >= least and closed >= rate * (closed + buyer_faults):
            return name
    return TIERS[-1]


def counts_by_suffix(counts: Counts, prefix: str) -> dict[str, int]:
    """The counts whose name starts with `prefix`, by the rest of the name; without those at 0."""
    return {name.removeprefix(prefix): int(count) for name, count in counts.items() if name.startswith(prefix) and count}


def median_days(counts: Counts, prefix: str = DAYS) -> Decimal | None:
    """The median of a histogram among the counts."""
    return median_of_histogram({int(days): count for days, count in counts_by_suffix(counts, prefix).items()})


def recent_buyer_faults(counts: Counts, today: date) -> int:
    """Fallouts for a reason on the buyer's side in the 12 months that end today."""
    since = add_months(today, -RECENT_MONTHS)
    faults = {date.fromisoformat(day): count for day, count in counts_by_suffix(counts, BUYER_FAULT_ON).items()}
    return sum(count for day, count in faults.items() if since < day <= today)


def matching_counts(counts: Counts, today: date) -> dict[str, int]:
    """Of the counts those that tier and recent faults are computed from, today and on any later day."""
    since = f"{BUYER_FAULT_ON}{add_months(today, -RECENT_MONTHS).isoformat()}"
    kept = {name: int(count) for name, count in counts.items() if name in ("closed", "own_faults") or name.startswith(BUYER_FAULT_ON)}
    return {name: count for name, count in kept.items() if count and (not name.startswith(BUYER_FAULT_ON) or name > since)}


def compute_statistics(counts: Counts) -> Statistics:
    """The statistics of a buyer with these counts; an absent one is 0."""
    offered, assigned, closed, fallout, lapsed, buyer_faults = (
        int(counts.get(name, 0)) for name in ("offered", "assigned", "closed", "fallout", "lapsed", "own_faults")
    )
    close_rate, fallout_rate = close_and_fallout_rates(closed, fallout)
    closings: Iterable[str] = counts_by_suffix(counts, CLOSED_ON)
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
        tier=tier_of(closed, buyer_faults),
    )
