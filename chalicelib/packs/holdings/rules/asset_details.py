"""Validation of the details of an asset by its type: the known fields and their types.

Unknown fields are stored as given; known ones are checked, so that a rate is always a number and a maturity a day.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

Check = tuple[Callable[[Any], bool], str]  # whether a value is valid, and what is needed


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_CHECKS: dict[str, Check] = {
    "text": (lambda value: isinstance(value, str), "text is needed"),
    "amount": (lambda value: _is_number(value) and value >= 0, "a number that is not negative is needed"),
    "whole": (lambda value: _is_number(value) and value >= 0 and value == int(value), "a whole number that is not negative is needed"),
    "percent": (lambda value: _is_number(value) and 0 <= value <= 100, "a percentage from 0 to 100 is needed"),
    "day": (_is_day, "a day is written YYYY-MM-DD"),
    "digits": (
        lambda value: isinstance(value, str) and len(value) == 4 and value.isascii() and value.isdigit(),
        "the last four digits are needed, as text",
    ),
}


def _fields(**names: str) -> dict[str, Check]:
    """The checks of fields, whose names are given by their type."""
    return {name: _CHECKS[type_] for type_, text in names.items() for name in text.split()}


KNOWN: dict[str, dict[str, Check]] = {
    "property": _fields(
        text="property_type parcel_number",
        whole="bedrooms year_built units",
        amount="bathrooms sqft lot_sqft monthly_rent",
        percent="occupancy_pct",
    ),
    "resort": _fields(whole="rooms", percent="occupancy_pct", text="season operator"),
    "note": _fields(amount="principal payment", percent="rate_pct", text="borrower secured_by", day="originated_on maturity_on"),
    "trust_interest": _fields(text="trust_name trustee interest_type", day="formed_on"),
    "policy": _fields(text="carrier policy_number insured", amount="face_amount cash_value premium", day="expires_on"),
    "saas_stream": _fields(text="product", amount="mrr arr", whole="customers", percent="churn_pct"),
    "vault": _fields(text="location custodian contents", day="audited_on"),
    "equity": _fields(text="issuer ticker share_class", amount="shares"),
    "cash": _fields(text="institution", digits="account_last4", percent="rate_pct", day="matures_on"),
}


def detail_errors(asset_type: str, details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The errors of the details of an asset of this type: field and reason."""
    known = KNOWN.get(asset_type, {})
    for name, value in details.items():
        if name in known and value is not None:
            is_valid, message = known[name]
            if not is_valid(value):
                yield name, message
