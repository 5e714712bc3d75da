"""The vocabulary of what comes over the wire: types for fields, and the base of every input model.

Inputs are pydantic models that refuse unknown fields. Answers are TypedDicts: plain dicts at run time (no model is
built for an item of a list), and as well described for OpenAPI.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation.errors import Invalid
from chalicelib.foundation.money import MAX_DIGITS, MINOR_UNITS, fault, significant_digits

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_CONTROL_BUT_BREAKS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,4})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII)


def _line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("control characters are refused")
    return value


def _prose(value: str) -> str:
    if _CONTROL_BUT_BREAKS.search(value):
        raise ValueError("control characters other than line breaks and tabs are refused")
    return value


def _money(value: object) -> Decimal:
    if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a JSON number, or a string of plain digits, is needed")
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount.adjusted()) > 30 or significant_digits(amount) > MAX_DIGITS:
        raise ValueError(f"at most {MAX_DIGITS} significant digits")
    return amount


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a JSON number is needed")
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise ValueError("the number is out of range")
    return number


def _day(value: object) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    if type(value) is date:
        return value
    raise ValueError("a day is written YYYY-MM-DD")


def _instant(value: object) -> datetime:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except OverflowError:
            raise ValueError("the instant is out of range") from None
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    raise ValueError("an instant is written as RFC 3339 with its offset, e.g. 2026-03-01T17:00:00Z")


def _moment(value: object) -> datetime | date:
    return _day(value) if type(value) is date or (isinstance(value, str) and _DAY.fullmatch(value)) else _instant(value)


def _count(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("plain digits are needed")
    return value


def _currency(value: str) -> str:
    if value not in MINOR_UNITS:
        raise ValueError("an ISO 4217 code is needed, e.g. USD")
    return value


Text = Annotated[str, Field(strict=True), AfterValidator(_line)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Slug = Annotated[Text, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Tag = Annotated[Text, Field(min_length=1, max_length=60)]
Url = Annotated[Text, Field(min_length=1, max_length=2000)]
Notes = Annotated[str, Field(strict=True, max_length=5000), AfterValidator(_prose)]
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
Digits = Annotated[int, BeforeValidator(_count)]  # in query strings, where everything is text: 50, never 5_0 or +50
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
# One check rather than a union of two, which would refuse each wrong value twice and name our functions as fields.
Moment = Annotated[
    datetime | date,
    BeforeValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]
Currency = Annotated[
    str, Field(strict=True), AfterValidator(_currency), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]})
]
Money = Annotated[
    Decimal,
    BeforeValidator(_money),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$"}],
            "description": "An amount to the minor unit of its currency, at most 15 significant digits.",
        }
    ),
]
Number = Annotated[Decimal, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
# In answers: exact, always a JSON number.
Amount = Annotated[Decimal, WithJsonSchema({"type": "number", "description": "Exact, to the minor unit of the currency."})]
When = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time", "description": "UTC, with milliseconds and Z."})]
OnDay = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]


class Input(BaseModel):
    """Base of everything that a caller sends: trimmed, bounded, unknown fields refused."""

    # A model is built when it first validates: a cold start pays for the one that its request sends, not for all of its pack.
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)


class Patch(Input):
    """A merge: what is left out stays, null clears. `changes` is what the caller really sent."""

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that were sent, with their new values; None clears."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Query(Input):
    """Base of query strings. Every value arrives as text."""


class Explained(Query):
    """Whether derived numbers explain themselves."""

    explain: Literal["true", "false"] = "false"


class Page(Query):
    """What every list takes."""

    limit: Digits = Field(50, ge=1, le=200, description="How many items at the most.")
    cursor: str | None = Field(None, max_length=2000, description="`next_cursor` of the page before.")


class Formula(TypedDict):
    """A formula, and which edition of it."""

    id: str
    version: int


class Audited(TypedDict):
    """What every resource carries."""

    id: str
    revision: int
    created_at: When
    created_by: str
    updated_at: When
    updated_by: str


T = TypeVar("T")


def check_money(currency: str, amounts: dict[str, Decimal | None]) -> None:
    """Refuse amounts that `currency` can't hold; `amounts` maps field names to values. Raises Invalid."""
    errors = [
        {"loc": name.split("."), "message": message, "type": "money"}
        for name, amount in amounts.items()
        if amount is not None and (message := fault(amount, currency))
    ]
    if errors:
        raise Invalid(errors)
