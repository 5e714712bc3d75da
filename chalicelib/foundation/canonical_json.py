"""One text for one value, so that its hash says whether two values are the same.

RFC 8785 (JSON Canonicalization Scheme), by the library `rfc8785`: object members sorted, no spaces, one way to escape. The scheme
knows IEEE 754 doubles only, and what is hashed here are exact decimals; so a caller says how numbers are written. Hashes that
are stored were made in one of three forms, and each form must stay as it is, byte for byte.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Context as DecimalContext
from decimal import Decimal
from enum import Enum
from typing import Any

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.json_codec import dumps

_SAFE_INTEGER = 2**53 - 1
_EXACT = DecimalContext(prec=120)  # more digits than any number here has


class Numbers(Enum):
    """How numbers are written."""

    DOUBLE = "double"
    """As RFC 8785 says where a double holds exactly its digits (money always does: it has at most 15), else as text. For new hashes."""
    TEXT = "text"
    """As the shortest plain digits in a text: 1.50 is "1.5". For content that other programs hash, too."""
    EXACT = "exact"
    """As a JSON number of all its digits, without trailing zeros: 12.50 is 12.5 and 100 is 1E+2. Members are sorted by code point."""


def canonical_json(value: object, numbers: Numbers = Numbers.DOUBLE) -> str:
    """The canonical JSON of plain values: None, bool, str, int, Decimal, days and instants, mappings, lists; bytes as hexadecimal.

    Whatever `numbers` says, equal numbers are equal text and nothing is ever rounded. TypeError for a float and everything else.
    """
    if numbers is Numbers.EXACT:
        return dumps(_convert(value, _exact_number))
    import rfc8785  # here, since it takes 8 ms and most requests need no canonical JSON

    return rfc8785.dumps(_convert(value, _double if numbers is Numbers.DOUBLE else _digits)).decode()


def content_hash(value: object, numbers: Numbers = Numbers.DOUBLE) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value, numbers).encode()).hexdigest()


def _convert(value: object, number: Callable[[int | Decimal], object]) -> Any:  # JSON values, as `number` writes theirs
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int | Decimal):
        return number(value)
    if isinstance(value, Mapping):
        return {str(name): _convert(value[name], number) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [_convert(item, number) for item in value]
    if isinstance(value, set | frozenset):
        return [_convert(item, number) for item in sorted(value)]
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _double(number: int | Decimal) -> int | float | str:
    if isinstance(number, int):
        return number if abs(number) <= _SAFE_INTEGER else str(number)
    double = float(number)
    return double if Decimal(repr(double)) == number else format(number, "f")


def _digits(number: int | Decimal) -> str:
    text = format(Decimal(number), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _exact_number(number: int | Decimal) -> Decimal:
    return _EXACT.add(Decimal(number), Decimal()).normalize(_EXACT)  # -0 plus 0 is 0
