"""What goes over the wire."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation.models import (
    Amount,
    Audited,
    Currency,
    Day,
    Digits,
    Flag,
    Input,
    Instant,
    Money,
    Name,
    Notes,
    Number,
    OnDay,
    Page,
    Patch,
    Query,
    Tag,
    Text,
    When,
    Whole,
)
from chalicelib.foundation.models import (
    Explained as Explained,
)
from chalicelib.foundation.models import (
    Formula as Formula,
)
from chalicelib.packs.wholesale.rules.exits import EXITS
from chalicelib.packs.wholesale.rules.numbers import rule_pct_fault
from chalicelib.packs.wholesale.rules.stages import DEAD_REASONS, STAGES

Confidence = Literal["low", "medium", "high"]
Strategy = Literal["flip", "rental", "brrrr", "wholetail", "development"]
EventType = Literal["call", "text", "email", "mail", "meeting", "inspection", "offer", "note"]


def _word(words: tuple[str, ...]) -> AfterValidator:
    """One of the rules' own words."""

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)} is needed")
        return value

    return AfterValidator(check)


def _words(words: tuple[str, ...]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words)})


Stage = Annotated[str, Field(strict=True), _word(STAGES), _words(STAGES)]
Reason = Annotated[str, Field(strict=True), _word(DEAD_REASONS), _words(DEAD_REASONS)]
ExitStrategy = Annotated[str, Field(strict=True), _word(EXITS), _words(EXITS)]


def _not_negative(amount: Decimal) -> Decimal:
    if amount < 0:
        raise ValueError("must not be negative")
    return amount


def _rule(pct: Decimal) -> Decimal:
    if message := rule_pct_fault(pct):
        raise ValueError(message)
    return pct


def _two_places(number: Decimal) -> Decimal:
    if number != round(number, 2):
        raise ValueError("at most 2 decimals")
    return number


def _degrees(number: Decimal) -> Decimal:
    if number != round(number, 8):
        raise ValueError("at most 8 decimals")
    return number


def _left_out() -> Any:
    """The value of a field that a patch leaves out: nobody reads it, and the schema shows no default."""
    return None


def _once(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _of_our_time(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("a day between 1900 and 2200 is needed")
    return day


DealDay = Annotated[Day, AfterValidator(_of_our_time)]
Price = Annotated[Money, AfterValidator(_not_negative)]
RulePct = Annotated[Number, AfterValidator(_rule), WithJsonSchema({"type": "number", "minimum": 50, "maximum": 95, "examples": [70]})]
Percent = Annotated[Number, Field(ge=0, le=100), AfterValidator(_two_places)]
Count = Annotated[Number, Field(ge=0, le=100), AfterValidator(_two_places)]  # bathrooms come in halves, holding in months
Latitude = Annotated[Number, Field(ge=-90, le=90), AfterValidator(_degrees)]
Longitude = Annotated[Number, Field(ge=-180, le=180), AfterValidator(_degrees)]
Measure = Annotated[Whole, Field(ge=0, le=10**9)]
Email = Annotated[Text, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", examples=["seller@example.com"])]
Phone = Annotated[Text, Field(min_length=1, max_length=40, examples=["+1 206 555 0100"])]
Source = Annotated[Text, Field(min_length=1, max_length=100)]
UserId = Annotated[Text, Field(pattern=r"^user_[A-Za-z0-9_-]{1,60}$", examples=["user_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
Country = Annotated[Text, Field(pattern=r"^[A-Z]{2}$", examples=["US"])]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_once)]
Strategies = Annotated[list[Strategy], AfterValidator(_once)]


class Seller(Input):
    """Who sells."""

    name: Name | None = None
    phone: Phone | None = None
    email: Email | None = None
    do_not_contact: Flag | None = None


class Address(Input):
    """Where the house is."""

    line1: Name | None = None
    line2: Name | None = None
    city: Name | None = None
    region: Annotated[Text, Field(min_length=1, max_length=60)] | None = None
    postal_code: Annotated[Text, Field(min_length=1, max_length=20)] | None = None
    country: Country | None = Field(None, description="ISO 3166-1 alpha-2; the United States unless given.")


class Property(Input):
    """The house."""

    address: Address | None = None
    type: Tag | None = None
    bedrooms: Annotated[Whole, Field(ge=0, le=1000)] | None = None
    bathrooms: Count | None = None
    sqft: Measure | None = None
    lot_sqft: Measure | None = None
    year_built: Annotated[Whole, Field(ge=1500, le=2200)] | None = None
    lat: Latitude | None = None
    lng: Longitude | None = None


class NextAction(Input):
    """What is to be done next, and by when."""

    what: Name
    due_on: DealDay | None = None


class Costs(Input):
    """What the exits other than an assignment cost or bring; a term that is left out is unknown, not nought."""

    closing_ab: Price | None = None
    closing_bc: Price | None = None
    points_pct: Percent | None = None
    lender_fee: Price | None = None
    retail_price: Price | None = None
    commission_pct: Percent | None = None
    closing_pct: Percent | None = None
    make_ready: Price | None = None
    resale_price: Price | None = None
    rehab: Price | None = None
    buying_pct: Percent | None = None
    selling_pct: Percent | None = None
    holding_months: Count | None = None
    holding_pct: Percent | None = None


class DoubleCloseCosts(Costs):
    """Costs of a calculation, where the second sale's price may be known too."""

    bc_price: Price | None = Field(None, description="Of a double close: what assignment_price is of an assignment.")


class _Fields(Input):
    """What a pipeline holds, at creation and afterwards."""

    deal_id: Name | None = None
    property_id: Name | None = None
    external_ref: Name | None = Field(None, description="The same one twice is the same pipeline.")
    lead_source: Source | None = None
    seller_motivation: Notes | None = None
    seller: Seller | None = None
    property: Property | None = None
    asking_price: Price | None = None
    arv_estimate: Price | None = None
    repair_estimate: Price | None = None
    arv_confidence: Confidence | None = None
    max_allowable_offer: Price | None = Field(None, description="Kept as given; computed where it is null.")
    offer_price: Price | None = None
    contract_price: Price | None = None
    assignment_fee_target: Price | None = None
    rule_pct: RulePct | None = Field(None, description="Per cent of the ARV that an investor pays; 70 unless given.")
    expected_spread: Money | None = Field(None, description="Kept as given; computed where it is null.")
    exit_strategy: ExitStrategy | None = None
    costs: Costs | None = None
    suited_for: Strategies | None = None
    contract_effective_on: DealDay | None = None
    earnest_money_due_on: DealDay | None = None
    earnest_money_paid_on: DealDay | None = None
    inspection_ends_on: DealDay | None = None
    inspection_cleared_on: DealDay | None = None
    closes_on: DealDay | None = None
    next_action: NextAction | None = None
    owner: UserId | None = Field(None, description="The user who works it; whoever creates it unless given, nobody where null.")
    tags: Tags | None = None
    notes: Notes | None = None


class PipelineCreate(_Fields):
    """A new pipeline: a lead, unless it begins further on and has the price that its stage needs."""

    stage: Stage = "lead"
    currency: Currency | None = Field(None, description="ISO 4217; the firm's own unless given.")
    on_hold: Flag = False


class NextActionPatch(Input):
    """A change of the next action."""

    what: Name = Field(default_factory=_left_out)
    due_on: DealDay | None = None


class PipelinePatch(_Fields, Patch):
    """A change. Nested objects are merged like the whole; `stage` obeys the rules of a stage move."""

    stage: Stage = Field(default_factory=_left_out)
    currency: Currency = Field(default_factory=_left_out)
    on_hold: Flag = Field(default_factory=_left_out)
    next_action: NextActionPatch | None = None  # type: ignore[assignment]
    reason: Reason | None = Field(None, description="Why, where the stage moves.")
    note: Notes | None = Field(None, description="What there is to say of the stage's move.")


class StageMove(Input):
    """A move to another stage."""

    stage: Stage
    reason: Reason | None = Field(None, description="Why a pipeline dies.")
    note: Notes | None = Field(None, description="Needed for a step back, and where the reason is `other`.")
    price: Price | None = Field(None, description="Sets the offer price of offer_made, the contract price of under_contract.")
    next_action: NextAction | None = Field(None, description="What a revived pipeline needs.")


class ActivityCreate(Input):
    """Something that happened with a pipeline."""

    event_type: EventType
    description: Notes | None = None
    amount: Price | None = Field(None, description="In the pipeline's currency; it changes neither its prices nor its stage.")
    occurred_at: Instant | None = Field(None, description="Now, unless given; never in the future.")


class BulkCreate(Input):
    """Up to 100 new pipelines; each row is checked by itself."""

    items: list[dict[str, Any]] = Field(min_length=1, description="Each as for POST /wholesale.", examples=[[{"external_ref": "mls-1"}]])


class Calculation(Input):
    """What is known of a deal's money."""

    currency: Currency | None = None
    arv_estimate: Price | None = None
    repair_estimate: Price | None = None
    assignment_fee_target: Price | None = None
    rule_pct: RulePct | None = None
    offer_price: Price | None = None
    contract_price: Price | None = None
    assignment_price: Price | None = None
    exit_strategy: ExitStrategy | None = None
    costs: DoubleCloseCosts | None = None


class BulkQuery(Query):
    """How many rows are taken in."""

    dry_run: Literal["true", "false"] = Field("false", description="Check the rows and write nothing.")


class PipelineQuery(Page):
    """Which pipelines to list. Filters hold together."""

    stage: Stage | None = None
    owner: Annotated[Text, Field(pattern=r"^(none|user_[A-Za-z0-9_-]{1,60})$", examples=["none"])] | None = Field(
        None, description="A user's id; `none` for pipelines without an owner."
    )
    lead_source: Source | None = None
    market: Annotated[Text, Field(pattern=r"^[A-Za-z0-9 -]{3,20}\*?$", examples=["981"])] | None = Field(
        None, description="A postal code, or its beginning of at least three characters. Such lists go by postal code, then newest first."
    )
    country: Country = "US"
    created_from: Day | None = Field(None, description="The first day, of the firm, on which they were created.")
    created_to: Day | None = Field(None, description="The last day, inclusive.")


class StaleQuery(Page):
    """How quiet is stale."""

    days: Digits = Field(7, ge=1, le=3650, description="Whole days without activity.")


_Month = Annotated[Text, Field(pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])(-[0-9]{2})?$", examples=["2026-03"])]


class FunnelQuery(Query):
    """Which months' cohorts: YYYY-MM, or a day of the month. The last twelve unless given."""

    from_: _Month | None = Field(None, alias="from")
    to: _Month | None = None


class Explanation(TypedDict):
    """Where a computed number comes from."""

    inputs: dict[str, Any]
    formula: Formula
    as_of: When
    missing: list[str]


class Explanations(TypedDict):
    """Of each computed number."""

    max_allowable_offer: Explanation
    expected_spread: Explanation


class ActivityView(Audited):
    """What happened, and who noted it (`created_by`)."""

    pipeline_id: str
    event_type: str
    description: str | None
    amount: Amount | None
    currency: str
    occurred_at: When


class PipelineView(Audited):
    """A pipeline, with its numbers.

    `computed_fields` are those that the system worked out because nobody gave them; `missing` names what a null number
    lacks; `warnings` are codes of what looks wrong.
    """

    stage: str
    stage_entered_at: When
    stage_entered_by: str
    stage_reason: str | None
    stage_note: str | None
    previous_stage: str | None
    deal_id: str | None
    property_id: str | None
    external_ref: str | None
    lead_source: str | None
    seller_motivation: str | None
    seller: dict[str, Any] | None
    property: dict[str, Any] | None
    currency: str
    asking_price: Amount | None
    arv_estimate: Amount | None
    repair_estimate: Amount | None
    arv_confidence: str | None
    rule_pct: Amount
    ceiling: Amount | None
    max_allowable_offer: Amount | None
    mao_computed: Amount | None
    offer_price: Amount | None
    contract_price: Amount | None
    assignment_fee_target: Amount | None
    assignment_id: str | None
    assignment_price: Amount | None
    expected_spread: Amount | None
    spread_basis: str | None
    computed_fields: list[str]
    missing: list[str]
    warnings: list[str]
    exit_strategy: str | None
    costs: dict[str, Any] | None
    suited_for: list[str]
    contract_effective_on: OnDay | None
    earnest_money_due_on: OnDay | None
    earnest_money_paid_on: OnDay | None
    inspection_ends_on: OnDay | None
    inspection_cleared_on: OnDay | None
    closes_on: OnDay | None
    next_action: dict[str, Any] | None
    on_hold: bool
    owner: str | None
    tags: list[str]
    notes: str | None
    explain: NotRequired[Explanations]


class PipelineWithActivities(PipelineView):
    """A pipeline with its 20 latest activities, newest first."""

    activities: list[ActivityView]


class PipelineSummary(TypedDict):
    """A pipeline in a list."""

    id: str
    stage: str
    stage_entered_at: When
    owner: str | None
    lead_source: str | None
    seller_name: str | None
    address: str | None
    city: str | None
    postal_code: str | None
    currency: str
    asking_price: Amount | None
    arv_estimate: Amount | None
    max_allowable_offer: Amount | None
    expected_spread: Amount | None
    spread_basis: str | None
    next_action_on: OnDay | None
    on_hold: bool
    created_at: When


class PipelinePage(TypedDict):
    """A page of pipelines."""

    items: list[PipelineSummary]
    next_cursor: str | None


class StaleSummary(PipelineSummary):
    """A quiet pipeline: since which day of the firm, and for how many days."""

    quiet_since: OnDay
    quiet_days: int


class StalePage(TypedDict):
    """A page of quiet pipelines."""

    items: list[StaleSummary]
    next_cursor: str | None


class ActivityPage(TypedDict):
    """A page of activities."""

    items: list[ActivityView]
    next_cursor: str | None


class StayView(TypedDict):
    """A stay in a stage. `left_at` is null while it lasts; `days` are the firm's days from entry to leaving, or to now.

    `terms` are prices and days that no longer held when it left.
    """

    stage: str
    entered_at: When
    entered_by: str
    reason: str | None
    note: str | None
    left_at: When | None
    left_by: str | None
    days: int
    terms: dict[str, Any]


class HistoryPage(TypedDict):
    """The stays of a pipeline, the present one first."""

    items: list[StayView]
    next_cursor: str | None


class Cell(TypedDict):
    """The numbers at one ARV and one repair bill."""

    arv: Amount | None
    repairs: Amount | None
    ceiling: Amount | None
    mao: Amount | None
    spread: Amount | None


class CalculationView(TypedDict):
    """The numbers, and how they bend: ARV -10 .. +10 %, repairs -20 .. +40 %."""

    currency: str
    rule_pct: Amount
    exit_strategy: str
    ceiling: Amount | None
    max_allowable_offer: Amount | None
    expected_spread: Amount | None
    spread_basis: str | None
    missing: list[str]
    warnings: list[str]
    sensitivity: list[Cell]
    explain: NotRequired[Explanations]


class BulkResult(TypedDict):
    """What became of a row: 201 created, 200 there already (or, in a dry run, acceptable), else why not."""

    index: int
    status: int
    id: NotRequired[str]
    problem: NotRequired[dict[str, Any]]


class BulkResults(TypedDict):
    """A result for each row, in their order."""

    results: list[BulkResult]


class BoardColumn(TypedDict):
    """A stage: how many stand in it, and a sum a currency. `oldest` is the day on which the longest there came in.

    `expected_spread` counts spreads that a price carries; a wish is no income.
    """

    count: int
    arv: dict[str, Amount]
    expected_spread: dict[str, Amount]
    target_fees: dict[str, Amount]
    oldest: OnDay | None


class Board(TypedDict):
    """The board."""

    stages: dict[str, BoardColumn]
    as_of: When


class Cohort(TypedDict):
    """The pipelines of one month: how many reached each stage, and the median of completed stays in it, in days."""

    month: str | None
    created: int
    reached: dict[str, int]
    median_days: dict[str, Amount | None]
    expected_spread: dict[str, Amount]


class Funnel(TypedDict):
    """Each month's cohort, and all of them together."""

    months: list[Cohort]
    total: Cohort
    as_of: When
