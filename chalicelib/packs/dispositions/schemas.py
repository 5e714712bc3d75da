"""What goes over the wire."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.foundation.models import (
    Amount,
    Audited,
    Currency,
    Day,
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
    Url,
    When,
    Whole,
)
from chalicelib.foundation.models import (
    Explained as Explained,
)
from chalicelib.foundation.models import (
    Formula as Formula,
)
from chalicelib.packs.dispositions.rules import assignments, earnest_money, markets, matching

Strategy = Literal["flip", "rental", "brrrr", "wholetail", "development"]
Funding = Literal["cash", "hard_money", "conventional"]
Kind = Literal["assignment", "double_close", "novation", "wholetail"]
EarnestMoneyStatus = Literal["due", "received", "cleared", "applied", "disputed", "refunded", "forfeited"]
Outcome = Literal["none", "refunded", "forfeited", "disputed"]
Reason = Literal[
    "financing", "inspection", "title", "seller", "buyer_withdrew", "retrade", "expired", "emd_not_received", "other"
]  # fmt: skip

_SEPARATORS = re.compile(r"[ ().-]")


def _dialled(value: object) -> object:
    return _SEPARATORS.sub("", value) if isinstance(value, str) else value


def _not_negative(amount: Decimal) -> Decimal:
    if amount < 0:
        raise ValueError("must not be negative")
    return amount


def _two_places(number: Decimal) -> Decimal:
    if number != round(number, 2):
        raise ValueError("at most 2 decimals")
    return number


def _market(text: str) -> str:
    if message := markets.fault(text):
        raise ValueError(message)
    return str(markets.parse(text))


def _once(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _of_our_time(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("a day between 1900 and 2200 is needed")
    return day


def _left_out() -> Any:
    """The value of a field that a patch leaves out: nobody reads it, and the schema shows no default."""
    return None


DealDay = Annotated[Day, AfterValidator(_of_our_time)]
Price = Annotated[Money, AfterValidator(_not_negative)]
Percent = Annotated[Number, Field(ge=0, le=100), AfterValidator(_two_places)]
Share = Annotated[Number, Field(ge=0, le=1000), AfterValidator(_two_places)]  # of the ARV: a buyer may pay more than it
Count = Annotated[Number, Field(ge=0, le=100), AfterValidator(_two_places)]
Email = Annotated[Text, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", examples=["buyer@example.com"])]
Phone = Annotated[
    Text,
    BeforeValidator(_dialled),
    Field(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+12065550100"], description="E.164; spaces, dots, dashes and brackets are dropped."),
]
Market = Annotated[
    Text,
    Field(min_length=1, max_length=100, examples=["981*"], description="A postal code, the beginning of one (981*), or City/REGION."),
    AfterValidator(_market),
]
Markets = Annotated[list[Market], Field(max_length=markets.MAX_MARKETS), AfterValidator(_once)]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_once)]
Strategies = Annotated[list[Strategy], AfterValidator(_once)]
PipelineId = Annotated[Text, Field(min_length=1, max_length=100, examples=["pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
BuyerId = Annotated[Text, Field(min_length=1, max_length=100, examples=["buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
Rank = Annotated[Whole, Field(ge=1, le=10_000)]


class BuyBox(Input):
    """What a buyer buys. What is left out isn't said: it is unknown to matching, never a miss."""

    property_types: Tags | None = None
    markets: Markets | None = None
    price_min: Price | None = None
    price_max: Price | None = None
    bedrooms_min: Count | None = None
    bathrooms_min: Count | None = None
    sqft_min: Annotated[Whole, Field(ge=0, le=10**9)] | None = None
    year_built_min: Annotated[Whole, Field(ge=1500, le=2200)] | None = None
    max_repairs: Price | None = None
    max_pct_of_arv: Share | None = Field(None, description="(Price + repairs) / ARV, a percent number.")
    strategies: Strategies | None = None
    currency: Currency | None = Field(None, description="Of its amounts; the firm's own unless given.")


class ProofOfFunds(Input):
    """A proof of funds."""

    amount: Price
    currency: Currency | None = Field(None, description="The firm's own unless given.")
    issued_on: DealDay
    expires_on: DealDay | None = Field(None, description="The last day that it holds; 30 days after its issue unless given.")
    holder: Name | None = None
    verified_by: Name | None = None
    document: Url | None = None


class ProofOfFundsPatch(Input):
    """A change of a proof of funds. A new day of issue without a last day counts its 30 days anew."""

    amount: Price = Field(default_factory=_left_out)
    currency: Currency | None = None
    issued_on: DealDay = Field(default_factory=_left_out)
    expires_on: DealDay | None = None
    holder: Name | None = None
    verified_by: Name | None = None
    document: Url | None = None


class _BuyerFields(Input):
    """What a buyer holds besides its name."""

    email: Email | None = None
    phone: Phone | None = None
    company: Name | None = None
    buy_box_summary: Notes | None = None
    buy_box: BuyBox | None = None
    funding: Funding | None = None
    tags: Tags | None = None
    notes: Notes | None = None


class BuyerCreate(_BuyerFields):
    """A new buyer."""

    name: Name
    proof_of_funds: ProofOfFunds | None = None
    do_not_contact: Flag = False
    is_active: Flag = True


class BuyerPatch(_BuyerFields, Patch):
    """A change. Nested objects are merged like the whole."""

    name: Name = Field(default_factory=_left_out)
    proof_of_funds: ProofOfFundsPatch | None = None
    do_not_contact: Flag = Field(default_factory=_left_out)
    is_active: Flag = Field(default_factory=_left_out)


class Costs(Input):
    """What an exit costs, or whom it is shared with; a term that is left out is unknown, not nought (an assignment has none)."""

    partner_split: Price | None = None
    earnest_money_lost: Price | None = None
    closing_ab: Price | None = None
    closing_bc: Price | None = None
    points_pct: Percent | None = None
    lender_fee: Price | None = None
    commission_pct: Percent | None = None
    closing_pct: Percent | None = None
    make_ready: Price | None = None
    rehab: Price | None = None
    buying_pct: Percent | None = None
    selling_pct: Percent | None = None
    holding_months: Count | None = None
    holding_pct: Percent | None = None


class EarnestMoney(Input):
    """The buyer's earnest money."""

    amount: Price | None = None
    due_on: DealDay | None = Field(None, description="Three days after it is assigned unless given.")
    status: EarnestMoneyStatus | None = None


class EarnestMoneyPatch(EarnestMoney):
    """A change of the earnest money. `applied` comes by closing alone; refunded, forfeited, disputed with a fallout."""

    status: EarnestMoneyStatus = Field(default_factory=_left_out)
    reason: Literal["returned_unpaid"] | None = Field(None, description="Needed where what was received came back unpaid.")


class AssignmentCreate(Input):
    """An offer of a pipeline to a buyer. Of price and fee one follows from the other; both given must agree."""

    pipeline_id: PipelineId
    buyer_id: BuyerId
    kind: Kind | None = Field(None, description="The pipeline's exit strategy unless given.")
    assignment_price: Price | None = None
    assignment_fee: Price | None = None
    currency: Currency | None = Field(None, description="The pipeline's; another one is refused.")
    rank: Rank | None = Field(None, description="1 is the first choice; the next free one unless given.")
    costs: Costs | None = None
    earnest_money: EarnestMoney | None = None
    expires_at: Instant | None = None
    notes: Notes | None = None


class AssignmentPatch(Patch):
    """A change. The status moves by assign, close and fallout alone."""

    assignment_price: Price | None = None
    assignment_fee: Price | None = None
    reason: Literal["retrade"] | None = Field(None, description="Needed where the price of an assigned one changes.")
    kind: Kind = Field(default_factory=_left_out)
    rank: Rank = Field(default_factory=_left_out)
    costs: Costs | None = None
    earnest_money: EarnestMoneyPatch | None = None
    expires_at: Instant | None = None
    notes: Notes | None = None


class Assign(Input):
    """Carrying a contract to a buyer."""

    override_reason: Annotated[Notes, Field(min_length=1)] | None = Field(
        None, description="Why it goes on without a sufficient proof of funds, or beside a dispute about earnest money."
    )


class Close(Input):
    """A closing."""

    closed_on: DealDay | None = Field(None, description="Today unless given; never in the future.")


class Fallout(Input):
    """How it came to nothing."""

    reason: Reason
    note: Notes | None = Field(None, description="Needed where the reason is `other`.")
    earnest_money_outcome: Outcome | None = Field(None, description="Needed of an assigned one; `none` where no money was received.")


class Offers(Input):
    """Offers of a pipeline to the best matches, or to a list of buyers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"best_n": 5, "assignment_price": 131000, "notify": True}]})

    best_n: Annotated[Whole, Field(ge=1, le=matching.BEST_MOST)] | None = Field(None, examples=[5])
    buyer_ids: Annotated[list[BuyerId], Field(min_length=1)] | None = Field(None, description="At most 25.")
    assignment_price: Price | None = None
    expires_at: Instant | None = None
    dry_run: Flag = Field(False, description="Say what would become of each, and write nothing.")
    notify: Flag = Field(False, description="Mail those who have an address, with a link to opt out.")


class MatchQuery(Page):
    """A page of matches."""

    explain: Literal["true", "false"] = "false"


class BuyerQuery(Page):
    """Which buyers to list. Filters hold together."""

    active_only: Literal["true", "false"] = Field("true", description="`false` lists inactive ones, too.")
    q: Annotated[Text, Field(min_length=1, max_length=200, examples=["ada"])] | None = Field(
        None, description="How the name or the email begins, in any case. Such lists go by the alphabet."
    )
    market: Annotated[Text, Field(pattern=r"^[A-Za-z0-9 -]{3,20}$", examples=["98103"])] | None = Field(
        None, description="A postal code: buyers one of whose markets, by postal code, holds it."
    )
    country: Annotated[Text, Field(pattern=r"^[A-Z]{2}$", examples=["US"])] = "US"


class SummaryQuery(Query):
    """Which days, both inclusive; all of them unless given."""

    from_: DealDay | None = Field(None, alias="from")
    to: DealDay | None = None
    explain: Literal["true", "false"] = "false"


# -- answers


class StatisticsView(TypedDict):
    """A buyer's record. Rates are percent numbers, null where there is nothing to rate; an offer that lapsed spoils none."""

    offered: int
    assigned: int
    closed: int
    fallout: int
    lapsed: int
    close_rate: Amount | None
    fallout_rate: Amount | None
    median_days_to_close: Amount | None
    last_closed_on: OnDay | None
    tier: Literal["A", "B", "C"]


class BuyerView(Audited):
    """A buyer, with its record."""

    name: str
    email: str | None
    phone: str | None
    company: str | None
    buy_box_summary: str | None
    buy_box: dict[str, Any] | None
    funding: str | None
    proof_of_funds: dict[str, Any] | None
    tier: Literal["A", "B", "C"]
    do_not_contact: bool
    is_active: bool
    tags: list[str]
    notes: str | None
    statistics: StatisticsView
    warnings: list[str]


class Explanation(TypedDict):
    """Where a number comes from."""

    inputs: dict[str, Any]
    formula: Formula
    as_of: str
    missing: list[str]


class BuyerStatistics(StatisticsView):
    """A buyer's record by itself."""

    buyer_id: str
    explain: NotRequired[Explanation]


class BuyerSummary(TypedDict):
    """A buyer in a list."""

    id: str
    name: str
    email: str | None
    phone: str | None
    company: str | None
    is_active: bool
    do_not_contact: bool
    funding: str | None
    proof_expires_on: OnDay | None
    created_at: When


class BuyerPage(TypedDict):
    """A page of buyers."""

    items: list[BuyerSummary]
    next_cursor: str | None


class Backup(TypedDict):
    """Whose turn it is next."""

    assignment_id: str
    buyer_id: str
    rank: int


class AssignmentView(Audited):
    """An assignment. `missing` names what a null fee lacks; `warnings` are codes of what is unusual about it.

    An offer whose contract has ended, or that another buyer has closed, shows as fallen out from then on.
    """

    pipeline_id: str
    buyer_id: str
    status: Literal["offered", "assigned", "closed", "fallout"]
    kind: str
    currency: str
    assignment_price: Amount | None
    assignment_fee: Amount | None
    fee_gross: Amount | None
    fee_net: Amount | None
    missing: list[str]
    costs: dict[str, Any] | None
    rank: int
    earnest_money: dict[str, Any] | None
    expires_at: When | None
    notes: str | None
    assigned_at: When | None
    assigned_on: OnDay | None
    assigned_by: str | None
    override_reason: str | None
    closed_on: OnDay | None
    fell_out_on: OnDay | None
    fell_from: str | None
    fallout_reason: str | None
    fallout_note: str | None
    warnings: list[str]


class FeesExplained(TypedDict):
    """Where either fee comes from."""

    fee_gross: "Explanation"
    fee_net: "Explanation"


class ExplainedAssignment(AssignmentView):
    """An assignment, with where its fees come from if that was asked for."""

    explain: NotRequired[FeesExplained]


class FalloutView(AssignmentView):
    """What fell out, and who is next."""

    next_backup: Backup | None


class AssignmentSummary(TypedDict):
    """An assignment in a list."""

    id: str
    pipeline_id: str
    buyer_id: str
    status: Literal["offered", "assigned", "closed", "fallout"]
    rank: int
    kind: str
    currency: str
    assignment_price: Amount | None
    expires_at: When | None
    closed_on: OnDay | None
    fallout_reason: str | None
    created_at: When


class AssignmentPage(TypedDict):
    """A page of assignments, newest first."""

    items: list[AssignmentSummary]
    next_cursor: str | None


class MatchView(TypedDict):
    """How well a buyer and a house fit. `coverage` is the weight, of 100, of what is known on both sides."""

    buyer_id: str
    name: NotRequired[str]
    tier: NotRequired[Literal["A", "B", "C"]]
    pipeline_id: NotRequired[str]
    address: NotRequired[str]
    score: Amount
    coverage: int
    met: list[str]
    missed: list[str]
    unknown: list[str]
    explain: NotRequired[Explanation]


class MatchPage(TypedDict):
    """A page of matches, the best first. `cut` says that more could fit than were looked at."""

    items: list[MatchView]
    next_cursor: str | None
    cut: bool


class OfferResult(TypedDict):
    """What became of one offer: 201 made, 200 acceptable (in a dry run), else why not."""

    index: int
    buyer_id: str
    status: int
    id: NotRequired[str]
    notified: NotRequired[bool]
    problem: NotRequired[dict[str, Any]]


class OfferResults(TypedDict):
    """A result for each buyer, in their order."""

    results: list[OfferResult]


class MonthOfFees(TypedDict):
    """The fees of a month's closings: net, gross, and how many closings are missing from the net."""

    month: str
    currency: str
    fees: Amount
    fees_gross: Amount
    unknown: int


class SummaryView(TypedDict):
    """What dispositions brought in. `forfeits` are earnest money that became the firm's, by currency: income, but no fee."""

    months: list[MonthOfFees]
    forfeits: dict[str, Amount]
    close_rate: Amount | None
    fallout_rate: Amount | None
    days_contract_to_assignment: Amount | None
    as_of: When
    explain: NotRequired[Explanation]


assert set(get_args(Outcome)) == set(earnest_money.OUTCOMES)
assert set(get_args(EarnestMoneyStatus)) == set(earnest_money.STATUSES)
assert set(get_args(Reason)) == {code for (_, by), codes in assignments.REASONS.items() if by == assignments.PEOPLE for code in codes}
