"""What the movements of a holding contribute to the aggregates over all holdings."""

from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.holdings.entities import decode_movement, month_key, now_key
from chalicelib.packs.holdings.rules.aggregates import contribution


def contribute(image: dict[str, Any]) -> Contribution:
    """The contribution of the movements in this image to the current totals and to the days of their months."""
    now, months = contribution(decode_movement(row) for row in image["movements"])
    current: Contribution = {now_key(group): dict(numbers) for group, numbers in now.items()}
    return current | {month_key(month, group): dict(numbers) for (month, group), numbers in months.items()}
