"""DynamoDB's typed values: checks, one canonical form, sizes and comparison.

A value is a mapping of one type to its content, as on the wire: {"S": "a"}, {"N": "1"}. In canonical form numbers are written without
exponents and superfluous zeros, and sets are sorted, so that equal values are equal mappings.
"""

import base64
import binascii
from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from local.emulator.errors import ValidationError

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]

MAX_ITEM_BYTES = 400 * 1024
_MAX_DIGITS = 38
_MAX_CONTAINERS = 31  # lists and maps in each other; the value within them is the 32nd level
_MAX_NAME_BYTES = 65535
_INVALID = "One or more parameter values were invalid: "
_EXACT = Context(prec=300)  # more digits than any sum of two numbers of the supported range has


def canonical_item(item: object) -> tuple[Item, int]:
    """The item in canonical form, and its size in bytes. Raises ValidationError for what is no item."""
    if not isinstance(item, dict):
        raise ValidationError("The item is not an object.")
    size, result = 0, {}
    for name, value in item.items():
        result[name], value_size = canonical_value(value)
        name_size = len(name.encode())
        if not 1 <= name_size <= _MAX_NAME_BYTES:
            raise ValidationError(f"Attribute name is empty or too large, must be less than {_MAX_NAME_BYTES + 1} bytes")
        size += name_size + value_size
    if size > MAX_ITEM_BYTES:
        raise ValidationError("Item size has exceeded the maximum allowed size")
    return result, size


def canonical_value(value: object, depth: int = 0) -> tuple[AttributeValue, int]:
    """The value in canonical form, and its size in bytes."""
    if not isinstance(value, dict) or len(value) != 1:
        raise ValidationError("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    ((kind, content),) = value.items()
    if kind == "S":
        if not isinstance(content, str):
            raise ValidationError(_INVALID + "a string is expected in S")
        return value, len(content) if content.isascii() else len(content.encode())
    canonicalize = _CANONICAL.get(kind)
    if canonicalize is None:
        raise ValidationError("Supplied AttributeValue has unsupported datatypes")
    if depth >= _MAX_CONTAINERS and kind in ("L", "M"):
        raise ValidationError(
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
        )
    content, size = canonicalize(content, depth)
    return {kind: content}, size


def _number(content: object, _depth: int) -> tuple[str, int]:
    text = canonical_number(content) if isinstance(content, str) else None
    if text is None:
        raise ValidationError("The parameter cannot be converted to a numeric value")
    return text, len(text.strip("-0.").replace(".", "")) // 2 + 2


@lru_cache(maxsize=8192)
def canonical_number(text: str) -> str | None:
    """A number's digits without exponent and superfluous zeros; None for what is no number. Raises ValidationError beyond its range."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    return format_number(number)


def format_number(number: Decimal) -> str:
    """A number in canonical form. Raises ValidationError where DynamoDB can't hold it."""
    if not number:
        return "0"
    number = number.normalize(_EXACT)
    if len(number.as_tuple().digits) > _MAX_DIGITS:
        raise ValidationError("Attempting to store more than 38 significant digits in a Number")
    if number.adjusted() > 125:
        raise ValidationError("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if number.adjusted() < -130:
        raise ValidationError("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    return format(number, "f")


def _binary(content: object, _depth: int) -> tuple[str, int]:
    try:
        if isinstance(content, str):
            return content, len(base64.b64decode(content, validate=True))
    except (ValueError, binascii.Error):
        pass
    raise ValidationError(_INVALID + "base64 is expected in B")


def _boolean(content: object, _depth: int) -> tuple[bool, int]:
    if not isinstance(content, bool):
        raise ValidationError(_INVALID + "a boolean is expected in BOOL")
    return content, 1


def _null(content: object, _depth: int) -> tuple[bool, int]:
    if content is not True:
        raise ValidationError(_INVALID + "Null attribute value types must have the value of true")
    return True, 1


def _list(content: object, depth: int) -> tuple[list[AttributeValue], int]:
    if not isinstance(content, list):
        raise ValidationError(_INVALID + "a list is expected in L")
    elements = [canonical_value(element, depth + 1) for element in content]
    return [element for element, _ in elements], 3 + sum(size + 1 for _, size in elements)


def _map(content: object, depth: int) -> tuple[Item, int]:
    if not isinstance(content, dict):
        raise ValidationError(_INVALID + "an object is expected in M")
    size, result = 3, {}
    for name, value in content.items():
        result[name], value_size = canonical_value(value, depth + 1)
        size += len(name.encode()) + value_size + 1
    return result, size


def _set_of(member: str) -> Callable[[object, int], tuple[list[str], int]]:
    def canonicalize(content: object, depth: int) -> tuple[list[str], int]:
        if not isinstance(content, list):
            raise ValidationError(_INVALID + f"a list is expected in {member}S")
        if not content:
            raise ValidationError(_INVALID + "An number set  may not be empty" if member == "N" else _INVALID + "A set may not be empty")
        members = [canonical_value({member: one}, depth) for one in content]
        texts = [value[member] for value, _ in members]
        if len(set(texts)) < len(texts):
            raise ValidationError(_INVALID + f"Input collection {content} contains duplicates.")
        return sorted(texts, key=Decimal if member == "N" else None), sum(size for _, size in members)

    return canonicalize


_CANONICAL: dict[str, Callable[[object, int], tuple[Any, int]]] = {
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "L": _list,
    "M": _map,
    "SS": _set_of("S"),
    "NS": _set_of("N"),
    "BS": _set_of("B"),
}


def kind_of(value: AttributeValue) -> str:
    """The type of a value, e.g. "S"."""
    return next(iter(value))


def ordering_key(value: AttributeValue) -> Any:
    """What orders values of one type: strings and binaries by their bytes, numbers by size. None for types without order."""
    kind, content = next(iter(value.items()))
    match kind:
        case "S":
            return content.encode()
        case "N":
            return Decimal(content)
        case "B":
            return base64.b64decode(content)
    return None


def size_of(value: AttributeValue) -> int | None:
    """What the function `size` returns: characters of a string, bytes of a binary, elements of a collection."""
    kind, content = next(iter(value.items()))
    if kind == "B":
        return len(base64.b64decode(content))
    return len(content) if kind in ("S", "SS", "NS", "BS", "L", "M") else None
