"""Conversion between Python values and DynamoDB attribute values."""

import base64
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.dates import format_timestamp

AttributeValue = dict[str, Any]  # one typed value, e.g. {"S": "lead"}
DynamoItem = dict[str, AttributeValue]  # one item


def encode_value(value: Any) -> AttributeValue:
    """The attribute value of a Python value. Dates and timestamps become text. Raises TypeError for other types."""
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
        return {"M": {key: encode_value(item) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [encode_value(item) for item in value]}
    if isinstance(value, set | frozenset):  # never empty: DynamoDB has no empty set
        texts = all(isinstance(item, str) for item in value)
        return {"SS": sorted(value)} if texts else {"NS": [encode_value(item)["N"] for item in sorted(value)]}
    if isinstance(value, bytes):
        return {"B": base64.b64encode(value).decode()}  # the client passes values through, so they must be base64 already
    if isinstance(value, datetime):
        return {"S": format_timestamp(value)}
    if isinstance(value, date):
        return {"S": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be stored in the table")


def _number(text: str) -> int | Decimal:
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


def decode_value(wire: AttributeValue) -> Any:
    """The Python value of an attribute value. Whole numbers become int, others Decimal."""
    for type_, value in wire.items():
        if type_ in ("S", "BOOL"):
            return value
        if type_ == "N":
            return _number(value)
        if type_ == "M":
            return {key: decode_value(item) for key, item in value.items()}
        if type_ == "L":
            return [decode_value(item) for item in value]
        if type_ == "NULL":
            return None
        if type_ == "B":
            return base64.b64decode(value)
        if type_ in ("SS", "NS"):
            return sorted(value if type_ == "SS" else map(_number, value))
    raise TypeError(f"unknown type in {wire}")


def decode_item(raw: DynamoItem) -> dict[str, Any]:
    """An item as Python values."""
    return {name: decode_value(wire) for name, wire in raw.items()}


def encode_item(values: Mapping[str, Any]) -> DynamoItem:
    """Python values as an item."""
    return {name: encode_value(value) for name, value in values.items()}


def decimals(values: Mapping[str, Any] | None, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Numbers of a nested object that was read as Decimal, of these names or all, since whole ones are read as int; None for absent ones."""
    values = values or {}
    return {name: None if values.get(name) is None else Decimal(values[name]) for name in (values if names is None else names)}
