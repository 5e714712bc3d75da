"""Statistics of a buyer: assignments offered, assigned, closed, fallen out or lapsed, and their rates.

An offer that lapses counts for no rate: otherwise a buyer who closes four of twenty offers would look unreliable. A tier
depends only on fallouts for reasons on the buyer's side. Everything is computed from counts that add up, so that the projection
stays exact: offered, assigned, closed, fallout, lapsed, own_faults; `days:<n>`, closings that took n days from the assignment;
`closed_on:<day>`, `own_fault_on:<day>`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chalicelib.foundation.counts import Counts as Counts
from chalicelib.foundation.counts import by_suffix, median_of_histogram, percent_of
from chalicelib.foundation.dates import add_months, days_between
from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.packs.dispositions.rules.assignments import BUYER_FAULTS, CLOSED, FALLOUT, OFFERED

DAYS, CLOSED_ON, BUYER_FAULT_ON = "days:", "closed_on:", "own_fault_on:"

TIERS = ("A", "B", "C")
# The minimum of closings and of the close rate for each tier above the last.
_TIER_MINIMUMS = {"A": (3, Decimal("0.90")), "B": (1, Decimal("0.70"))}

RECENT_MONTHS = 12


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
        if (days := days_between(record.assigned_on, record.closed_on)) is not None:
            counts[f"{DAYS}{days}"] = 1
    if record.is_buyer_fault and record.fell_out_on is not None:
        counts[f"{BUYER_FAULT_ON}{record.fell_out_on.isoformat()}"] = 1
    return {name: count for name, count in counts.items() if count}


def close_and_fallout_rates(counts: Counts) -> tuple[Decimal | None, Decimal | None]:
    """Close rate and fallout rate of the assigned ones that have ended."""
    closed, fallout = int(counts.get("closed", 0)), int(counts.get("fallout", 0))
    return percent_of(closed, closed + fallout), percent_of(fallout, closed + fallout)


def tier_of(closed: int, buyer_faults: int) -> str:
    """A, B or C by the number of closings and their share of closings and buyer-side fallouts together."""
    for name, (least, rate) in _TIER_MINIMUMS.items():
        if closed >= least and closed >= rate * (closed + buyer_faults):
            return name
    return TIERS[-1]


def median_days(counts: Counts) -> Decimal | None:
    """The median of the histogram of days among the counts."""
    return median_of_histogram({int(days): int(count) for days, count in by_suffix(counts, DAYS).items()})


def recent_buyer_faults(counts: Counts, today: date) -> int:
    """Fallouts for a reason on the buyer's side in the 12 months that end today."""
    since, until = add_months(today, -RECENT_MONTHS).isoformat(), today.isoformat()
    return sum(int(count) for day, count in by_suffix(counts, BUYER_FAULT_ON).items() if since < day <= until)


def matching_counts(counts: Counts, today: date) -> dict[str, int]:
    """Of the counts those that tier and recent faults are computed from, today and on any later day."""
    since = add_months(today, -RECENT_MONTHS).isoformat()
    faults = {f"{BUYER_FAULT_ON}{day}": count for day, count in by_suffix(counts, BUYER_FAULT_ON).items() if day > since}
    totals = {name: counts.get(name, 0) for name in ("closed", "own_faults")}
    return {name: int(count) for name, count in (totals | faults).items() if count}


def compute_statistics(counts: Counts) -> Statistics:
    """The statistics of a buyer with these counts; an absent one is 0."""
    offered, assigned, closed, fallout, lapsed, buyer_faults = (
        int(counts.get(name, 0)) for name in ("offered", "assigned", "closed", "fallout", "lapsed", "own_faults")
    )
    last = max((day for day, count in by_suffix(counts, CLOSED_ON).items() if count), default=None)
    last_closed_on, tier = None if last is None else date.fromisoformat(last), tier_of(closed, buyer_faults)
    rates, days = close_and_fallout_rates(counts), median_days(counts)
    return Statistics(offered, assigned, closed, fallout, lapsed, *rates, days, last_closed_on, tier)


def explain_statistics(counts: Counts, as_of: str) -> Explanation:
    """Where tier, rates, median and last closing come from: the counts, of which closings are missing where there are none."""
    return explain("dispositions.record", counts, as_of, [] if counts.get("closed") else ["closed"])
