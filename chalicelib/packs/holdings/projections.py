"""What a year of a holding adds to the sums over all holdings."""

from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.holdings.entities import sums_now, sums_year, unpacked
from chalicelib.packs.holdings.rules.sums import contribution


def contribute(image: dict[str, Any]) -> Contribution:
    """What the movements of this image add: to what is owned now, and to the days of their year."""
    now, years = contribution(unpacked(row) for row in image["movements"])
    found: Contribution = {sums_now(cell): dict(numbers) for cell, numbers in now.items()}
    return found | {sums_year(year, cell): dict(numbers) for (year, cell), numbers in years.items()}
