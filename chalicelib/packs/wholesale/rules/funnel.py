"""Of a month's cohort of pipelines: how many reached each stage, and the median of the days spent in it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from chalicelib.foundation.dates import business_date
from chalicelib.packs.wholesale.rules.stages import FORWARD


def cohort(created_at: datetime, zone: str) -> str:
    """The month of creation, YYYY-MM, in the firm's time zone."""
    return business_date(created_at, zone).isoformat()[:7]


def reached_counts(by_highest: Mapping[str, int]) -> dict[str, int]:
    """How many pipelines reached each stage, from the counts by furthest stage.

    A pipeline reached a stage when it was ever in it or in a later one: one created under contract counts for offer_made, too.
    """
    return {stage: sum(by_highest.get(later, 0) for later in FORWARD[index:]) for index, stage in enumerate(FORWARD)}


def median_of_histogram(counts: Mapping[int, int]) -> Decimal | None:
    """The median of {days: count}, the middle two averaged; None without counts. A count may be 0 after a subtraction."""
    total = sum(counts.values())
    if total <= 0:
        return None
    low, high = (total - 1) // 2, total // 2
    middle, cumulative = [], 0
    for days in sorted(counts):
        middle += [days for position in (low, high) if cumulative <= position < cumulative + counts[days]]
        cumulative += counts[days]
    return Decimal(sum(middle)) / 2
