"""ARVs that a file doesn't have.

By the prices of the same file: living area x the median price per square foot of the same postal code, rounded once, half up, to the
nearest thousand, where there are at least five samples. Or by the file's own estimate of what the house is worth as it is. Leads with
either have `arv_confidence` low, the tag `arv-estimated`, and a note that says so.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import floor
from statistics import median
from typing import Any

TAG = "arv-estimated"
_MIN_SAMPLES = 5  # fewest properties of a postal code for a median
_HALF = Fraction(1, 2)


def with_estimated_arv(lead: Mapping[str, Any], arv: Decimal, note: str) -> dict[str, Any]:
    """The lead with this ARV, marked as an estimate."""
    notes = "\n".join(part for part in (lead.get("notes"), note) if part)
    tags = [tag for tag in lead.get("tags", []) if tag != TAG]
    return {**lead, "arv_estimate": arv, "arv_confidence": "low", "tags": [*tags, TAG], "notes": notes}


class ArvEstimator:
    """Estimates ARVs by the median price per square foot of each postal code, collected row by row.

    Prices per square foot are exact; only the estimate is rounded. Each takes about 100 bytes until the file is imported.
    """

    def __init__(self) -> None:
        self._prices: dict[str, list[Fraction]] = {}
        self._medians: dict[str, Fraction] = {}  # of the postal codes that an estimate was asked for

    def add(self, lead: Mapping[str, Any]) -> None:
        """Add the price of one lead."""
        price, (code, sqft) = lead.get("asking_price"), _postal_code_and_sqft(lead)
        if price and code and sqft:
            self._prices.setdefault(code, []).append(Fraction(price) / sqft)
            self._medians.pop(code, None)

    def estimate(self, lead: Mapping[str, Any]) -> Decimal | None:
        """The estimated ARV of a lead, to the nearest thousand, half up; None where there are too few samples."""
        code, sqft = _postal_code_and_sqft(lead)
        prices = self._prices.get(code or "", [])
        if not code or not sqft or len(prices) < _MIN_SAMPLES:
            return None
        if code not in self._medians:
            self._medians[code] = median(prices)
        thousands = floor(self._medians[code] * sqft / 1000 + _HALF)
        return Decimal(thousands * 1000)

    def complete(self, lead: dict[str, Any]) -> dict[str, Any]:
        """The lead with an estimated ARV, marked as such; unchanged where it has an ARV or none can be estimated."""
        if "arv_estimate" in lead or not (estimate := self.estimate(lead)):
            return lead
        code = _postal_code_and_sqft(lead)[0]
        return with_estimated_arv(
            lead, estimate, f"ARV estimated at import: living area x the median price per square foot of {code} in the file."
        )


def _postal_code_and_sqft(lead: Mapping[str, Any]) -> tuple[str | None, int | None]:
    property_ = lead.get("property") or {}
    return (property_.get("address") or {}).get("postal_code"), property_.get("sqft")
