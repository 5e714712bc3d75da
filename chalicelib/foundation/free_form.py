"""Objects whose fields the caller chooses: what of them can be stored."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator

from chalicelib.foundation.json_codec import JsonObject, dumps

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


# -- objects that are kept as their JSON, whatever is in them

_MAX_LEVELS = 30


def any_object(max_bytes: int) -> Callable[[JsonObject], JsonObject]:
    """A check that an object's JSON takes no more bytes, and can be written: no lone surrogates, at most 30 levels."""

    def check(value: JsonObject) -> JsonObject:
        if _levels(value) > _MAX_LEVELS:
            raise ValueError(f"at most {_MAX_LEVELS} levels")
        try:
            size = len(dumps(value).encode())
        except UnicodeEncodeError:
            raise ValueError("half of a character of two code units isn't text") from None
        if size > max_bytes:
            raise ValueError(f"at most {max_bytes:,} bytes as JSON; it has {size:,}")
        return value

    return check


def _levels(value: object) -> int:
    """How deeply a value is nested, as far as it matters."""
    level, found = [value], 0
    while level and found <= _MAX_LEVELS:
        inner = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level, found = [one for items in inner for one in items], found + 1
    return found


def merge_json(before: object, patch: object) -> Any:
    """`patch` over `before` by RFC 7396: objects are merged level by level, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(before) if isinstance(before, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_json(merged.get(name), value)
    return merged
