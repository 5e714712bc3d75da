"""Request and response schemas of holdings."""

import re
from decimal import Decimal
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation.explanations import Explanation, Formula
from chalicelib.foundation.free_form import FreeForm
from chalicelib.foundation.money import significant_digits
from chalicelib.foundation.schema_types import (
    BusinessDate,
    Currency,
    DateText,
    ExplainParams,
    ExternalText,
    Money,
    MoneyNumber,
    Name,
    NonNegativeMoney,
    Notes,
    Number,
    OneOf,
    PageParams,
    PatchBody,
    PendingCount,
    PositiveMoney,
    QueryFlag,
    QueryParams,
    RequestBody,
    ResourceView,
    Slug,
    StrictBool,
    Text,
    TimestampText,
    body_example,
    omitted,
)
from chalicelib.packs.holdings.rules.fx_rates import BASE, MAX_DIGITS, rate_error
from chalicelib.packs.holdings.rules.positions import SIGNS
from chalicelib.packs.holdings.rules.snapshots import KINDS

_PLAIN = re.compile(r"[0-9]{1,21}(\.[0-9]{1,40})?", re.ASCII)


def _percentage(pct: Decimal) -> Decimal:
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
    if error := rate_error(rate):
        raise ValueError(error)
    return rate


Percentage = Annotated[
    Number, AfterValidator(_percentage), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100, "examples": [50]})
]
Rate = Annotated[
    Decimal,
    BeforeValidator(_rate),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string"}], "description": f"Above zero, at most {MAX_DIGITS} significant digits."}
    ),
]
Jurisdiction = Annotated[Text, Field(min_length=1, max_length=100, examples=["US-WA"])]
Details = Annotated[FreeForm, WithJsonSchema({"type": "object", "examples": [{"year_built": 1998, "units": 4}]})]
FlowKind = Annotated[str, OneOf(SIGNS, "FlowKind")]
Kind = Annotated[str, OneOf(KINDS, "SnapshotKind")]
Version = Annotated[int, Field(ge=1, le=999999)]


class HoldingBase(RequestBody):
    """The fields of a holding that can be set at creation and changed afterwards."""

    label: Name | None = None
    internal_ref: Name | None = None
    jurisdiction: Jurisdiction | None = None
    entity_name: Name | None = None
    entity_id: ExternalText | None = Field(
        None, description="The owning entity. The key of its group in `by_entity` is this id, else the entity's name."
    )
    value_estimate: Money | None = Field(None, description="The value of the whole asset; each change is kept as a valuation.")
    liability: NonNegativeMoney | None = Field(None, description="The debt on the whole asset.")
    acquired_on: BusinessDate | None = Field(None, description="The day from which it counts. Default: the day of its entry.")
    cost_basis: NonNegativeMoney | None = Field(
        None, description="The purchase price of the whole asset, in the currency of its first value."
    )
    notes: Notes | None = None


class HoldingCreate(HoldingBase):
    """A new holding. Its first value, liability and share are effective from `acquired_on`, else from today."""

    model_config = body_example({"asset_type": "property", "label": "1201 Pine St", "value_estimate": 525000, "jurisdiction": "US-WA"})

    asset_type: Slug = Field(examples=["property"])
    currency: Currency | None = Field(None, description="ISO 4217. Default: the default currency.")
    ownership_pct: Percentage = Field(Decimal(100), json_schema_extra={"default": 100})
    is_active: StrictBool = True
    details: Details | None = Field(None, description="Further details; known fields are validated by asset type.")


class HoldingPatch(HoldingBase, PatchBody):
    """A change of a holding. Value, liability, share, activity and groups change from `effective_on`, else from today."""

    model_config = body_example({"value_estimate": 540000})

    asset_type: Slug = Field(default_factory=omitted)
    currency: Currency = Field(default_factory=omitted, description="Changes only together with the value.")
    ownership_pct: Percentage = Field(default_factory=omitted)
    is_active: StrictBool = Field(default_factory=omitted)
    details: Details | None = Field(None, description="Merged into the existing details; null clears a detail.")
    disposed_on: BusinessDate | None = Field(None, description="The day from which it doesn't count any more.")
    proceeds: NonNegativeMoney | None = Field(None, description="The sale price of the whole asset.")
    effective_on: BusinessDate = Field(
        default_factory=omitted, description="The day from which the change is effective; not in the future."
    )


class ValuationCreate(RequestBody):
    """What a holding is worth on a day."""

    model_config = body_example({"value": 540000, "method": "appraisal"})

    value: Money
    currency: Currency | None = Field(None, description="The holding's currency on that day; another one is an error.")
    as_of: BusinessDate | None = Field(None, description="Default: today. Not in the future.")
    method: ExternalText | None = Field(None, examples=["appraisal"])
    source: Name | None = None


class FlowCreate(RequestBody):
    """Money put into a holding, or taken out of it."""

    model_config = body_example({"amount": 12000, "kind": "contribution"})

    amount: PositiveMoney
    currency: Currency | None = Field(None, description="Default: the holding's currency on that day.")
    on: BusinessDate | None = Field(None, description="Default: today. Not in the future.")
    kind: FlowKind


class FxRatesPut(RequestBody):
    """What one unit of the base is worth on a day. Merged into the day's existing rates."""

    base: Currency
    date: BusinessDate
    rates: Annotated[dict[Currency, Rate], Field(min_length=1, max_length=200, examples=[{"USD": Decimal("1.1172")}])]


class SnapshotCreate(RequestBody):
    """Empty: a snapshot of today. With date and reason: a new version of that day's close."""

    model_config = body_example({})

    date: BusinessDate | None = None
    reason: Name | None = None


class HoldingQuery(PageParams):
    """Filters of a list of holdings; all must match."""

    asset_type: Slug | None = None
    jurisdiction: Jurisdiction | None = Field(None, description="`unassigned` for those without one.")
    entity_id: Name | None = Field(
        None, description="A group of `by_entity`: an entity's id, else its name; `unassigned` for those without one."
    )
    only_active: QueryFlag = Field(True, description="Omit holdings that are inactive or disposed of.")


class HoldingsSummaryQuery(ExplainParams):
    """Currency and day of the summary."""

    currency: Currency | None = Field(None, description="Default: the default currency.")
    as_of: BusinessDate | None = Field(None, description="The end of this day, by its rates. Default: today.")


class PerformanceQuery(ExplainParams):
    """The days between whose ends the performance is computed, and the currency."""

    from_: BusinessDate | None = Field(None, alias="from", description="Default: the last day of the year before `to`.")
    to: BusinessDate | None = Field(None, description="Default: today.")
    currency: Currency | None = Field(None, description="Default: the default currency.")


class FxRatesQuery(QueryParams):
    """Base currency and day of the rates."""

    base: Currency = BASE
    date: BusinessDate | None = Field(None, description="Default: today.")


class SnapshotListQuery(PageParams):
    """Range of days, and the currency of the totals."""

    from_: BusinessDate | None = Field(None, alias="from")
    to: BusinessDate | None = None
    currency: Currency | None = Field(None, description="Default: the default currency.")


class SnapshotQuery(QueryParams):
    """Kind and version of the snapshot. Default: the latest close."""

    currency: Currency | None = Field(None, description="Default: the default currency.")
    kind: Kind = KINDS[1]
    version: Version | None = Field(None, description="Default: the latest.")


# -- answers


class MissingFxRate(TypedDict):
    """A missing rate."""

    currency: str
    date: DateText


class TotalExplanation(TypedDict):
    """The explanation of a total. `missing` names the rates that it lacks, and how many holdings have no value."""

    inputs: dict[str, Any]
    formula: Formula
    as_of: DateText
    missing: list[MissingFxRate | str]


class HoldingSummary(TypedDict):
    """A holding in a list. `owned_value` is the owned share of value less liability, null without a value."""

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


class HoldingView(ResourceView, HoldingSummary):
    """A holding as it is now."""

    internal_ref: str | None
    valued_on: DateText | None
    liability: MoneyNumber | None
    acquired_on: DateText | None
    cost_basis: MoneyNumber | None
    proceeds: MoneyNumber | None
    details: dict[str, Any]
    notes: str | None
    explain: NotRequired[dict[str, Explanation]]


class ValuationView(ResourceView):
    """The value of a holding from a day on; null where it was withdrawn.

    `moved_from` is the former first day where the first value was entered anew for another one; only the latest of these counts.
    """

    holding_id: str
    value: MoneyNumber | None
    currency: str
    as_of: DateText
    method: str | None
    source: str | None
    moved_from: DateText | None


class FlowView(ResourceView):
    """Money put in or taken out."""

    holding_id: str
    amount: MoneyNumber
    currency: str
    on: DateText
    kind: FlowKind


class FxRateInForce(TypedDict):
    """A rate, and its day."""

    rate: MoneyNumber
    date: DateText


class FxRatesView(TypedDict):
    """The rates of a day, and those in force on it: the latest on or before it within the maximum age."""

    base: str
    date: DateText
    rates: dict[str, MoneyNumber]
    in_force: dict[str, FxRateInForce]


class FxRateView(TypedDict):
    """A rate used in a conversion: its day, its source, and whether it is more than a week old."""

    rate: MoneyNumber
    rate_date: DateText
    source: str
    stale_rate: bool


class CurrencyPositionView(FxRateView):
    """The amount owned in a currency, and its conversion."""

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


class GroupedTotals(Totals):
    """The totals of a day and their groups. `rounding` is, of each grouping, the total less its groups."""

    as_of: DateText
    by_asset_type: dict[str, MoneyNumber | None]
    by_jurisdiction: dict[str, MoneyNumber | None]
    by_entity: dict[str, MoneyNumber | None]
    rounding: dict[str, MoneyNumber]


class HoldingsSummaryView(GroupedTotals):
    """The summary of a day. It is complete only where it isn't behind."""

    behind: PendingCount
    explain: NotRequired[dict[str, TotalExplanation]]


class PerformanceFigures(TypedDict):
    """What changed: value_now - value_then = change = flows + revaluation + currency_effect. A figure is null where a rate is missing."""

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
    behind: PendingCount
    by_asset_type: dict[str, PerformanceFigures]
    rates: dict[str, PeriodFxRates]
    explain: NotRequired[dict[str, TotalExplanation]]


class SnapshotSummary(ResourceView, Totals):
    """A snapshot in a list, in one currency by its own rates.

    `pending_changes` says how many changes had been entered before it and were not yet in its totals; null of an older snapshot.
    """

    date: DateText
    kind: Kind
    version: int
    reason: str | None
    content_hash: str
    pending_changes: int | None


class SnapshotView(SnapshotSummary, GroupedTotals):
    """A snapshot with its groups."""
