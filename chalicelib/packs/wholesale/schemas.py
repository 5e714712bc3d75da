"""Requests and responses of the wholesale endpoints."""

from decimal import Decimal
from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import (
    UNIQUE_ITEMS,
    Area,
    BusinessDate,
    Country,
    Currency,
    Date,
    DateText,
    Email,
    ExplainParams,
    HalfCount,
    Latitude,
    Longitude,
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
    Percentage,
    Phone,
    PostalAddress,
    QueryFlag,
    QueryInt,
    QueryParams,
    RequestBody,
    ResourceView,
    RowResult,
    StrictBool,
    StrictInt,
    Tag,
    Tags,
    Text,
    Timestamp,
    TimestampText,
    UserId,
    body_example,
    component,
    omitted,
    view_of,
)
from chalicelib.packs.wholesale.rules.exit_strategies import EXITS
from chalicelib.packs.wholesale.rules.pricing import rule_pct_error
from chalicelib.packs.wholesale.rules.stages import DEAD_REASONS, STAGES

Confidence = Annotated[Literal["low", "medium", "high"], Field(title="ArvConfidence")]
Strategy = Annotated[Literal["flip", "rental", "brrrr", "wholetail", "development"], Field(title="InvestorStrategy")]
EventType = Annotated[Literal["call", "text", "email", "mail", "meeting", "inspection", "offer", "note"], Field(title="ActivityType")]
Stage = Annotated[str, OneOf(STAGES, "PipelineStage")]
Reason = Annotated[str, OneOf(DEAD_REASONS, "DeadReason")]
ExitStrategy = Annotated[str, OneOf(EXITS, "ExitStrategy")]


def _check_rule_pct(pct: Decimal) -> Decimal:
    if message := rule_pct_error(pct):
        raise ValueError(message)
    return pct


RulePct = Annotated[
    Number, AfterValidator(_check_rule_pct), WithJsonSchema({"type": "number", "minimum": 50, "maximum": 95, "examples": [70]})
]
Source = Annotated[Text, Field(min_length=1, max_length=100)]
Strategies = Annotated[list[Strategy], UNIQUE_ITEMS]


class Seller(RequestBody):
    """The seller."""

    name: Name | None = None
    phone: Phone | None = Field(
        None, description="Kept in E.164; one that can't be read is kept as given, with the warning `phone_unreadable`."
    )
    email: Email | None = None
    do_not_contact: StrictBool | None = None


class Property(RequestBody):
    """The property."""

    address: PostalAddress | None = None
    type: Tag | None = None
    bedrooms: Annotated[StrictInt, Field(ge=0, le=1000)] | None = None
    bathrooms: HalfCount | None = None
    sqft: Area | None = None
    lot_sqft: Area | None = None
    year_built: Annotated[StrictInt, Field(ge=1500, le=2200)] | None = None
    lat: Latitude | None = None
    lng: Longitude | None = None


class NextAction(RequestBody):
    """What is to be done next, and by when."""

    what: Name
    due_on: BusinessDate | None = None


class ExitCosts(RequestBody):
    """Costs and prices of exits other than an assignment; an omitted term is unknown, not zero."""

    closing_ab: NonNegativeMoney | None = None
    closing_bc: NonNegativeMoney | None = None
    points_pct: Percentage | None = None
    lender_fee: NonNegativeMoney | None = None
    retail_price: NonNegativeMoney | None = None
    commission_pct: Percentage | None = None
    closing_pct: Percentage | None = None
    make_ready: NonNegativeMoney | None = None
    resale_price: NonNegativeMoney | None = None
    rehab: NonNegativeMoney | None = None
    buying_pct: Percentage | None = None
    selling_pct: Percentage | None = None
    holding_months: HalfCount | None = None
    holding_pct: Percentage | None = None


class DoubleCloseCosts(ExitCosts):
    """Costs of a calculation, which may include the price of the second sale."""

    bc_price: NonNegativeMoney | None = Field(
        None, description="Of a double close, and of no other exit: what assignment_price is of an assignment."
    )


def _of_another_system(deal_id: str) -> str:
    if deal_id.startswith("deal_"):
        raise ValueError("a pipeline is taken into a deal by POST /deals with its pipeline_id")
    return deal_id


DealReference = Annotated[Name, AfterValidator(_of_another_system)]


class PricingFields(RequestBody):
    """What a deal's figures are computed from."""

    arv_estimate: NonNegativeMoney | None = None
    repair_estimate: NonNegativeMoney | None = None
    assignment_fee_target: NonNegativeMoney | None = None
    rule_pct: RulePct | None = Field(None, description="Percent of the ARV that an investor pays; 70 unless given.")
    offer_price: NonNegativeMoney | None = None
    contract_price: NonNegativeMoney | None = None
    exit_strategy: ExitStrategy | None = None


class PipelineBase(PricingFields):
    """The fields of a pipeline that can be set at creation and changed afterwards."""

    deal_id: DealReference | None = Field(
        None, description="A deal of another system. That of this one is written by the deal: POST /deals with `pipeline_id`."
    )
    property_id: Name | None = None
    external_ref: Name | None = Field(
        None, description="Unique: creating a second pipeline with it fails; in a bulk request it identifies the existing pipeline."
    )
    lead_source: Source | None = None
    seller_motivation: Notes | None = None
    seller: Seller | None = None
    property: Property | None = None
    asking_price: NonNegativeMoney | None = None
    arv_confidence: Confidence | None = None
    max_allowable_offer: NonNegativeMoney | None = Field(None, description="Stored as given; computed where it is null.")
    expected_spread: Money | None = Field(None, description="Stored as given; computed where it is null.")
    costs: ExitCosts | None = None
    suited_for: Strategies | None = None
    contract_effective_on: BusinessDate | None = None
    earnest_money_due_on: BusinessDate | None = None
    earnest_money_paid_on: BusinessDate | None = None
    inspection_ends_on: BusinessDate | None = None
    inspection_cleared_on: BusinessDate | None = None
    closes_on: BusinessDate | None = None
    next_action: NextAction | None = None
    owner: UserId | None = Field(None, description="The user who works on it: the creator unless given; null for no owner.")
    tags: Tags | None = None
    notes: Notes | None = None


class PipelineCreate(PipelineBase):
    """A new pipeline: a lead, unless it has a later stage and the price that the stage requires."""

    model_config = body_example(
        {"property": {"address": {"line1": "1201 Pine St", "postal_code": "98101"}}, "asking_price": 240000, "arv_estimate": 380000}
    )

    stage: Stage = "lead"
    currency: Currency | None = Field(None, description="ISO 4217; the default currency unless given.")
    on_hold: StrictBool = False


class NextActionPatch(RequestBody):
    """A change of the next action."""

    what: Name = Field(default_factory=omitted)
    due_on: BusinessDate | None = None


class PipelinePatch(PipelineBase, PatchBody):
    """A patch of a pipeline. Nested objects are merged, too; `stage` follows the rules of a stage transition."""

    model_config = body_example({"repair_estimate": 35000, "notes": "Wants to hear from us on Monday."})

    stage: Stage = Field(default_factory=omitted)
    currency: Currency = Field(default_factory=omitted)
    on_hold: StrictBool = Field(default_factory=omitted)
    next_action: NextActionPatch | None = None  # type: ignore[assignment]
    reason: Reason | None = Field(None, description="Reason code of the stage change.")
    note: Notes | None = Field(None, description="Note on the stage change.")


class StageMoveRequest(RequestBody):
    """A transition to another stage."""

    model_config = body_example({"stage": "under_contract", "price": 210000})

    stage: Stage
    reason: Reason | None = Field(None, description="Reason code, required for `dead`.")
    note: Notes | None = Field(None, description="Required for a step back, and where the reason is `other`.")
    price: NonNegativeMoney | None = Field(None, description="Sets the offer price of offer_made, the contract price of under_contract.")
    offer_price: NonNegativeMoney | None = Field(None, description="The same as `price`, in a move to offer_made.")
    contract_price: NonNegativeMoney | None = Field(None, description="The same as `price`, in a move to under_contract.")
    next_action: NextAction | None = Field(None, description="Required to revive a dead pipeline.")


class ActivityCreate(RequestBody):
    """A new activity of a pipeline."""

    event_type: EventType
    description: Notes | None = None
    amount: NonNegativeMoney | None = Field(None, description="In the pipeline's currency; it changes neither its prices nor its stage.")
    occurred_at: Timestamp | None = Field(None, description="Now, unless given; never in the future.")


class PipelineBulkCreate(RequestBody):
    """Up to 100 new pipelines; each row is checked by itself."""

    items: list[Annotated[object, component("PipelineCreate")]] = Field(
        min_length=1, description="Each as for POST /wholesale.", examples=[[{"external_ref": "mls-1"}]]
    )


class CalculationRequest(PricingFields):
    """The inputs of a calculation."""

    model_config = body_example({"arv_estimate": 380000, "repair_estimate": 35000, "assignment_fee_target": 15000})

    currency: Currency | None = None
    assignment_price: NonNegativeMoney | None = None
    costs: DoubleCloseCosts | None = None


class BulkQuery(QueryParams):
    """Options of a bulk request."""

    dry_run: QueryFlag = Field(False, description="Check the rows and write nothing.")


Owner = Annotated[Text, Field(pattern=r"^(none|me|user_[A-Za-z0-9_-]{1,60})$", examples=["me"])]


class PipelineQuery(PageParams, ExplainParams):
    """Which pipelines to list. Filters are combined with AND; any two of stage, owner and market are read as they lie, others are filtered."""

    stage: Stage | None = None
    owner: Owner | None = Field(None, description="A user's id; `me` for the caller, `none` for pipelines without an owner.")
    lead_source: Source | None = None
    market: Annotated[Text, Field(pattern=r"^[A-Za-z0-9 -]{3,20}\*?$", examples=["981"])] | None = Field(
        None,
        description="A postal code, or its beginning of at least three characters. Such lists are sorted by postal code, then newest first.",
    )
    country: Country = "US"
    created_from: Date | None = Field(None, description="First day of creation, in the firm's time zone.")
    created_to: Date | None = Field(None, description="Last day of creation, inclusive.")
    sort: Annotated[Literal["newest", "oldest"], Field(title="PipelineSort")] = Field(
        "newest", description="By creation. With `market` the postal code comes first, the highest one or the lowest one."
    )


class NextActionQuery(PageParams):
    """Whose next actions to list."""

    owner: Owner = Field("me", description="A user's id; `me` for the caller, `none` for pipelines without an owner.")
    due_before: Date | None = Field(None, description="Only those due before this day.")


class MorningListRequest(RequestBody):
    """Whether the caller wants their next actions by mail."""

    model_config = body_example({"wanted": True})

    wanted: StrictBool


class MorningListView(TypedDict):
    """Whether the caller gets a mail each morning with the next actions that are due, and when the next one is due. None is sent where nothing is."""

    wanted: bool
    next_at: TimestampText | None


class StaleQuery(PageParams, ExplainParams):
    """How many days without activity to list."""

    days: QueryInt = Field(7, ge=1, le=3650, description="Whole days without activity.")


_Month = Annotated[Text, Field(pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])(-[0-9]{2})?$", examples=["2026-03"])]


class FunnelQuery(ExplainParams):
    """Which months' cohorts: YYYY-MM, or a day of the month. The last twelve unless given."""

    from_: _Month | None = Field(None, alias="from")
    to: _Month | None = None


class PricingExplanations(TypedDict):
    """The explanation of each computed figure."""

    max_allowable_offer: Explanation
    expected_spread: Explanation


class ActivityView(ResourceView):
    """An activity, and who logged it (`created_by`)."""

    pipeline_id: str
    event_type: EventType
    description: str | None
    amount: MoneyNumber | None
    currency: str
    occurred_at: TimestampText


SellerView = Annotated[JsonObject, view_of(Seller)]
PropertyView = Annotated[JsonObject, view_of(Property)]
ExitCostsView = Annotated[JsonObject, view_of(ExitCosts)]


class NextActionView(TypedDict):
    """What is to be done next, and by when."""

    what: str
    due_on: NotRequired[DateText | None]


class PipelineView(ResourceView):
    """A pipeline with its pricing.

    `computed_fields` are those that the system computed because no value was given; `missing` names the inputs that a null figure
    lacks; `warnings` are codes of implausible figures (`mao_differs`, `negative_mao`, `offer_above_mao`, `contract_above_ceiling`), of a
    phone that can't be read (`phone_unreadable`), and of others that may be the same lead (`duplicate`).
    """

    stage: Stage
    stage_entered_at: TimestampText
    stage_entered_by: str
    stage_reason: str | None
    stage_note: str | None
    previous_stage: Stage | None
    deal_id: str | None
    property_id: str | None
    external_ref: str | None
    lead_source: str | None
    seller_motivation: str | None
    seller: SellerView | None
    property: PropertyView | None
    currency: str
    asking_price: MoneyNumber | None
    arv_estimate: MoneyNumber | None
    repair_estimate: MoneyNumber | None
    arv_confidence: Confidence | None
    rule_pct: MoneyNumber
    ceiling: MoneyNumber | None
    max_allowable_offer: MoneyNumber | None
    mao_computed: MoneyNumber | None
    offer_price: MoneyNumber | None
    contract_price: MoneyNumber | None
    assignment_fee_target: MoneyNumber | None
    assignment_id: Annotated[str, Field(examples=["asgn_w01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"])] | None
    assignment_price: MoneyNumber | None
    expected_spread: MoneyNumber | None
    spread_basis: str | None
    computed_fields: list[str]
    missing: list[str]
    warnings: list[str]
    exit_strategy: ExitStrategy | None
    costs: ExitCostsView | None
    suited_for: list[Strategy]
    contract_effective_on: DateText | None
    earnest_money_due_on: DateText | None
    earnest_money_paid_on: DateText | None
    inspection_ends_on: DateText | None
    inspection_cleared_on: DateText | None
    closes_on: DateText | None
    next_action: NextActionView | None
    on_hold: bool
    owner: str | None
    tags: list[str]
    notes: str | None
    duplicate_of: NotRequired[
        Annotated[
            list[str],
            Field(
                description="Up to 20 pipelines with the same house or the same phone of the seller. In answers to POST, and to a PATCH of "
                "address or phone."
            ),
        ]
    ]
    explain: NotRequired[PricingExplanations]


class PipelineWithActivitiesView(PipelineView):
    """A pipeline with its 20 latest activities, newest first."""

    activities: list[ActivityView]


class PipelineSummary(TypedDict):
    """A pipeline in a list."""

    id: str
    stage: Stage
    stage_entered_at: TimestampText
    owner: str | None
    lead_source: str | None
    seller_name: str | None
    address: str | None
    city: str | None
    postal_code: str | None
    currency: str
    asking_price: MoneyNumber | None
    arv_estimate: MoneyNumber | None
    max_allowable_offer: MoneyNumber | None
    expected_spread: MoneyNumber | None
    spread_basis: str | None
    next_action_what: str | None
    next_action_on: DateText | None
    on_hold: bool
    created_at: TimestampText
    explain: NotRequired[PricingExplanations]


class StaleSummary(PipelineSummary):
    """An inactive pipeline: the business date of its last activity, and the days since."""

    quiet_since: DateText
    quiet_days: int


class ClearedTermsView(TypedDict, total=False):
    """The prices and dates that a transition cleared, as they were before it."""

    offer_price: MoneyNumber
    contract_price: MoneyNumber
    contract_effective_on: DateText


class StageIntervalView(TypedDict):
    """An interval in a stage. `left_at` is null while it lasts; `days` are business dates from entry to leaving, or to now.

    `terms` are the prices and dates that the transition out of it cleared.
    """

    stage: Stage
    entered_at: TimestampText
    entered_by: str
    reason: str | None
    note: str | None
    left_at: TimestampText | None
    left_by: str | None
    days: int
    terms: ClearedTermsView


class SensitivityCell(TypedDict):
    """The figures at one ARV and one repair cost."""

    arv: MoneyNumber | None
    repairs: MoneyNumber | None
    ceiling: MoneyNumber | None
    mao: MoneyNumber | None
    spread: MoneyNumber | None


class CalculationView(TypedDict):
    """The figures, and their sensitivity: ARV -10 .. +10 %, repairs -20 .. +40 %."""

    currency: str
    rule_pct: MoneyNumber
    exit_strategy: ExitStrategy
    ceiling: MoneyNumber | None
    max_allowable_offer: MoneyNumber | None
    expected_spread: MoneyNumber | None
    spread_basis: str | None
    missing: list[str]
    warnings: list[str]
    sensitivity: list[SensitivityCell]
    explain: NotRequired[PricingExplanations]


class PipelineBulkView(TypedDict):
    """A result for each row, in order."""

    results: list[RowResult]


class PipelineBoardColumn(TypedDict):
    """A stage: number of pipelines, and sums by currency. `oldest` is the earliest day of entry.

    `expected_spread` counts only spreads that are based on a price.
    """

    count: int
    arv: dict[str, MoneyNumber]
    expected_spread: dict[str, MoneyNumber]
    target_fees: dict[str, MoneyNumber]
    oldest: DateText | None


class PipelineBoardView(TypedDict):
    """The board."""

    stages: dict[str, PipelineBoardColumn]
    as_of: TimestampText
    behind: PendingCount
    explain: NotRequired[Explanation]


class PipelineCohort(TypedDict):
    """The pipelines created in one month: how many reached each stage, and the median days of completed intervals in it."""

    month: str | None
    created: int
    reached: dict[str, int]
    median_days: dict[str, MoneyNumber | None]
    expected_spread: dict[str, MoneyNumber]


class PipelineFunnelView(TypedDict):
    """The cohort of each month, and the total."""

    months: list[PipelineCohort]
    total: PipelineCohort
    as_of: TimestampText
    behind: PendingCount
    explain: NotRequired[Explanation]
