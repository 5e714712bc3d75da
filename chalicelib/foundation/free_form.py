"""Objects whose fields the caller chooses: what of them can be stored."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator

MAX_FIELDS, MAX_DEPTH, MAX_TEXT, MAX_NAME, MAX_DIGITS = 60, 5, 2000, 60, 30


def shape_error(value: Any, depth: int = 0) -> str | None:
    """Why a value can't be stored: too deep, too many fields, too long, or a number out of range. None where they can."""
    if depth > MAX_DEPTH:
        return f"at most {MAX_DEPTH} levels"
    if isinstance(value, Mapping):
        if len(value) > MAX_FIELDS:
            return f"at most {MAX_FIELDS} fields"
        if any(not name or len(name) > MAX_NAME or not name.isprintable() for name in value):
            return f"names of fields have 1 to {MAX_NAME} printable characters"
        return next((error for item in value.values() if (error := shape_error(item, depth + 1))), None)
    if isinstance(value, list):
        if len(value) > MAX_FIELDS:
            return f"at most {MAX_FIELDS} items"
        return next((error for item in value if (error := shape_error(item, depth + 1))), None)
    if isinstance(value, str):
        fits = len(value) <= MAX_TEXT and all(character.isprintable() or character in "\t\r\n" for character in value)
        return None if fits else f"texts have at most {MAX_TEXT} characters, none of them control characters"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        fits = number.is_finite() and abs(number.adjusted()) <= MAX_DIGITS and len(number.as_tuple().digits) <= MAX_DIGITS
        return None if fits else f"numbers have at most {MAX_DIGITS} digits"
    return None


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    if error := shape_error(value):
        raise ValueError(error)
    return value


FreeForm = Annotated[dict[str, Any], AfterValidator(_storable)]
