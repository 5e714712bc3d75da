"""PynamoDB attributes with exact types: attributes that may be absent are typed as optional, and numbers are int or Decimal."""

import datetime as dt
from decimal import Decimal
from typing import Any, TypeVar

from pynamodb.attributes import Attribute
from pynamodb.constants import BOOLEAN, LIST, MAP, NUMBER, STRING

from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.store import codec

T = TypeVar("T")


class _String(Attribute[Any]):
    attr_type = STRING


class _Integer(Attribute[Any]):
    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(value)


class _Decimal(Attribute[Any]):
    attr_type = NUMBER

    def serialize(self, value: Decimal) -> str:
        return format(value, "f")

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class _Boolean(Attribute[Any]):
    attr_type = BOOLEAN


class _Date(Attribute[Any]):
    attr_type = STRING

    def serialize(self, value: dt.date) -> str:
        return value.isoformat()

    def deserialize(self, value: str) -> dt.date:
        return dt.date.fromisoformat(value)


class _Datetime(Attribute[Any]):
    attr_type = STRING

    def serialize(self, value: dt.datetime) -> str:
        return format_timestamp(value)

    def deserialize(self, value: str) -> dt.datetime:
        return parse_timestamp(value)


class _Map(Attribute[Any]):
    attr_type = MAP

    def serialize(self, value: dict[str, Any]) -> Any:
        return codec.encode_value(value)["M"]

    def deserialize(self, value: Any) -> dict[str, Any]:
        return {key: codec.decode_value(item) for key, item in value.items()}


class _List(Attribute[Any]):
    attr_type = LIST

    def serialize(self, value: list[Any]) -> Any:
        return codec.encode_value(value)["L"]

    def deserialize(self, value: Any) -> list[Any]:
        return [codec.decode_value(item) for item in value]


def string(**options: Any) -> Attribute[str]:
    """A text."""
    return _String(**options)


def optional_string(**options: Any) -> Attribute[str | None]:
    """A text, or None."""
    return _String(null=True, **options)


def integer(**options: Any) -> Attribute[int]:
    """A whole number."""
    return _Integer(**options)


def optional_integer() -> Attribute[int | None]:
    """A whole number, or None."""
    return _Integer(null=True)


def decimal() -> Attribute[Decimal]:
    """A Decimal: money, rates, measures."""
    return _Decimal()


def optional_decimal() -> Attribute[Decimal | None]:
    """A Decimal, or None."""
    return _Decimal(null=True)


def boolean() -> Attribute[bool]:
    """True or false."""
    return _Boolean()


def optional_date() -> Attribute[dt.date | None]:
    """A date, or None."""
    return _Date(null=True)


def date() -> Attribute[dt.date]:
    """A date."""
    return _Date()


def datetime() -> Attribute[dt.datetime]:
    """A timestamp, UTC, to the millisecond."""
    return _Datetime()


def optional_datetime() -> Attribute[dt.datetime | None]:
    """A timestamp, or None."""
    return _Datetime(null=True)


def map_() -> Attribute[dict[str, Any]]:
    """A nested object."""
    return _Map()


def optional_map() -> Attribute[dict[str, Any] | None]:
    """A nested object, or None."""
    return _Map(null=True)


def list_() -> Attribute[list[Any]]:
    """A list of JSON values."""
    return _List()


def string_list() -> Attribute[list[str]]:
    """A list of texts."""
    return _List()
