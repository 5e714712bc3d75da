"""Canonical JSON by RFC 8785 (JSON Canonicalization Scheme), with the library `rfc8785`.

The scheme has IEEE 754 doubles only. A Decimal or a large integer becomes a JSON number where a double represents its digits exactly
(money always does: it has at most 15), and text otherwise, so no value is rounded before it is hashed.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import rfc8785

_SAFE = 2**53 - 1


def canonical(value: object) -> str:
    """The canonical JSON of plain values, as decoded from the table."""
    return rfc8785.dumps(_jcs(value)).decode()


def _jcs(value: object) -> Any:
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _SAFE else str(value)
    if isinstance(value, Decimal):
        double = float(value)
        return double if Decimal(repr(double)) == value else format(value, "f")
    if isinstance(value, Mapping):
        return {str(name): _jcs(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jcs(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no canonical form")
