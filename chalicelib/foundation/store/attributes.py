"""PynamoDB attributes with exact types: what may be absent says so in its type, and numbers are Decimal."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from pynamodb.attributes import Attribute
from pynamodb.constants import BOOLEAN, LIST, MAP, NUMBER, STRING

from chalicelib.foundation.calendar import instant, parse_instant
from chalicelib.foundation.store import codec

T = TypeVar("T")


class _Text(Attribute[Any]):
    attr_type = STRING


class _Whole(Attribute[Any]):
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


class _Flag(Attribute[Any]):
    attr_type = BOOLEAN


class _Day(Attribute[Any]):
    attr_type = STRING

    def serialize(self, value: date) -> str:
        return value.isoformat()

    def deserialize(self, value: str) -> date:
        return date.fromisoformat(value)


class _Moment(Attribute[Any]):
    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return instant(value)

    def deserialize(self, value: str) -> datetime:
        return parse_instant(value)


class _Document(Attribute[Any]):
    attr_type = MAP

    def serialize(self, value: dict[str, Any]) -> Any:
        return codec.encode(value)["M"]

    def deserialize(self, value: Any) -> dict[str, Any]:
        return {key: codec.decode(item) for key, item in value.items()}


class _Items(Attribute[Any]):
    attr_type = LIST

    def serialize(self, value: list[Any]) -> Any:
        return codec.encode(value)["L"]

    def deserialize(self, value: Any) -> list[Any]:
        return [codec.decode(item) for item in value]


def text(**options: Any) -> Attribute[str]:
    """Text that is always there."""
    return _Text(**options)


def optional_text(**options: Any) -> Attribute[str | None]:
    """Text, or nothing."""
    return _Text(null=True, **options)


def whole(**options: Any) -> Attribute[int]:
    """A whole number."""
    return _Whole(**options)


def optional_whole() -> Attribute[int | None]:
    """A whole number, or nothing."""
    return _Whole(null=True)


def decimal() -> Attribute[Decimal]:
    """An exact number: money, rates, measures."""
    return _Decimal()


def optional_decimal() -> Attribute[Decimal | None]:
    """An exact number, or nothing."""
    return _Decimal(null=True)


def flag() -> Attribute[bool]:
    """True or false."""
    return _Flag()


def optional_day() -> Attribute[date | None]:
    """A calendar day, or nothing."""
    return _Day(null=True)


def day() -> Attribute[date]:
    """A calendar day."""
    return _Day()


def moment() -> Attribute[datetime]:
    """An instant, UTC, to the millisecond."""
    return _Moment()


def optional_moment() -> Attribute[datetime | None]:
    """An instant, or nothing."""
    return _Moment(null=True)


def document() -> Attribute[dict[str, Any]]:
    """A nested object."""
    return _Document()


def optional_document() -> Attribute[dict[str, Any] | None]:
    """A nested object, or nothing."""
    return _Document(null=True)


def items() -> Attribute[list[Any]]:
    """A list of anything that JSON can say."""
    return _Items()


def texts() -> Attribute[list[str]]:
    """A list of texts."""
    return _Items()
