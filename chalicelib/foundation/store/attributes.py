"""PynamoDB attributes with exact types: attributes that may be absent are typed as optional, and numbers are int or Decimal."""

import datetime as dt
import zlib
from decimal import Decimal
from typing import Any, Protocol, Self, TypeVar

from pynamodb.attributes import Attribute
from pynamodb.constants import BINARY, BOOLEAN, LIST, MAP, NUMBER, STRING, STRING_SET

from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import codec


class _Storable(Protocol):
    """A row of the table."""

    @classmethod
    def from_item(cls, raw: codec.DynamoItem) -> Self: ...

    def to_item(self) -> codec.DynamoItem: ...


R = TypeVar("R", bound=_Storable)

_Stored = Attribute[Any]  # encoded the same with and without None: the functions below say which


class _String(_Stored):
    attr_type = STRING


class _Integer(_Stored):
    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(value)


class _Decimal(_Stored):
    attr_type = NUMBER

    def serialize(self, value: Decimal) -> str:
        return format(value, "f")

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class _Boolean(_Stored):
    attr_type = BOOLEAN


class _Date(_Stored):
    attr_type = STRING

    def serialize(self, value: dt.date) -> str:
        return value.isoformat()

    def deserialize(self, value: str) -> dt.date:
        return dt.date.fromisoformat(value)


class _Datetime(_Stored):
    attr_type = STRING

    def serialize(self, value: dt.datetime) -> str:
        return format_timestamp(value)

    def deserialize(self, value: str) -> dt.datetime:
        return parse_timestamp(value)


class _Map(_Stored):
    attr_type = MAP

    def serialize(self, value: JsonObject) -> object:
        return codec.encode_value(value)["M"]

    def deserialize(self, value: JsonObject) -> JsonObject:
        return {key: codec.decode_value(item) for key, item in value.items()}


class _List(_Stored):
    attr_type = LIST

    def serialize(self, value: list[object]) -> object:
        return codec.encode_value(value)["L"]

    def deserialize(self, value: list[codec.AttributeValue]) -> list[object]:
        return [codec.decode_value(item) for item in value]


class _StringSet(_Stored):
    attr_type = STRING_SET

    def serialize(self, value: frozenset[str]) -> object:
        return codec.encode_value(value)["SS"]

    def deserialize(self, value: list[str]) -> frozenset[str]:
        return frozenset(value)


class _CompressedText(_Stored):
    attr_type = BINARY

    def serialize(self, value: str) -> object:
        return codec.encode_value(zlib.compress(value.encode()))[BINARY]

    def deserialize(self, value: object) -> str:
        return zlib.decompress(codec.decode_value({BINARY: value})).decode()


class _RowCopy(_Stored):
    attr_type = MAP

    def __init__(self, kind: type[_Storable]) -> None:
        super().__init__()
        self._kind = kind

    def serialize(self, value: _Storable) -> object:
        return value.to_item()

    def deserialize(self, value: codec.DynamoItem) -> _Storable:
        return self._kind.from_item(value)


def string(*, hash_key: bool = False, range_key: bool = False) -> Attribute[str]:
    """A text."""
    return _String(hash_key=hash_key, range_key=range_key)


def optional_string() -> Attribute[str | None]:
    """A text, or None."""
    return _String(null=True)


def integer() -> Attribute[int]:
    """A whole number."""
    return _Integer()


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


def optional_boolean() -> Attribute[bool | None]:
    """True or false, or None."""
    return _Boolean(null=True)


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


def map_() -> Attribute[JsonObject]:
    """A nested object."""
    return _Map()


def optional_map() -> Attribute[JsonObject | None]:
    """A nested object, or None."""
    return _Map(null=True)


def list_() -> Attribute[list[Any]]:
    """A list of JSON values."""
    return _List()


def string_list() -> Attribute[list[str]]:
    """A list of texts."""
    return _List()


def optional_string_set() -> Attribute[frozenset[str] | None]:
    """A set of texts, which updates add to and discard from; None where it is empty."""
    return _StringSet(null=True)


def compressed_text(*, attr_name: str | None = None) -> Attribute[str]:
    """A long text, compressed."""
    return _CompressedText(attr_name=attr_name)


def row_copy(kind: type[R]) -> Attribute[R]:
    """A whole row of this kind, inside of another row."""
    return _RowCopy(kind)
