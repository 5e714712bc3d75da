"""Request and response schemas of dispositions."""

from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.dispositions.rules import assignments, earnest_money, markets, matches
from chalicelib.packs.dispositions.rules.buyer_statistics import TIERS
from chalicelib.packs.dispositions.rules.fees import FeeExplanations
from chalicelib.packs.wholesale.public import exit_strategies

Strategy = Annotated[Literal["flip", "rental", "brrrr", "wholetail", "development"], Field(title="InvestorStrategy")]
Funding = Annotated[Literal["cash", "hard_money", "conventional"], Field(title="FundingType")]
Kind = Annotated[str, t.OneOf(exit_strategies.EXITS, "AssignmentKind")]
EarnestMoneyStatus = Annotated[str, t.OneOf(earnest_money.STATUSES, "EarnestMoneyStatus")]
Outcome = Annotated[str, t.OneOf(earnest_money.OUTCOMES, "EarnestMoneyOutcome")]
Reason = Annotated[str, t.OneOf(assignments.REASONS[assignments.ASSIGNED, assignments.PEOPLE], "FalloutReason")]
Tier = Annotated[str, t.OneOf(TIERS, "BuyerTier")]
Status = Annotated[str, t.OneOf(assignments.STATUSES, "AssignmentStatus")]

PercentOfArv = Annotated[t.Number, Field(ge=0, le=1000), t.decimals(2)]  # of the ARV: a buyer may pay more than it
Market = Annotated[
    t.Text,
    Field(min_length=1, max_length=100, examples=["981*"], description="A postal code, a prefix of one (981*), or City/REGION."),
    AfterValidator(lambda text: str(markets.parse(text))),
]
Markets = Annotated[list[Market], Field(max_length=markets.MAX_MARKETS), t.UNIQUE_ITEMS]
Strategies = Annotated[list[Strategy], t.UNIQUE_ITEMS]
PipelineId = Annotated[t.Text, Field(min_length=1, max_length=100, examples=["pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
BuyerId = Annotated[t.Text, Field(min_length=1, max_length=100, examples=["buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
AssignmentId = Annotated[str, Field(examples=["asgn_w01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
Rank = Annotated[t.StrictInt, Field(ge=1, le=10_000)]
Why = Annotated[t.Notes, Field(min_length=1)]


class BuyBox(t.RequestBody):
    """What a buyer buys. An omitted field is unknown to the matching, never a miss."""

    property_types: t.Tags | None = None
    markets: Markets | None = None
    price_min: t.NonNegativeMoney | None = None
    price_max: t.NonNegativeMoney | None = None
    bedrooms_min: t.HalfCount | None = None
    bathrooms_min: t.HalfCount | None = None
    sqft_min: t.Area | None = None
    year_built_min: Annotated[t.StrictInt, Field(ge=1500, le=2200)] | None = None
    max_repairs: t.NonNegativeMoney | None = None
    max_pct_of_arv: PercentOfArv | None = Field(None, description="(Price + repairs) / ARV, a percent number.")
    strategies: Strategies | None = None
    currency: t.Currency | None = Field(None, description="Currency of its amounts. Default: the default currency.")


class ProofOfFunds(t.RequestBody):
    """A proof of funds."""

    amount: t.NonNegativeMoney
    currency: t.Currency | None = Field(None, description="Default: the default currency.")
    issued_on: t.BusinessDate
    expires_on: t.BusinessDate | None = Field(None, description="The last day of its validity. Default: 30 days after its issue.")
    holder: t.Name | None = None
    verified_by: t.Name | None = None
    document: t.Url | None = None


class ProofOfFundsPatch(ProofOfFunds):
    """A change of a proof of funds. A new day of issue without a last day sets the last day to 30 days later."""

    amount: t.NonNegativeMoney = Field(default_factory=t.omitted)
    issued_on: t.BusinessDate = Field(default_factory=t.omitted)


class BuyerBase(t.RequestBody):
    """The optional fields of a buyer."""

    email: t.Email | None = None
    phone: t.InternationalPhone | None = None
    company: t.Name | None = None
    buy_box_summary: t.Notes | None = None
    buy_box: BuyBox | None = None
    funding: Funding | None = None
    tags: t.Tags | None = None
    notes: t.Notes | None = None
    contact_reason: Why | None = Field(None, description="Why `do_not_contact` is set or taken back; sent along with it.")


class BuyerCreate(BuyerBase):
    """A new buyer."""

    model_config = t.body_example({"name": "Ada Byron", "email": "ada@example.com", "buy_box": {"markets": ["981*"], "price_max": 300000}})

    name: t.Name
    proof_of_funds: ProofOfFunds | None = None
    do_not_contact: t.StrictBool = False
    is_active: t.StrictBool = True


class BuyerPatch(BuyerBase, t.PatchBody):
    """A change of a buyer. Nested objects are merged as well.

    `do_not_contact` holds for the address, whichever buyers have it. Contact with an address is allowed again by whoever gets the mail, or
    by those who may override, who say why.
    """

    model_config = t.body_example({"notes": "Buys in cash."})

    name: t.Name = Field(default_factory=t.omitted)
    proof_of_funds: ProofOfFundsPatch | None = None
    do_not_contact: t.StrictBool = Field(default_factory=t.omitted)
    is_active: t.StrictBool = Field(default_factory=t.omitted)


class AssignmentCosts(t.RequestBody):
    """Costs and shares of an exit strategy. An omitted term is unknown, not zero, except for a plain assignment, where it is zero."""

    partner_split: t.NonNegativeMoney | None = None
    earnest_money_lost: t.NonNegativeMoney | None = None
    closing_ab: t.NonNegativeMoney | None = None
    closing_bc: t.NonNegativeMoney | None = None
    points_pct: t.Percentage | None = None
    lender_fee: t.NonNegativeMoney | None = None
    commission_pct: t.Percentage | None = None
    closing_pct: t.Percentage | None = None
    make_ready: t.NonNegativeMoney | None = None
    rehab: t.NonNegativeMoney | None = None
    buying_pct: t.Percentage | None = None
    selling_pct: t.Percentage | None = None
    holding_months: t.HalfCount | None = None
    holding_pct: t.Percentage | None = None


class EarnestMoney(t.RequestBody):
    """The buyer's earnest money."""

    amount: t.NonNegativeMoney | None = None
    due_on: t.BusinessDate | None = Field(None, description="Default: three days after the assignment.")
    status: EarnestMoneyStatus | None = None


class EarnestMoneyPatch(EarnestMoney):
    """A change of the earnest money. Only a closing sets `applied`; a fallout sets refunded, forfeited or disputed."""

    status: EarnestMoneyStatus = Field(default_factory=t.omitted)
    reason: Literal["returned_unpaid"] | None = Field(None, description="Required where a received payment was returned unpaid.")


class AssignmentCreate(t.RequestBody):
    """An offer of a pipeline to a buyer. Price and fee follow from each other; if both are given they must agree."""

    pipeline_id: PipelineId
    buyer_id: BuyerId
    kind: Kind | None = Field(None, description="Default: the pipeline's exit strategy.")
    assignment_price: t.NonNegativeMoney | None = None
    assignment_fee: t.NonNegativeMoney | None = None
    currency: t.Currency | None = Field(None, description="The pipeline's currency; another one is an error.")
    rank: Rank | None = Field(None, description="1 is the first choice. Default: the next free rank.")
    costs: AssignmentCosts | None = None
    earnest_money: EarnestMoney | None = None
    expires_at: t.Timestamp | None = None
    notes: t.Notes | None = None


class AssignmentPatch(t.PatchBody):
    """A change of an assignment. The status changes only by assign, close and fallout.

    A new price of an assigned one that the buyer's proof of funds doesn't cover warns; where proof is required a higher one is refused.
    """

    model_config = t.body_example({"notes": "Closes within two weeks."})

    assignment_price: t.NonNegativeMoney | None = None
    assignment_fee: t.NonNegativeMoney | None = None
    reason: Literal["retrade"] | None = Field(None, description="Required where the price of an assigned one changes.")
    kind: Kind = Field(default_factory=t.omitted)
    rank: Rank = Field(default_factory=t.omitted)
    costs: AssignmentCosts | None = None
    earnest_money: EarnestMoneyPatch | None = None
    expires_at: t.Timestamp | None = None
    notes: t.Notes | None = None


class AssignRequest(t.RequestBody):
    """The assignment of the contract to the buyer."""

    model_config = t.body_example({})

    override_reason: Why | None = Field(
        None, description="Why it is assigned without a sufficient proof of funds, or during a dispute about earnest money."
    )


class CloseRequest(t.RequestBody):
    """The closing of an assignment."""

    model_config = t.body_example({})

    closed_on: t.BusinessDate | None = Field(None, description="Default: today. Not in the future.")


class FalloutRequest(t.RequestBody):
    """The fallout of an assignment."""

    model_config = t.body_example({"reason": "financing", "earnest_money_outcome": "refunded"})

    reason: Reason
    note: t.Notes | None = Field(None, description="Required where the reason is `other`.")
    earnest_money_outcome: Outcome | None = Field(None, description="Required for an assigned one; `none` where no money was received.")


class BulkOfferRequest(t.RequestBody):
    """Offers of a pipeline to the best matches, or to a list of buyers."""

    model_config = t.body_example({"best_n": 5, "assignment_price": 225000, "notify": True})

    best_n: Annotated[t.StrictInt, Field(ge=1, le=matches.MAX_BEST)] | None = Field(None, examples=[5])
    buyer_ids: Annotated[list[BuyerId], Field(min_length=1)] | None = Field(None, description="At most 25.")
    assignment_price: t.NonNegativeMoney | None = None
    expires_at: t.Timestamp | None = None
    dry_run: t.StrictBool = Field(False, description="Return the result for each buyer, and write nothing.")
    notify: t.StrictBool = Field(False, description="Send a mail, with a link to opt out, to buyers with an email.")


class MatchQuery(t.ExplainParams, t.PageParams):
    """Parameters of a list of matches."""


class BuyerQuery(t.PageParams):
    """Filters of a list of buyers; all must match."""

    active_only: t.QueryFlag = Field(True, description="`false` lists inactive ones, too.")
    q: Annotated[t.Text, Field(min_length=1, max_length=200, examples=["ada"])] | None = Field(
        None, description="A prefix of the name or the email, ignoring case. The results are in alphabetical order."
    )
    market: Annotated[t.Text, Field(pattern=r"^[A-Za-z0-9 -]{3,20}$", examples=["98103"])] | None = Field(
        None, description="A postal code: buyers with a market, given by postal code, that contains it."
    )
    country: t.Country = "US"


class DispositionsSummaryQuery(t.ExplainParams):
    """The days of the summary, both inclusive. Default: all days."""

    from_: t.BusinessDate | None = Field(None, alias="from")
    to: t.BusinessDate | None = None


# -- answers


BuyBoxView = Annotated[JsonObject, t.view_of(BuyBox)]
AssignmentCostsView = Annotated[JsonObject, t.view_of(AssignmentCosts)]
EarnestMoneyView = Annotated[JsonObject, t.view_of(EarnestMoney)]


class ProofOfFundsView(TypedDict):
    """A proof of funds."""

    amount: t.MoneyNumber
    currency: str
    issued_on: t.DateText
    expires_on: t.DateText
    holder: NotRequired[str | None]
    verified_by: NotRequired[str | None]
    document: NotRequired[str | None]


class StatisticsView(TypedDict):
    """A buyer's statistics. Rates are percent numbers, null without any ended assignment; lapsed offers don't count."""

    offered: int
    assigned: int
    closed: int
    fallout: int
    lapsed: int
    close_rate: t.MoneyNumber | None
    fallout_rate: t.MoneyNumber | None
    median_days_to_close: t.MoneyNumber | None
    last_closed_on: t.DateText | None
    tier: Tier


class BuyerView(t.ResourceView):
    """A buyer, with its statistics."""

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
    contact_reason: str | None
    is_active: bool
    tags: list[str]
    notes: str | None
    statistics: StatisticsView
    warnings: list[str]
    explain: NotRequired[Explanation]


class BuyerStatisticsView(StatisticsView):
    """A buyer's statistics."""

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
    proof_expires_on: t.DateText | None
    created_at: t.TimestampText


class BackupOffer(TypedDict):
    """The next backup."""

    assignment_id: AssignmentId
    buyer_id: str
    rank: int


class AssignmentView(t.ResourceView):
    """An assignment. `missing` names the values without which a fee is null; `warnings` are codes.

    An offer whose contract has ended, or that another buyer has closed, shows as fallen out from then on.
    """

    pipeline_id: str
    buyer_id: str
    status: Status
    kind: Kind
    currency: str
    assignment_price: t.MoneyNumber | None
    assignment_fee: t.MoneyNumber | None
    fee_gross: t.MoneyNumber | None
    fee_net: t.MoneyNumber | None
    missing: list[str]
    costs: AssignmentCostsView | None
    rank: int
    earnest_money: EarnestMoneyView | None
    expires_at: t.TimestampText | None
    notes: str | None
    assigned_at: t.TimestampText | None
    assigned_on: t.DateText | None
    assigned_by: str | None
    override_reason: str | None
    closed_on: t.DateText | None
    fell_out_on: t.DateText | None
    fell_from: str | None
    fallout_reason: str | None
    fallout_note: str | None
    warnings: list[str]


class ExplainedAssignmentView(AssignmentView):
    """An assignment, with the explanations of its fees if requested."""

    explain: NotRequired[FeeExplanations]


class FalloutView(AssignmentView):
    """The assignment after the fallout, and the next backup."""

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
    assignment_price: t.MoneyNumber | None
    expires_at: t.TimestampText | None
    closed_on: t.DateText | None
    fallout_reason: str | None
    created_at: t.TimestampText


class MatchView(TypedDict):
    """The match of a buyer and a pipeline. `coverage` is the weight, of 100, of the criteria known on both sides."""

    buyer_id: str
    name: NotRequired[str]
    tier: NotRequired[Tier]
    pipeline_id: NotRequired[str]
    address: NotRequired[str]
    score: t.MoneyNumber
    coverage: int
    met: list[str]
    missed: list[str]
    unknown: list[str]
    explain: NotRequired[Explanation]


class MatchPage(TypedDict):
    """A page of matches, the best first. `cut`: there may be more matches than were read."""

    items: list[MatchView]
    next_cursor: str | None
    cut: bool


class BulkOfferResult(t.RowResult):
    """The result of one offer."""

    buyer_id: str
    notified: NotRequired[bool]


class BulkOfferView(TypedDict):
    """A result for each buyer, in the order of the request."""

    results: list[BulkOfferResult]


class MonthlyFeesView(TypedDict):
    """The fees of a month's closings: net, gross, and how many closings are missing from the net."""

    month: str
    currency: str
    fees: t.MoneyNumber
    fees_gross: t.MoneyNumber
    unknown: int


class DispositionsSummaryView(TypedDict):
    """The summary of dispositions. `forfeits` is forfeited earnest money by currency: income, but not a fee."""

    months: list[MonthlyFeesView]
    forfeits: dict[str, t.MoneyNumber]
    close_rate: t.MoneyNumber | None
    fallout_rate: t.MoneyNumber | None
    days_contract_to_assignment: t.MoneyNumber | None
    as_of: t.TimestampText
    behind: t.PendingCount
    explain: NotRequired[Explanation]
