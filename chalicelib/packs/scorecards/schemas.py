"""Request and response schemas of professionals and their scorecards."""

from typing import Annotated, Literal, NotRequired, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.disputes import DisputeView
from chalicelib.foundation.explanations import Explanation
from chalicelib.packs.scorecards.rules import interactions, professionals, scorecard

Role = Annotated[str, t.OneOf(professionals.ROLES, "ProfessionalRole")]
Jurisdictions = Annotated[list[t.Tag], Field(max_length=professionals.MAX_JURISDICTIONS, examples=[["WA", "OR"]]), t.UNIQUE_FOLDED]
Specializations = Annotated[list[t.Tag], Field(max_length=professionals.MAX_SPECIALIZATIONS, examples=[["tax"]]), t.UNIQUE_FOLDED]

Trend = Annotated[str, t.OneOf(scorecard.TRENDS, "ScorecardTrend")]
Source = Annotated[str, t.OneOf(interactions.SOURCES, "InteractionSource")]
InteractionId = Annotated[str, Field(examples=["int_p01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
Score = Annotated[t.MoneyNumber, Field(ge=0, le=1)]


# -- professionals


class License(t.RequestBody):
    """A licence to practise."""

    kind: t.Tag
    number: t.ExternalText
    jurisdiction: t.Tag
    expires_on: t.BusinessDate = Field(description="Its last day.")


class ProfessionalBase(t.RequestBody):
    """The optional fields of a professional."""

    organization: t.Name | None = None
    external_ref: t.Name | None = Field(None, description="Unique: a second professional with it is refused.")
    public_urls: Annotated[list[t.Url], Field(max_length=professionals.MAX_URLS), t.UNIQUE_ITEMS] | None = None
    email: t.Email | None = None
    phone: t.InternationalPhone | None = None
    jurisdictions: Jurisdictions | None = None
    specializations: Specializations | None = None
    hourly_rate: t.NonNegativeMoney | None = None
    licenses: Annotated[list[License], Field(max_length=professionals.MAX_LICENSES)] | None = None
    notes: t.Notes | None = None


class ProfessionalCreate(ProfessionalBase):
    """A new professional."""

    model_config = t.body_example({"name": "Grace Hopper", "role": "lawyer", "jurisdictions": ["WA"], "specializations": ["real estate"]})

    name: t.Name
    role: Role
    currency: t.Currency | None = Field(None, description="Of the hourly rate. Default: the default currency.")
    is_active: t.StrictBool = True


class ProfessionalPatch(ProfessionalBase, t.PatchBody):
    """A change of a professional. A list is replaced as a whole."""

    model_config = t.body_example({"notes": "Answers on the same day."})

    name: t.Name = Field(default_factory=t.omitted)
    role: Role = Field(default_factory=t.omitted)
    currency: t.Currency = Field(default_factory=t.omitted)
    is_active: t.StrictBool = Field(default_factory=t.omitted)


class ProfessionalQuery(t.PageParams):
    """Filters of a list of professionals; all must match. Texts are compared without regard to case, width and spaces."""

    role: Role | None = None
    organization: t.Name | None = None
    jurisdiction: t.Tag | None = None
    specialization: t.Tag | None = None
    active: t.QueryFlag | None = Field(None, description="Only active ones, or only inactive ones. Default: both.")


class LicenseView(TypedDict):
    """A licence to practise."""

    kind: str
    number: str | None
    jurisdiction: str
    expires_on: t.DateText


class ProfessionalView(t.ResourceView):
    """A professional. Email, phone and licence numbers are masked for callers who may not see contacts."""

    name: str
    role: Role
    organization: str | None
    external_ref: str | None
    public_urls: list[str]
    email: str | None
    phone: str | None
    jurisdictions: list[str]
    specializations: list[str]
    hourly_rate: t.MoneyNumber | None
    currency: str
    licenses: list[LicenseView]
    is_active: bool
    notes: str | None


class ProfessionalSummary(TypedDict):
    """A professional in a list."""

    id: str
    name: str
    role: Role
    organization: str | None
    jurisdictions: list[str]
    specializations: list[str]
    is_active: bool
    created_at: t.TimestampText


# -- interactions


class InteractionCreate(t.RequestBody):
    """Something that a professional did. One measure at least is needed; one that is missing counts for nothing."""

    model_config = t.body_example({"met_deadline": True, "deliverable_quality": 0.75})

    response_time_hours: Annotated[t.Hours, Field(le=interactions.MAX_HOURS)] | None = None
    deliverable_quality: t.Share | None = Field(None, description="0 to 1.")
    communication_clarity: t.Share | None = Field(None, description="0 to 1.")
    met_deadline: t.StrictBool | None = None
    occurred_at: t.Timestamp | None = Field(None, description="Now, unless given; never in the future.")
    deal_id: t.DealId | None = Field(None, description="The deal that it was for, by its id or external reference.")
    notes: t.Notes | None = None

    @model_validator(mode="after")
    def _has_a_measure(self) -> Self:
        if all(getattr(self, name) is None for name in interactions.MEASURES):
            raise ValueError(f"one of {', '.join(interactions.MEASURES)} is needed")
        return self


class InteractionView(t.ResourceView):
    """Something that a professional did. Once it is disputed it counts in no score, until the dispute is rejected; reversed, never again.

    `role` is the professional's when it was logged; `source` says who logged it: somebody, or the end of a task or of a handoff.
    """

    professional_id: str
    role: Role
    source: Source
    task_id: str | None
    packet_id: str | None
    deal_id: str | None
    occurred_at: t.TimestampText
    response_time_hours: t.MoneyNumber | None
    deliverable_quality: t.MoneyNumber | None
    communication_clarity: t.MoneyNumber | None
    met_deadline: bool | None
    notes: str | None
    reversed_at: t.TimestampText | None
    dispute: DisputeView | None


# -- scorecards


class LeaderboardQuery(t.PageParams):
    """Whom the leaderboard ranks."""

    role: Role | None = None
    min_interactions: t.QueryInt = Field(1, ge=0, le=1_000_000, description="Only professionals with so many interactions that count.")
    explain: t.QueryFlag = False


class HistoryQuery(t.PageParams):
    """The history is by month."""

    by: Literal["month"] = "month"
    explain: t.QueryFlag = False


class Scores(TypedDict):
    """Scores from 0 to 1, null where nothing is known; the overall one is the mean of the first three that are known."""

    reliability_score: Score | None
    communication_score: Score | None
    quality_score: Score | None
    responsiveness_score: Score | None
    overall_score: Score | None


class ScorecardCounts(TypedDict):
    """How many interactions count, and how many of them for each measure."""

    interactions: int
    reliability: int
    communication: int
    quality: int
    responsiveness: int


class ScorecardView(Scores):
    """A professional's scores over all interactions, with a half-life of 90 days, and adjusted to what others of the role score.

    `parts` names the measures that the overall score is of. `adjusted_score` is null while too little is known of others, `trend` under
    5 interactions; `insufficient_data` says that there is no overall score.
    """

    professional_id: str
    parts: list[str]
    half_life: Scores
    adjusted_score: Score | None
    trend: Trend | None
    counts: ScorecardCounts
    insufficient_data: bool
    as_of: t.TimestampText
    explain: NotRequired[Explanation]


class MonthlyScoresView(Scores):
    """The scores of a month's interactions."""

    month: str
    interactions: int


class ScorecardHistoryPage(TypedDict):
    """The months that have interactions, newest first."""

    items: list[MonthlyScoresView]
    next_cursor: str | None
    explain: NotRequired[Explanation]


class LeaderboardEntryView(TypedDict):
    """A professional's place."""

    rank: int
    professional_id: str
    name: str
    role: Role
    adjusted_score: Score | None
    overall_score: Score | None
    interactions: int


class LeaderboardPage(TypedDict):
    """Active professionals by adjusted score, those without one last; then by interactions."""

    items: list[LeaderboardEntryView]
    next_cursor: str | None
    explain: NotRequired[Explanation]
