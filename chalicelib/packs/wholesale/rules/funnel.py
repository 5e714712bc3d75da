"""Of a month's cohort of pipelines: how many reached each stage."""

from collections.abc import Mapping
from datetime import datetime

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
