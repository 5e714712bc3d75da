"""Validation of the details of an asset by its type: the known fields and their types.

Unknown fields are stored as given; known ones are checked, so that a rate is always a number and a maturity a day.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

Check = Callable[[Any], str | None]

MAX_FIELDS, MAX_DEPTH, MAX_TEXT, MAX_NAME, MAX_DIGITS = 60, 5, 2000, 60, 30


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "text is needed"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _amount(value: Any) -> str | None:
    return None if _is_number(value) and value >= 0 else "a number that is not negative is needed"


def _whole(value: Any) -> str | None:
    return None if _is_number(value) and value >= 0 and value == int(value) else "a whole number that is not negative is needed"


def _percent(value: Any) -> str | None:
    return None if _is_number(value) and 0 <= value <= 100 else "a percentage from 0 to 100 is needed"


def _day(value: Any) -> str | None:
    try:
        return None if isinstance(value, str) and date.fromisoformat(value).isoformat() == value else "a day is written YYYY-MM-DD"
    except ValueError:
        return "a day is written YYYY-MM-DD"


def _digits(value: Any) -> str | None:
    return (
        None
        if isinstance(value, str) and len(value) == 4 and value.isascii() and value.isdigit()
        else "the last four digits are needed, as text"
    )


KNOWN: dict[str, dict[str, Check]] = {
    "property": {
        "property_type": _text,
        "parcel_number": _text,
        "bedrooms": _whole,
        "bathrooms": _amount,
        "sqft": _amount,
        "lot_sqft": _amount,
        "year_built": _whole,
        "units": _whole,
        "occupancy_pct": _percent,
        "monthly_rent": _amount,
    },
    "resort": {"rooms": _whole, "occupancy_pct": _percent, "season": _text, "operator": _text},
    "note": {
        "principal": _amount,
        "rate_pct": _percent,
        "payment": _amount,
        "borrower": _text,
        "secured_by": _text,
        "originated_on": _day,
        "maturity_on": _day,
    },
    "trust_interest": {"trust_name": _text, "trustee": _text, "interest_type": _text, "formed_on": _day},
    "policy": {
        "carrier": _text,
        "policy_number": _text,
        "insured": _text,
        "face_amount": _amount,
        "cash_value": _amount,
        "premium": _amount,
        "expires_on": _day,
    },
    "saas_stream": {"product": _text, "mrr": _amount, "arr": _amount, "customers": _whole, "churn_pct": _percent},
    "vault": {"location": _text, "custodian": _text, "contents": _text, "audited_on": _day},
    "equity": {"issuer": _text, "ticker": _text, "shares": _amount, "share_class": _text},
    "cash": {"institution": _text, "account_last4": _digits, "rate_pct": _percent, "matures_on": _day},
}


def detail_errors(asset_type: str, details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The errors of the details of an asset of this type: field and reason."""
    known = KNOWN.get(asset_type, {})
    for name, value in details.items():
        if name in known and value is not None and (message := known[name](value)):
            yield name, message


def shape_error(details: Any, depth: int = 0) -> str | None:
    """Why the details can't be stored: too deep, too many fields, too long, or a number out of range. None where they can."""
    if depth > MAX_DEPTH:
        return f"at most {MAX_DEPTH} levels"
    if isinstance(details, Mapping):
        if len(details) > MAX_FIELDS:
            return f"at most {MAX_FIELDS} fields"
        if any(not name or len(name) > MAX_NAME or not name.isprintable() for name in details):
            return f"names of fields have 1 to {MAX_NAME} printable characters"
        return next((error for value in details.values() if (error := shape_error(value, depth + 1))), None)
    if isinstance(details, list):
        if len(details) > MAX_FIELDS:
            return f"at most {MAX_FIELDS} items"
        return next((error for value in details if (error := shape_error(value, depth + 1))), None)
    if isinstance(details, str):
        printable = all(character.isprintable() or character in "\t\r\n" for character in details)
        return (
            None if len(details) <= MAX_TEXT and printable else f"texts have at most {MAX_TEXT} characters, none of them control characters"
        )
    if _is_number(details):
        number = Decimal(details)
        fits = number.is_finite() and abs(number.adjusted()) <= MAX_DIGITS and len(number.as_tuple().digits) <= MAX_DIGITS
        return None if fits else f"numbers have at most {MAX_DIGITS} digits"
    return None
