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

from chalicelib.foundation.dates import add_months
from chalicelib.packs.dispositions.rules.assignments import BUYER_FAULTS, CLOSED, FALLOUT, OFFERED
from chalicelib.packs.wholesale.rules.funnel import median_of_histogram

Counts = Mapping[str, int | Decimal]

DAYS, CLOSED_ON, BUYER_FAULT_ON = "days:", "closed_on:", "own_fault_on:"

TIERS = ("A", "B", "C")
# The least closings and the least rate of each tier above the last.
_TIER_MINIMUMS = {"A": (3, Decimal("0.90")), "B": (1, Decimal("0.70"))}

RECENT_MONTHS = 12
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class AssignmentRecord:
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
    def is_buyer_fault(self) -> bool:
        """A deal that broke by the buyer's doing."""
        return self.is_fallout and self.reason in BUYER_FAULTS


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


def count_contribution(record: AssignmentRecord) -> dict[str, int]:
    """What one assignment adds to its buyer's counts."""
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
    """`part` of `whole` as a percent number, half up to 2 decimals; None of nothing."""
    return None if whole == 0 else (Decimal(100 * part) / whole).quantize(_HUNDREDTH, ROUND_HALF_UP)


def close_and_fallout_rates(closed: int, fallout: int) -> tuple[Decimal | None, Decimal | None]:
    """Close rate and fallout rate, of the assigned ones that have ended."""
    return percent_of(closed, closed + fallout), percent_of(fallout, closed + fallout)


def tier_of(closed: int, buyer_faults: int) -> str:
    """A, B or C by closings and the share of closings among those that ended by the buyer's doing."""
    for name, (least, rate) in _TIER_MINIMUMS.items():
        if closed >= least and closed >= rate * (closed + buyer_faults):
            return name
    return TIERS[-1]


def counts_by_suffix(counts: Counts, prefix: str) -> dict[str, int]:
    """The counts whose name begins with `prefix`, by what follows it; those at 0 were taken back."""
    return {name.removeprefix(prefix): int(count) for name, count in counts.items() if name.startswith(prefix) and count}


def median_days(counts: Counts, prefix: str = DAYS) -> Decimal | None:
    """The median of a histogram among the counts."""
    return median_of_histogram({int(days): count for days, count in counts_by_suffix(counts, prefix).items()})


def recent_buyer_faults(counts: Counts, today: date) -> int:
    """The buyer's own faults in the 12 months that end today."""
    since = add_months(today, -RECENT_MONTHS)
    faults = {date.fromisoformat(day): count for day, count in counts_by_suffix(counts, BUYER_FAULT_ON).items()}
    return sum(count for day, count in faults.items() if since < day <= today)


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
