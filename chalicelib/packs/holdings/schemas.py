"""What goes over the wire."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.money import significant_digits
from chalicelib.foundation.schema_types import (
    Currency,
    Date,
    DateText,
    Money,
    MoneyNumber,
    Name,
    Notes,
    Number,
    OneOf,
    PageParams,
    PatchBody,
    QueryFlag,
    QueryParams,
    RequestBody,
    ResourceView,
    Slug,
    StrictBool,
    Text,
    TimestampText,
)
from chalicelib.foundation.schema_types import (
    ExplainParams as ExplainParams,
)
from chalicelib.packs.holdings.rules.details import shape_fault
from chalicelib.packs.holdings.rules.ecb import BASE
from chalicelib.packs.holdings.rules.fx import MAX_DIGITS, rate_fault
from chalicelib.packs.holdings.rules.snapshots import KINDS
from chalicelib.packs.holdings.rules.timeline import SIGNS

_PLAIN = re.compile(r"[0-9]{1,21}(\.[0-9]{1,40})?", re.ASCII)


def _not_negative(amount: Decimal) -> Decimal:
    if amount < 0:
        raise ValueError("must not be negative")
    return amount


def _above_nought(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise ValueError("must be above zero: the kind says which way it goes")
    return amount


def _share(pct: Decimal) -> Decimal:
    if not 0 <= pct <= 100:
        raise ValueError("a percentage from 0 to 100 is needed")
    if significant_digits(pct) > 15 or pct.adjusted() < -15:
        raise ValueError("at most 15 significant digits")
    return pct


def _rate(value: object) -> Decimal:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a JSON number, or a string of plain digits, is needed")
    rate = Decimal(value)
    if fault := rate_fault(rate):
        raise ValueError(fault)
    return rate


def _of_our_time(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("a day between 1900 and 2200 is needed")
    return day


def _details(value: dict[str, Any]) -> dict[str, Any]:
    if fault := shape_fault(value):
        raise ValueError(fault)
    return value


def _left_out() -> Any:
    """The value of a field that a patch leaves out: nobody reads it, and the schema shows no default."""
    return None


HoldingDay = Annotated[Date, AfterValidator(_of_our_time)]
Price = Annotated[Money, AfterValidator(_not_negative)]
Flowing = Annotated[Money, AfterValidator(_above_nought)]
Share = Annotated[Number, AfterValidator(_share), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100, "examples": [50]})]
Rate = Annotated[
    Decimal,
    BeforeValidator(_rate),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string"}], "description": f"Above zero, at most {MAX_DIGITS} significant digits."}
    ),
]
Place = Annotated[Text, Field(min_length=1, max_length=100, examples=["US-WA"])]
Ref = Annotated[Text, Field(min_length=1, max_length=100)]
Details = Annotated[
    dict[str, Any], AfterValidator(_details), WithJsonSchema({"type": "object", "examples": [{"year_built": 1998, "units": 4}]})
]
FlowKind = Annotated[str, OneOf(SIGNS, "FlowKind")]
Kind = Annotated[str, OneOf(KINDS, "SnapshotKind")]
Version = Annotated[int, Field(ge=1, le=999999)]


class _Fields(RequestBody):
    """What a holding is, at its entry and afterwards."""

    label: Name | None = None
    internal_ref: Name | None = None
    jurisdiction: Place | None = None
    entity_name: Name | None = None
    entity_id: Ref | None = Field(None, description="Who holds it. It names the group of `by_entity`, else the entity's name does.")
    value_estimate: Money | None = Field(None, description="What the whole asset is worth; each change is kept as a valuation.")
    liability: Price | None = Field(None, description="What is owed on the whole asset.")
    acquired_on: HoldingDay | None = Field(None, description="From when on it counts; the day of its entry unless given.")
    cost_basis: Price | None = Field(None, description="What the whole asset was bought for, in the currency of its first value.")
    notes: Notes | None = None


class HoldingCreate(_Fields):
    """A new holding. Its first value, liability and share hold from `acquired_on` on, else from today."""

    asset_type: Slug = Field(examples=["property"])
    currency: Currency | None = Field(None, description="ISO 4217; the firm's own unless given.")
    ownership_pct: Share = Field(Decimal(100), json_schema_extra={"default": 100})
    is_active: StrictBool = True
    details: Details | None = Field(None, description="What more there is to say of it; checked by asset type where that is known.")


class HoldingPatch(_Fields, PatchBody):
    """A change. Value, liability, share, activity and groups hold from `effective_on` on, else from today."""

    asset_type: Slug = Field(default_factory=_left_out)
    currency: Currency = Field(default_factory=_left_out, description="Changes only together with the value.")
    ownership_pct: Share = Field(default_factory=_left_out)
    is_active: StrictBool = Field(default_factory=_left_out)
    details: Details | None = Field(None, description="Merged into what is there; null clears a detail.")
    disposed_on: HoldingDay | None = Field(None, description="The day from which on it counts no more.")
    proceeds: Price | None = Field(None, description="What the whole asset was sold for.")
    effective_on: HoldingDay = Field(default_factory=_left_out, description="From which day on the change holds; never in the future.")


class ValuationCreate(RequestBody):
    """What a holding is worth on a day."""

    value: Money
    currency: Currency | None = Field(None, description="The holding's own of that day, which it must be where it is given.")
    as_of: HoldingDay | None = Field(None, description="Today unless given; never in the future.")
    method: Ref | None = Field(None, examples=["appraisal"])
    source: Name | None = None


class FlowCreate(RequestBody):
    """Money that the firm put into a holding, or took out of it."""

    amount: Flowing
    currency: Currency | None = Field(None, description="The holding's own of that day unless given.")
    on: HoldingDay | None = Field(None, description="Today unless given; never in the future.")
    kind: FlowKind


class FxRatesPut(RequestBody):
    """What one unit of the base is worth on a day. Merged into what is there: what is entered again is corrected."""

    base: Currency
    date: HoldingDay
    rates: Annotated[dict[Currency, Rate], Field(min_length=1, max_length=200, examples=[{"USD": Decimal("1.1172")}])]


class SnapshotCreate(RequestBody):
    """Nothing: today's, now. With a day and a reason: a new version of that day's close."""

    date: HoldingDay | None = None
    reason: Name | None = None


class HoldingQuery(PageParams):
    """Which holdings to list. Filters hold together."""

    asset_type: Slug | None = None
    jurisdiction: Place | None = Field(None, description="`unassigned` for those without one.")
    entity_id: Name | None = Field(
        None, description="A group of `by_entity`: an entity's id, else its name; `unassigned` for those without one."
    )
    only_active: QueryFlag = Field(True, description="Leave out what is not active, or was disposed of.")


class HoldingsSummaryQuery(ExplainParams):
    """In which currency, and of which day."""

    currency: Currency | None = Field(None, description="The firm's own unless given.")
    as_of: HoldingDay | None = Field(None, description="The end of this day: its holdings, by its rates. Today unless given.")


class PerformanceQuery(ExplainParams):
    """Between the ends of which two days."""

    from_: HoldingDay | None = Field(None, alias="from", description="The last day of the year before unless given.")
    to: HoldingDay | None = Field(None, description="Today unless given.")
    currency: Currency | None = Field(None, description="The firm's own unless given.")


class FxRatesQuery(QueryParams):
    """Of which base and day."""

    base: Currency = BASE
    date: HoldingDay | None = Field(None, description="Today unless given.")


class SnapshotListQuery(PageParams):
    """Of which days, and in which currency they are shown."""

    from_: HoldingDay | None = Field(None, alias="from")
    to: HoldingDay | None = None
    currency: Currency | None = Field(None, description="The firm's own unless given.")


class SnapshotQuery(QueryParams):
    """Which of a day's snapshots: its latest close unless said otherwise."""

    currency: Currency | None = Field(None, description="The firm's own unless given.")
    kind: Kind = KINDS[1]
    version: Version | None = Field(None, description="The latest unless given.")


# -- answers


class HoldingView(ResourceView):
    """A holding as it is now. `owned_value` is the owned share of value less liability, null without a value."""

    asset_type: str
    label: str | None
    internal_ref: str | None
    jurisdiction: str | None
    entity_name: str | None
    entity_id: str | None
    value_estimate: MoneyNumber | None
    valued_on: DateText | None
    currency: str
    liability: MoneyNumber | None
    ownership_pct: MoneyNumber
    owned_value: MoneyNumber | None
    acquired_on: DateText | None
    cost_basis: MoneyNumber | None
    disposed_on: DateText | None
    proceeds: MoneyNumber | None
    is_active: bool
    details: dict[str, Any]
    notes: str | None
    explain: NotRequired[dict[str, Explanation]]


class HoldingSummary(TypedDict):
    """A holding in a list."""

    id: str
    asset_type: str
    label: str | None
    jurisdiction: str | None
    entity_id: str | None
    entity_name: str | None
    currency: str
    value_estimate: MoneyNumber | None
    ownership_pct: MoneyNumber
    owned_value: MoneyNumber | None
    is_active: bool
    disposed_on: DateText | None
    created_at: TimestampText


class HoldingPage(TypedDict):
    """A page of holdings."""

    items: list[HoldingSummary]
    next_cursor: str | None


class ValuationView(ResourceView):
    """What a holding is worth from a day on; null where its value was withdrawn."""

    holding_id: str
    value: MoneyNumber | None
    currency: str
    as_of: DateText
    method: str | None
    source: str | None


class ValuationPage(TypedDict):
    """A page of valuations."""

    items: list[ValuationView]
    next_cursor: str | None


class FlowView(ResourceView):
    """Money put in or taken out."""

    holding_id: str
    amount: MoneyNumber
    currency: str
    on: DateText
    kind: FlowKind


class FlowPage(TypedDict):
    """A page of flows."""

    items: list[FlowView]
    next_cursor: str | None


class FxRateInForce(TypedDict):
    """A rate, and the day that it is of."""

    rate: MoneyNumber
    date: DateText


class FxRatesView(TypedDict):
    """The rates of a day, and those in force on it: the latest on or before it that are young enough to convert by."""

    base: str
    date: DateText
    rates: dict[str, MoneyNumber]
    in_force: dict[str, FxRateInForce]


class FxRateView(TypedDict):
    """The rate that was used: its day, where it comes from, and whether it is more than a week old."""

    rate: MoneyNumber
    rate_date: DateText
    source: str
    stale_rate: bool


class CurrencyPositionView(FxRateView):
    """What is owned in a currency, and what it comes to."""

    amount: MoneyNumber
    converted: MoneyNumber


class Totals(TypedDict):
    """All that is owned, in one currency.

    The total is the sum of the converted currencies. A currency without a rate is named in `unconverted` with its amount and is
    not in the total; a holding without a value is counted in `unvalued`. `complete` says that there is neither.
    """

    currency: str
    total_value: MoneyNumber
    by_currency: dict[str, CurrencyPositionView]
    unconverted: dict[str, MoneyNumber]
    unvalued: int
    count: int
    complete: bool


class HoldingsSummaryView(Totals):
    """The totals of a day and their groups. `rounding` is, of each grouping, the total less its groups."""

    as_of: DateText
    by_asset_type: dict[str, MoneyNumber | None]
    by_jurisdiction: dict[str, MoneyNumber | None]
    by_entity: dict[str, MoneyNumber | None]
    rounding: dict[str, MoneyNumber]
    explain: NotRequired[dict[str, Explanation]]


class MissingFxRate(TypedDict):
    """A rate that isn't there."""

    currency: str
    date: DateText


class PerformanceFigures(TypedDict):
    """What changed: value_now - value_then = change = flows + revaluation + currency_effect. Null hangs on a missing rate."""

    value_then: MoneyNumber | None
    value_now: MoneyNumber | None
    change: MoneyNumber | None
    flows: MoneyNumber | None
    revaluation: MoneyNumber | None
    currency_effect: MoneyNumber | None
    missing: list[MissingFxRate]


# `from` is no name for a field of a class.
Ends = TypedDict("Ends", {"from": DateText, "to": DateText})


class PeriodFxRates(TypedDict):
    """A currency's rates on the first and on the last day."""

    then: FxRateView | None
    now: FxRateView | None


class PerformanceView(PerformanceFigures, Ends):
    """The performance of the whole and of each asset type."""

    currency: str
    complete: bool
    by_asset_type: dict[str, PerformanceFigures]
    rates: dict[str, PeriodFxRates]
    explain: NotRequired[dict[str, Explanation]]


class SnapshotSummary(ResourceView, Totals):
    """A snapshot in a list, shown in one currency by the rates that it holds."""

    date: DateText
    kind: Kind
    version: int
    reason: str | None
    content_hash: str


class SnapshotPage(TypedDict):
    """A page of snapshots."""

    items: list[SnapshotSummary]
    next_cursor: str | None


class SnapshotView(SnapshotSummary):
    """A snapshot with its groups."""

    as_of: DateText
    by_asset_type: dict[str, MoneyNumber | None]
    by_jurisdiction: dict[str, MoneyNumber | None]
    by_entity: dict[str, MoneyNumber | None]
    rounding: dict[str, MoneyNumber]
