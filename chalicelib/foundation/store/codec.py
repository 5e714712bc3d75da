"""Between Python values and DynamoDB's typed ones."""

import base64
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.calendar import instant

Wire = dict[str, Any]  # one typed value, e.g. {"S": "lead"}
Raw = dict[str, Wire]  # one item


def encode(value: Any) -> Wire:
    """The typed value of a Python one. Days and instants become text."""
    if isinstance(value, str):
        return {"S": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, Decimal):
        return {"N": format(value, "f")}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, Mapping):
        return {"M": {key: encode(item) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [encode(item) for item in value]}
    if isinstance(value, set | frozenset):  # never empty: DynamoDB has no empty set
        texts = all(isinstance(item, str) for item in value)
        return {"SS": sorted(value)} if texts else {"NS": [encode(item)["N"] for item in sorted(value)]}
    if isinstance(value, bytes):
        return {"B": base64.b64encode(value).decode()}  # as it goes over the wire; our client passes values through
    if isinstance(value, datetime):
        return {"S": instant(value)}
    if isinstance(value, date):
        return {"S": value.isoformat()}
    raise TypeError(f"{type(value).__name__} has no place in the table")


def _number(text: str) -> int | Decimal:
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


def decode(wire: Wire) -> Any:
    """The Python value of a typed one. Numbers come back as int where they are whole, else Decimal."""
    for type_, value in wire.items():
        if type_ in ("S", "BOOL"):
            return value
        if type_ == "N":
            return _number(value)
        if type_ == "M":
            return {key: decode(item) for key, item in value.items()}
        if type_ == "L":
            return [decode(item) for item in value]
        if type_ == "NULL":
            return None
        if type_ == "B":
            return base64.b64decode(value)
        if type_ in ("SS", "NS"):
            return sorted(value if type_ == "SS" else map(_number, value))
    raise TypeError(f"unknown type in {wire}")


def plain(raw: Raw) -> dict[str, Any]:
    """An item as plain Python values."""
    return {name: decode(wire) for name, wire in raw.items()}


def wire(values: Mapping[str, Any]) -> Raw:
    """Plain values as an item."""
    return {name: encode(value) for name, value in values.items()}
