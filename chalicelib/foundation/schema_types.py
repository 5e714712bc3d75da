"""Field types and base classes of request and response schemas.

Request bodies and queries are pydantic models that refuse unknown fields. Responses are TypedDicts: plain dicts at run time (no model
is built per item of a list), with the same description in OpenAPI.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Generic, NotRequired, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core.core_schema import no_info_after_validator_function, str_schema
from typing_extensions import TypedDict

from chalicelib.foundation import emails
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.money import MAX_DIGITS, MINOR_UNITS, money_error, significant_digits

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

VIEWED_BODY = "x-viewed-body"  # in a schema of `view_of`, until the OpenAPI document has its component
T = TypeVar("T")

_MAX_CLOCK_SKEW = timedelta(minutes=5)  # how far a caller's clock may be ahead of ours
_FIRST_YEAR = 1900

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_CONTROL_EXCEPT_BREAKS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_PHONE_SEPARATORS = re.compile(r"[ ().-]")
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,4})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII)


def single_line(value: str) -> str:
    """The text, without control characters. Raises ValueError."""
    if _CONTROL.search(value):
        raise ValueError("control characters are refused")
    return value


def multi_line(value: str) -> str:
    """The text, without control characters but line breaks and tabs. Raises ValueError."""
    if _CONTROL_EXCEPT_BREAKS.search(value):
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


def _date(value: object) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return date.fromisoformat(value)
    if type(value) is date:
        return value
    raise ValueError("a day is written YYYY-MM-DD")


def _timestamp(value: object) -> datetime:
    if isinstance(value, str) and _TIMESTAMP.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except OverflowError:
            raise ValueError("the instant is out of range") from None
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    raise ValueError("an instant is written as RFC 3339 with its offset, e.g. 2026-03-01T17:00:00Z")


def _date_or_timestamp(value: object) -> datetime | date:
    return _date(value) if type(value) is date or (isinstance(value, str) and _DATE.fullmatch(value)) else _timestamp(value)


def _query_int(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("plain digits are needed")
    return value


def _currency(value: str) -> str:
    if value not in MINOR_UNITS:
        raise ValueError("an ISO 4217 code is needed, e.g. USD")
    return value


Text = Annotated[str, Field(strict=True), AfterValidator(single_line)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Slug = Annotated[Text, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Tag = Annotated[Text, Field(min_length=1, max_length=60)]
Url = Annotated[Text, Field(min_length=1, max_length=2000)]
Notes = Annotated[str, Field(strict=True, max_length=5000), AfterValidator(multi_line)]
StrictBool = Annotated[bool, Field(strict=True)]
StrictInt = Annotated[int, Field(strict=True)]
QueryInt = Annotated[int, BeforeValidator(_query_int)]  # in query strings, where everything is text: 50, never 5_0 or +50
Date = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Timestamp = Annotated[datetime, BeforeValidator(_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})]
# One validator rather than a union of two, which would report each invalid value twice, with the functions' names as fields.
DateOrTimestamp = Annotated[
    datetime | date,
    BeforeValidator(_date_or_timestamp),
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
# In responses: exact, always a JSON number.
MoneyNumber = Annotated[Decimal, WithJsonSchema({"type": "number", "description": "Exact, to the minor unit of the currency."})]
TimestampText = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time", "description": "UTC, with milliseconds and Z."})]
PendingCount = Annotated[
    int,
    WithJsonSchema(
        {
            "type": "integer",
            "description": "How many changes were made that the figures don't hold yet, a second or so after each; 100 stands for more. "
            "0: they hold all that was written before the request.",
        }
    ),
]
DateText = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]


class OneOf:
    """One of the rules' own words, e.g. `Stage = Annotated[str, OneOf(STAGES, "PipelineStage")]`.

    `name` is the enumeration's name in the OpenAPI document, where every field with these words shares one type.
    """

    def __init__(self, words: Iterable[str], name: str) -> None:
        self.words = tuple(words)
        self.name = name

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> "CoreSchema":
        """Exactly one of the words, with their list where it is another."""
        return no_info_after_validator_function(self._check, str_schema(strict=True))

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> JsonObject:
        """An enumeration."""
        return {"type": "string", "enum": list(self.words), "title": self.name}

    def _check(self, value: str) -> str:
        if value not in self.words:
            raise ValueError(f"one of {', '.join(self.words)} is needed")
        return value


def component(name: str) -> WithJsonSchema:
    """Describe a value by a component of the OpenAPI document: for what is validated by itself, or made without a class."""
    return WithJsonSchema({"title": name})


RowProblem = Annotated[dict[str, Any], component("RowProblem")]  # why one row of a bulk request failed


def view_of(body: "type[RequestBody]") -> WithJsonSchema:
    """Describe a nested object of an answer that is stored as it was sent.

    `BuyBoxView = Annotated[JsonObject, view_of(BuyBox)]`: the component BuyBoxView has the body's fields without their limits, and
    each may be omitted or null.
    """
    return WithJsonSchema({"title": f"{body.__name__}View", VIEWED_BODY: body.__name__})


def decimals(places: int) -> AfterValidator:
    """At most so many decimals."""

    def check(number: Decimal) -> Decimal:
        if number != round(number, places):
            raise ValueError(f"at most {places} decimals")
        return number

    return AfterValidator(check)


def _not_negative(amount: Decimal) -> Decimal:
    if amount < 0:
        raise ValueError("must not be negative")
    return amount


def _positive(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise ValueError("must be above zero")
    return amount


def _business_date(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("a day between 1900 and 2200 is needed")
    return day


def _strip_separators(value: object) -> object:
    return _PHONE_SEPARATORS.sub("", value) if isinstance(value, str) else value


def _unique(values: list[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _unique_folded(values: list[str]) -> list[str]:
    return list({fold_text(value): value for value in reversed(values)}.values())[::-1]


def _query_flag(value: object) -> bool:
    if value not in ("true", "false", True, False):
        raise ValueError("true or false is needed")
    return value in ("true", True)


UNIQUE_ITEMS = AfterValidator(_unique)  # of a list: each once, in the order in which they first come
UNIQUE_FOLDED = AfterValidator(_unique_folded)  # of texts that are compared folded: the first spelling of each
BusinessDate = Annotated[Date, AfterValidator(_business_date)]
NonNegativeMoney = Annotated[Money, AfterValidator(_not_negative)]
PositiveMoney = Annotated[Money, AfterValidator(_positive)]
Percentage = Annotated[Number, Field(ge=0, le=100), decimals(2)]
Share = Annotated[Number, Field(ge=0, le=1), decimals(4)]
Hours = Annotated[Number, Field(ge=0), decimals(4)]
HalfCount = Annotated[Number, Field(ge=0, le=100), decimals(2)]  # bathrooms come in halves, holding in months
Area = Annotated[StrictInt, Field(ge=0, le=10**9)]
Latitude = Annotated[Number, Field(ge=-90, le=90), decimals(8)]
Longitude = Annotated[Number, Field(ge=-180, le=180), decimals(8)]
Email = Annotated[Text, Field(max_length=emails.MAX_ADDRESS, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", examples=["seller@example.com"])]
"""An address that somebody wrote down, of a seller or a buyer. Its grammar is not judged."""
EmailAddress = Annotated[
    str,
    Field(strict=True, max_length=emails.MAX_ADDRESS),
    AfterValidator(emails.validate_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": emails.MAX_ADDRESS}),
]
"""An address that mail is sent to and somebody signs in with: ASCII, of the common grammar."""
Phone = Annotated[Text, Field(min_length=1, max_length=40, examples=["+1 206 555 0100"])]
InternationalPhone = Annotated[
    Text,
    BeforeValidator(_strip_separators),
    Field(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+12065550100"], description="E.164; spaces, dots, dashes and brackets are dropped."),
]
ExternalText = Annotated[Text, Field(min_length=1, max_length=100)]  # a word of another system's: a source, a reference
DealId = Annotated[
    Text,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value),
    Field(
        min_length=1,
        max_length=200,
        examples=["deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T"],
        description="A deal's id, or else its external reference; a number is taken as its text.",
    ),
]
ProfessionalId = Annotated[Text, Field(min_length=1, max_length=200, examples=["pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
UserId = Annotated[Text, Field(pattern=r"^user_[A-Za-z0-9_-]{1,60}$", examples=["user_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
Country = Annotated[Text, Field(pattern=r"^[A-Z]{2}$", examples=["US"])]
Tags = Annotated[list[Tag], Field(max_length=20), UNIQUE_ITEMS]
# In query strings, where everything is text: one way to write a flag.
QueryFlag = Annotated[bool, BeforeValidator(_query_flag), WithJsonSchema({"type": "boolean"})]


def omitted() -> Any:
    """The default of a patch's field that may be left out but not cleared: nobody reads it, and the document shows no default."""
    return None


class RequestBody(BaseModel):
    """Base of request bodies: texts are trimmed, unknown fields are refused."""

    # A model is built at its first validation, so that a cold start builds one model rather than all of the pack.
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)


def body_example(example: JsonObject) -> ConfigDict:
    """The configuration of a request body with an example for the documentation: small, and what somebody would send."""
    return ConfigDict(json_schema_extra={"examples": [example]})


class PatchBody(RequestBody):
    """A merge (RFC 7396): what is left out stays, null clears, nested objects are merged level by level."""

    @property
    def changes(self) -> JsonObject:
        """The fields that were sent, with their new values; None clears."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def changes_to(self, values: Mapping[str, object], *, exclude: Collection[str] = ()) -> JsonObject:
        """What differs from `values` once the patch is applied, as the table holds it; a cleared list is an empty one."""
        changed: JsonObject = {}
        for name, sent in self.model_dump(exclude_unset=True, exclude=set(exclude)).items():
            before = values.get(name)
            after = to_storable(sent) if isinstance(sent, list) else sent
            if isinstance(sent, dict):
                after = merge_patch(before if isinstance(before, dict) else {}, sent) or None
            if after is None and isinstance(before, list):
                after = []
            if after != before:
                changed[name] = after
        return changed


def merge_patch(before: JsonObject, sent: JsonObject) -> JsonObject:
    """`sent` over `before`, level by level; None clears (RFC 7396). Nested values come out as the table holds them."""
    merged = dict(before)
    for name, value in sent.items():
        if isinstance(value, dict):
            value = merge_patch(merged.get(name) or {}, value) or None
        merged[name] = to_storable(value)
    return {name: value for name, value in merged.items() if value is not None}


def to_storable(value: object) -> Any:
    """A nested value as the table holds it: days and instants as text."""
    if isinstance(value, dict):
        return {name: to_storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [to_storable(item) for item in value]
    if isinstance(value, datetime):
        return format_timestamp(value)
    return value.isoformat() if isinstance(value, date) else value


class QueryParams(RequestBody):
    """Base of query strings. Every value is sent as text."""


class ExplainParams(QueryParams):
    """Query of endpoints whose derived numbers can be explained."""

    explain: QueryFlag = False


class PageParams(QueryParams):
    """Query parameters of every list."""

    limit: QueryInt = Field(50, ge=1, le=200, description="How many items at the most.")
    cursor: str | None = Field(None, max_length=2000, description="`next_cursor` of the page before.")


class PageOf(TypedDict, Generic[T]):
    """A page of a list; `next_cursor` is null at its end. OpenAPI names it after its items: PipelinePage of PipelineSummary."""

    items: list[T]
    next_cursor: Annotated[
        str | None,
        Field(description="Where the next page begins; null at the end. A page may be short, even empty, and not be the last one."),
    ]


class PostalAddress(RequestBody):
    """A postal address."""

    line1: Name | None = None
    line2: Name | None = None
    city: Name | None = None
    region: Annotated[Text, Field(min_length=1, max_length=60)] | None = None
    postal_code: Annotated[Text, Field(min_length=1, max_length=20)] | None = None
    country: Country | None = Field(None, description="ISO 3166-1 alpha-2; the United States unless given.")


class RowRemarks(TypedDict, total=False):
    """What is said of a good row: codes of warnings, and the ids of others that may be the same."""

    warnings: list[str]
    duplicate_of: list[str]


class RowResult(RowRemarks):
    """The result of a row of a bulk request: 201 created, 200 there already (or, in a dry run, acceptable), else the problem's status."""

    index: int
    status: int
    id: NotRequired[str]
    problem: NotRequired[RowProblem]


class ResourceView(TypedDict):
    """The fields that every resource has."""

    id: str
    revision: int
    created_at: TimestampText
    created_by: str
    updated_at: TimestampText
    updated_by: str


def occurred_at(now: datetime, given: datetime | None) -> datetime:
    """When something occurred that is entered now: now, unless it is `given`. Raises ValidationFailed for the future, and before 1900."""
    if given is None:
        return now
    if given > now + _MAX_CLOCK_SKEW:
        raise ValidationFailed.field("occurred_at", "it can't lie in the future")
    if given.year < _FIRST_YEAR:
        raise ValidationFailed.field("occurred_at", f"it can't lie before {_FIRST_YEAR}")
    return min(given, now)


def check_money(currency: str, amounts: Mapping[str, Decimal | int | None]) -> None:
    """Check that amounts are valid in `currency`; `amounts` maps field names to values. Raises ValidationFailed."""
    errors = [
        {"loc": name.split("."), "message": message, "type": "money"}
        for name, amount in amounts.items()
        if amount is not None and (message := money_error(Decimal(amount), currency))
    ]
    if errors:
        raise ValidationFailed(errors)
