"""What goes over the wire."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.schema_types import (
    Currency,
    Date,
    DateText,
    Money,
    MoneyNumber,
    Name,
    Notes,
    Number,
    PageParams,
    PatchBody,
    PlainNumber,
    QueryFlag,
    QueryParams,
    RequestBody,
    ResourceView,
    RowProblem,
    StrictBool,
    StrictInt,
    Tag,
    Text,
    Timestamp,
    TimestampText,
    Url,
)
from chalicelib.foundation.schema_types import (
    ExplainParams as ExplainParams,
)
from chalicelib.packs.dispositions.rules import assignments, earnest_money, markets, matching

Strategy = Annotated[Literal["flip", "rental", "brrrr", "wholetail", "development"], Field(title="InvestorStrategy")]
Funding = Annotated[Literal["cash", "hard_money", "conventional"], Field(title="FundingType")]
Kind = Annotated[Literal["assignment", "double_close", "novation", "wholetail"], Field(title="AssignmentKind")]
EarnestMoneyStatus = Annotated[
    Literal["due", "received", "cleared", "applied", "disputed", "refunded", "forfeited"], Field(title="EarnestMoneyStatus")
]
Outcome = Annotated[Literal["none", "refunded", "forfeited", "disputed"], Field(title="EarnestMoneyOutcome")]
Reason = Annotated[
    Literal["financing", "inspection", "title", "seller", "buyer_withdrew", "retrade", "expired", "emd_not_received", "other"],
    Field(title="FalloutReason"),
]
Tier = Annotated[Literal["A", "B", "C"], Field(title="BuyerTier")]
Status = Annotated[Literal["offered", "assigned", "closed", "fallout"], Field(title="AssignmentStatus")]

_SEPARATORS = re.compile(r"[ ().-]")


def _strip_separators(value: object) -> object:
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
    if message := markets.market_error(text):
        raise ValueError(message)
    return str(markets.parse(text))


def _unique(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _plausible_date(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("a day between 1900 and 2200 is needed")
    return day


def _unset() -> Any:
    """The value of a field that a patch leaves out: nobody reads it, and the schema shows no default."""
    return None


BusinessDate = Annotated[Date, AfterValidator(_plausible_date)]
NonNegativeMoney = Annotated[Money, AfterValidator(_not_negative)]
Percentage = Annotated[Number, Field(ge=0, le=100), AfterValidator(_two_places)]
PercentOfArv = Annotated[Number, Field(ge=0, le=1000), AfterValidator(_two_places)]  # of the ARV: a buyer may pay more than it
HalfCount = Annotated[Number, Field(ge=0, le=100), AfterValidator(_two_places)]
Email = Annotated[Text, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", examples=["buyer@example.com"])]
Phone = Annotated[
    Text,
    BeforeValidator(_strip_separators),
    Field(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+12065550100"], description="E.164; spaces, dots, dashes and brackets are dropped."),
]
Market = Annotated[
    Text,
    Field(min_length=1, max_length=100, examples=["981*"], description="A postal code, the beginning of one (981*), or City/REGION."),
    AfterValidator(_market),
]
Markets = Annotated[list[Market], Field(max_length=markets.MAX_MARKETS), AfterValidator(_unique)]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_unique)]
Strategies = Annotated[list[Strategy], AfterValidator(_unique)]
PipelineId = Annotated[Text, Field(min_length=1, max_length=100, examples=["pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
BuyerId = Annotated[Text, Field(min_length=1, max_length=100, examples=["buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
Rank = Annotated[StrictInt, Field(ge=1, le=10_000)]


class BuyBox(RequestBody):
    """What a buyer buys. What is left out isn't said: it is unknown to matching, never a miss."""

    property_types: Tags | None = None
    markets: Markets | None = None
    price_min: NonNegativeMoney | None = None
    price_max: NonNegativeMoney | None = None
    bedrooms_min: HalfCount | None = None
    bathrooms_min: HalfCount | None = None
    sqft_min: Annotated[StrictInt, Field(ge=0, le=10**9)] | None = None
    year_built_min: Annotated[StrictInt, Field(ge=1500, le=2200)] | None = None
    max_repairs: NonNegativeMoney | None = None
    max_pct_of_arv: PercentOfArv | None = Field(None, description="(Price + repairs) / ARV, a percent number.")
    strategies: Strategies | None = None
    currency: Currency | None = Field(None, description="Of its amounts; the firm's own unless given.")


class ProofOfFunds(RequestBody):
    """A proof of funds."""

    amount: NonNegativeMoney
    currency: Currency | None = Field(None, description="The firm's own unless given.")
    issued_on: BusinessDate
    expires_on: BusinessDate | None = Field(None, description="The last day that it holds; 30 days after its issue unless given.")
    holder: Name | None = None
    verified_by: Name | None = None
    document: Url | None = None


class ProofOfFundsPatch(RequestBody):
    """A change of a proof of funds. A new day of issue without a last day counts its 30 days anew."""

    amount: NonNegativeMoney = Field(default_factory=_unset)
    currency: Currency | None = None
    issued_on: BusinessDate = Field(default_factory=_unset)
    expires_on: BusinessDate | None = None
    holder: Name | None = None
    verified_by: Name | None = None
    document: Url | None = None


class BuyerBase(RequestBody):
    """What a buyer holds besides its name."""

    email: Email | None = None
    phone: Phone | None = None
    company: Name | None = None
    buy_box_summary: Notes | None = None
    buy_box: BuyBox | None = None
    funding: Funding | None = None
    tags: Tags | None = None
    notes: Notes | None = None


class BuyerCreate(BuyerBase):
    """A new buyer."""

    name: Name
    proof_of_funds: ProofOfFunds | None = None
    do_not_contact: StrictBool = False
    is_active: StrictBool = True


class BuyerPatch(BuyerBase, PatchBody):
    """A change. Nested objects are merged like the whole."""

    name: Name = Field(default_factory=_unset)
    proof_of_funds: ProofOfFundsPatch | None = None
    do_not_contact: StrictBool = Field(default_factory=_unset)
    is_active: StrictBool = Field(default_factory=_unset)


class AssignmentCosts(RequestBody):
    """What an exit costs, or whom it is shared with; a term that is left out is unknown, not nought (an assignment has none)."""

    partner_split: NonNegativeMoney | None = None
    earnest_money_lost: NonNegativeMoney | None = None
    closing_ab: NonNegativeMoney | None = None
    closing_bc: NonNegativeMoney | None = None
    points_pct: Percentage | None = None
    lender_fee: NonNegativeMoney | None = None
    commission_pct: Percentage | None = None
    closing_pct: Percentage | None = None
    make_ready: NonNegativeMoney | None = None
    rehab: NonNegativeMoney | None = None
    buying_pct: Percentage | None = None
    selling_pct: Percentage | None = None
    holding_months: HalfCount | None = None
    holding_pct: Percentage | None = None


class EarnestMoney(RequestBody):
    """The buyer's earnest money."""

    amount: NonNegativeMoney | None = None
    due_on: BusinessDate | None = Field(None, description="Three days after it is assigned unless given.")
    status: EarnestMoneyStatus | None = None


class EarnestMoneyPatch(EarnestMoney):
    """A change of the earnest money. `applied` comes by closing alone; refunded, forfeited, disputed with a fallout."""

    status: EarnestMoneyStatus = Field(default_factory=_unset)
    reason: Literal["returned_unpaid"] | None = Field(None, description="Needed where what was received came back unpaid.")


class AssignmentCreate(RequestBody):
    """An offer of a pipeline to a buyer. Of price and fee one follows from the other; both given must agree."""

    pipeline_id: PipelineId
    buyer_id: BuyerId
    kind: Kind | None = Field(None, description="The pipeline's exit strategy unless given.")
    assignment_price: NonNegativeMoney | None = None
    assignment_fee: NonNegativeMoney | None = None
    currency: Currency | None = Field(None, description="The pipeline's; another one is refused.")
    rank: Rank | None = Field(None, description="1 is the first choice; the next free one unless given.")
    costs: AssignmentCosts | None = None
    earnest_money: EarnestMoney | None = None
    expires_at: Timestamp | None = None
    notes: Notes | None = None


class AssignmentPatch(PatchBody):
    """A change. The status moves by assign, close and fallout alone."""

    assignment_price: NonNegativeMoney | None = None
    assignment_fee: NonNegativeMoney | None = None
    reason: Literal["retrade"] | None = Field(None, description="Needed where the price of an assigned one changes.")
    kind: Kind = Field(default_factory=_unset)
    rank: Rank = Field(default_factory=_unset)
    costs: AssignmentCosts | None = None
    earnest_money: EarnestMoneyPatch | None = None
    expires_at: Timestamp | None = None
    notes: Notes | None = None


class AssignRequest(RequestBody):
    """Carrying a contract to a buyer."""

    override_reason: Annotated[Notes, Field(min_length=1)] | None = Field(
        None, description="Why it goes on without a sufficient proof of funds, or beside a dispute about earnest money."
    )


class CloseRequest(RequestBody):
    """A closing."""

    closed_on: BusinessDate | None = Field(None, description="Today unless given; never in the future.")


class FalloutRequest(RequestBody):
    """How it came to nothing."""

    reason: Reason
    note: Notes | None = Field(None, description="Needed where the reason is `other`.")
    earnest_money_outcome: Outcome | None = Field(None, description="Needed of an assigned one; `none` where no money was received.")


class BulkOfferRequest(RequestBody):
    """Offers of a pipeline to the best matches, or to a list of buyers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"best_n": 5, "assignment_price": 131000, "notify": True}]})

    best_n: Annotated[StrictInt, Field(ge=1, le=matching.MAX_BEST)] | None = Field(None, examples=[5])
    buyer_ids: Annotated[list[BuyerId], Field(min_length=1)] | None = Field(None, description="At most 25.")
    assignment_price: NonNegativeMoney | None = None
    expires_at: Timestamp | None = None
    dry_run: StrictBool = Field(False, description="Say what would become of each, and write nothing.")
    notify: StrictBool = Field(False, description="Mail those who have an address, with a link to opt out.")


class MatchQuery(PageParams):
    """A page of matches."""

    explain: QueryFlag = False


class BuyerQuery(PageParams):
    """Which buyers to list. Filters hold together."""

    active_only: QueryFlag = Field(True, description="`false` lists inactive ones, too.")
    q: Annotated[Text, Field(min_length=1, max_length=200, examples=["ada"])] | None = Field(
        None, description="How the name or the email begins, in any case. Such lists go by the alphabet."
    )
    market: Annotated[Text, Field(pattern=r"^[A-Za-z0-9 -]{3,20}$", examples=["98103"])] | None = Field(
        None, description="A postal code: buyers one of whose markets, by postal code, holds it."
    )
    country: Annotated[Text, Field(pattern=r"^[A-Z]{2}$", examples=["US"])] = "US"


class DispositionsSummaryQuery(QueryParams):
    """Which days, both inclusive; all of them unless given."""

    from_: BusinessDate | None = Field(None, alias="from")
    to: BusinessDate | None = None
    explain: QueryFlag = False


# -- answers


class BuyBoxView(TypedDict, total=False):
    """What a buyer buys; what is left out or null is unknown."""

    property_types: list[str] | None
    markets: list[str] | None
    price_min: MoneyNumber | None
    price_max: MoneyNumber | None
    bedrooms_min: PlainNumber | None
    bathrooms_min: PlainNumber | None
    sqft_min: int | None
    year_built_min: int | None
    max_repairs: MoneyNumber | None
    max_pct_of_arv: PlainNumber | None
    strategies: list[Strategy] | None
    currency: str | None


class ProofOfFundsView(TypedDict):
    """A proof of funds."""

    amount: MoneyNumber
    currency: str
    issued_on: DateText
    expires_on: DateText
    holder: NotRequired[str | None]
    verified_by: NotRequired[str | None]
    document: NotRequired[str | None]


class AssignmentCostsView(TypedDict, total=False):
    """What an exit costs, or whom it is shared with; a term that is left out or null is unknown, not zero."""

    partner_split: MoneyNumber | None
    earnest_money_lost: MoneyNumber | None
    closing_ab: MoneyNumber | None
    closing_bc: MoneyNumber | None
    points_pct: PlainNumber | None
    lender_fee: MoneyNumber | None
    commission_pct: PlainNumber | None
    closing_pct: PlainNumber | None
    make_ready: MoneyNumber | None
    rehab: MoneyNumber | None
    buying_pct: PlainNumber | None
    selling_pct: PlainNumber | None
    holding_months: PlainNumber | None
    holding_pct: PlainNumber | None


class EarnestMoneyView(TypedDict, total=False):
    """The buyer's earnest money; what is not known is left out or null."""

    amount: MoneyNumber | None
    due_on: DateText | None
    status: EarnestMoneyStatus | None


class StatisticsView(TypedDict):
    """A buyer's record. Rates are percent numbers, null where there is nothing to rate; an offer that lapsed spoils none."""

    offered: int
    assigned: int
    closed: int
    fallout: int
    lapsed: int
    close_rate: MoneyNumber | None
    fallout_rate: MoneyNumber | None
    median_days_to_close: MoneyNumber | None
    last_closed_on: DateText | None
    tier: Tier


class BuyerView(ResourceView):
    """A buyer, with its record."""

    name: str
    email: str | None
    phone: str | None
    company: str | None
    buy_box_summary: str | None
    buy_box: BuyBoxView | None
    funding: Funding | None
    proof_of_funds: ProofOfFundsView | None
    tier: Tier
    do_not_contact: bool
    is_active: bool
    tags: list[str]
    notes: str | None
    statistics: StatisticsView
    warnings: list[str]


class BuyerStatisticsView(StatisticsView):
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
    funding: Funding | None
    proof_expires_on: DateText | None
    created_at: TimestampText


class BuyerPage(TypedDict):
    """A page of buyers."""

    items: list[BuyerSummary]
    next_cursor: str | None


class BackupOffer(TypedDict):
    """Whose turn it is next."""

    assignment_id: str
    buyer_id: str
    rank: int


class AssignmentView(ResourceView):
    """An assignment. `missing` names what a null fee lacks; `warnings` are codes of what is unusual about it.

    An offer whose contract has ended, or that another buyer has closed, shows as fallen out from then on.
    """

    pipeline_id: str
    buyer_id: str
    status: Status
    kind: Kind
    currency: str
    assignment_price: MoneyNumber | None
    assignment_fee: MoneyNumber | None
    fee_gross: MoneyNumber | None
    fee_net: MoneyNumber | None
    missing: list[str]
    costs: AssignmentCostsView | None
    rank: int
    earnest_money: EarnestMoneyView | None
    expires_at: TimestampText | None
    notes: str | None
    assigned_at: TimestampText | None
    assigned_on: DateText | None
    assigned_by: str | None
    override_reason: str | None
    closed_on: DateText | None
    fell_out_on: DateText | None
    fell_from: str | None
    fallout_reason: str | None
    fallout_note: str | None
    warnings: list[str]


class FeeExplanations(TypedDict):
    """Where either fee comes from."""

    fee_gross: "Explanation"
    fee_net: "Explanation"


class ExplainedAssignmentView(AssignmentView):
    """An assignment, with where its fees come from if that was asked for."""

    explain: NotRequired[FeeExplanations]


class FalloutView(AssignmentView):
    """What fell out, and who is next."""

    next_backup: BackupOffer | None


class AssignmentSummary(TypedDict):
    """An assignment in a list."""

    id: str
    pipeline_id: str
    buyer_id: str
    status: Status
    rank: int
    kind: Kind
    currency: str
    assignment_price: MoneyNumber | None
    expires_at: TimestampText | None
    closed_on: DateText | None
    fallout_reason: str | None
    created_at: TimestampText


class AssignmentPage(TypedDict):
    """A page of assignments, newest first."""

    items: list[AssignmentSummary]
    next_cursor: str | None


class MatchView(TypedDict):
    """How well a buyer and a house fit. `coverage` is the weight, of 100, of what is known on both sides."""

    buyer_id: str
    name: NotRequired[str]
    tier: NotRequired[Tier]
    pipeline_id: NotRequired[str]
    address: NotRequired[str]
    score: MoneyNumber
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


class BulkOfferResult(TypedDict):
    """What became of one offer: 201 made, 200 acceptable (in a dry run), else why not."""

    index: int
    buyer_id: str
    status: int
    id: NotRequired[str]
    notified: NotRequired[bool]
    problem: NotRequired[RowProblem]


class BulkOfferView(TypedDict):
    """A result for each buyer, in their order."""

    results: list[BulkOfferResult]


class MonthlyFeesView(TypedDict):
    """The fees of a month's closings: net, gross, and how many closings are missing from the net."""

    month: str
    currency: str
    fees: MoneyNumber
    fees_gross: MoneyNumber
    unknown: int


class DispositionsSummaryView(TypedDict):
    """What dispositions brought in. `forfeits` are earnest money that became the firm's, by currency: income, but no fee."""

    months: list[MonthlyFeesView]
    forfeits: dict[str, MoneyNumber]
    close_rate: MoneyNumber | None
    fallout_rate: MoneyNumber | None
    days_contract_to_assignment: MoneyNumber | None
    as_of: TimestampText
    explain: NotRequired[Explanation]


def _literal_values(alias: object) -> set[str]:
    return set(get_args(get_args(alias)[0]))


assert _literal_values(Outcome) == set(earnest_money.OUTCOMES)
assert _literal_values(EarnestMoneyStatus) == set(earnest_money.STATUSES)
assert _literal_values(Reason) == {code for (_, by), codes in assignments.REASONS.items() if by == assignments.PEOPLE for code in codes}
