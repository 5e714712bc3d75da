"""JSON with exact numbers, both ways. Decimal never passes through a binary float."""

import json
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import simplejson

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import MalformedJson

_LARGEST_EXPONENT = 125  # DynamoDB's limit; formatting a larger one would exhaust the memory


JsonObject = dict[str, Any]  # a JSON object whose members are the sender's: a decoded item, an event, a list view


def _no_duplicates(pairs: list[tuple[str, object]]) -> JsonObject:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise MalformedJson("A key appears twice in one object.")
    return values


def _no_constant(name: str) -> object:
    raise MalformedJson(f"{name} is not JSON.")


def _decimal(text: str) -> Decimal:
    if len(text) > 100:
        raise MalformedJson("A number has more than 100 characters.")
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent that Decimal cannot represent
        raise MalformedJson("A number is out of range.") from None
    if number and abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise MalformedJson("A number is out of range.")
    return number


def _integer(text: str) -> int:
    if len(text) > 100:
        raise MalformedJson("A number has more than 100 characters.")
    return int(text)


_STRICT = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_float=_decimal, parse_int=_integer, parse_constant=_no_constant)
_TRUSTED = json.JSONDecoder(parse_float=Decimal)


def parse(body: str | bytes) -> Any:
    """A caller's JSON: Decimal fractions; duplicate keys, NaN and Infinity refused. Raises MalformedJson."""
    try:
        return _STRICT.decode(body.decode() if isinstance(body, bytes) else body)
    except UnicodeDecodeError:
        raise MalformedJson("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} at line {error.lineno} column {error.colno}.") from None
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None


def loads(text: str) -> Any:
    """Parse JSON that this system wrote."""
    return _TRUSTED.decode(text)


def _to_json_value(value: object) -> object:
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER = simplejson.JSONEncoder(
    use_decimal=True, separators=(",", ":"), default=_to_json_value, ensure_ascii=False, allow_nan=False, namedtuple_as_object=False
)


def dumps(value: object) -> str:
    """Compact JSON; Decimal as an exact number, instants and days as text."""
    return str(_ENCODER.encode(value))
