"""Requests and answers of alignment."""

from decimal import Decimal
from typing import Annotated, Any, NotRequired

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation import party_names
from chalicelib.foundation import schema_types as t
from chalicelib.foundation.explanations import Explanation
from chalicelib.packs.alignment.rules import conflicts, matching
from chalicelib.packs.alignment.rules.comparison import EQUAL_WEIGHT, OLDER_IDEAL
from chalicelib.packs.scorecards.public import ROLES
from chalicelib.packs.signals.public import BALANCED, RISK_STYLES

MAX_SPECIALIZATIONS = 20
MAX_EXPECTATION = 2_400_000  # hours: what is read out of a text is below 100,000 days

RiskStyle = Annotated[str, t.OneOf(RISK_STYLES, "RiskStyle")]
AnyShare = Annotated[t.Number, Field(ge=0, le=1)]  # of the older comparison, whose clients send what a double holds
Specializations = Annotated[list[t.Name], Field(max_length=MAX_SPECIALIZATIONS), t.UNIQUE_FOLDED]
OlderSpecializations = Annotated[list[t.Name], Field(max_length=100)]
Role = Annotated[str, t.OneOf(ROLES, "ProfessionalRole")]
Jurisdiction = Annotated[t.Text, Field(min_length=1, max_length=60, examples=["US-WA"])]
Hours = Annotated[t.Number, Field(gt=0, le=10_000), t.decimals(4)]
Block = Annotated[str, t.OneOf(matching.BLOCKS, "MatchBlock")]
Side = Annotated[str, t.OneOf(party_names.SIDES, "DealSide")]
MatchKind = Annotated[str, t.OneOf(conflicts.MATCHES, "NameMatch")]
Verdict = Annotated[str, t.OneOf(conflicts.VERDICTS, "ConflictVerdict")]
ProfileId = Annotated[t.Text, Field(min_length=1, max_length=100, examples=["prof_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]


def _name_of_row(value: object) -> object:
    """The name in a row {name, hits} of extracted signals; a name as it is."""
    if not isinstance(value, dict):
        return value
    hits = value.get("hits", 0)
    if value.keys() - {"name", "hits"} or "name" not in value or isinstance(hits, bool) or not isinstance(hits, int) or hits < 0:
        raise ValueError("a name, or a row with name and hits, is needed")
    return value["name"]


def _expectation(value: object) -> object:
    """Hours, or the older API's text."""
    if isinstance(value, str) and len(value) <= 200 and value.isprintable():
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value <= MAX_EXPECTATION:
        return value
    raise ValueError("hours, or a text of at most 200 characters, is needed")


FoundSpecialization = Annotated[
    t.Name,
    BeforeValidator(_name_of_row),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 200},
                {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "hits": {"type": "integer", "minimum": 0}},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Expectation = Annotated[
    object,
    BeforeValidator(_expectation),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": MAX_EXPECTATION}, {"type": "string", "maxLength": 200}]}),
]


def _default(number: Decimal) -> Any:
    """A default that the document shows as a number."""
    return Field(default_factory=lambda: number, description=f"Default: {number}.")


# -- the older comparison


class ComparedSignals(t.RequestBody):
    """Signals as they are extracted, or by name as the older API had them. What is left out is unknown."""

    communication_clarity: AnyShare | None = None
    professionalism_tone: AnyShare | None = None
    transparency_level: AnyShare | None = None
    response_expectation: Expectation | None = Field(None, description="Hours; it is not compared.")
    service_specialization: Annotated[list[FoundSpecialization], Field(max_length=100)] = Field(default_factory=list)
    risk_style: RiskStyle | None = None


class ComparedIdeal(t.RequestBody):
    """What the signals are compared with."""

    target_clarity: AnyShare = _default(OLDER_IDEAL.target_clarity)
    target_professionalism: AnyShare = _default(OLDER_IDEAL.target_professionalism)
    target_transparency: AnyShare = _default(OLDER_IDEAL.target_transparency)
    preferred_risk_style: RiskStyle = BALANCED
    preferred_specializations: OlderSpecializations = Field(default_factory=lambda: list(OLDER_IDEAL.preferred_specializations))


class ComparisonRequest(t.RequestBody):
    """Signals to compare with an ideal, by default the older API's."""

    model_config = t.body_example(
        {
            "name": "Ada Byron",
            "signals": {
                "communication_clarity": 0.75,
                "professionalism_tone": 0.625,
                "transparency_level": 0.5,
                "service_specialization": ["real estate"],
                "risk_style": "conservative",
            },
        }
    )

    name: t.Name
    signals: ComparedSignals
    ideal: ComparedIdeal | None = Field(None, description="Default: the older API's.")


class ScoresView(TypedDict):
    """Scores from 0 to 1; null where the signal is unknown (in an alignment) or nothing is preferred."""

    clarity_score: t.Number | None
    professionalism_score: t.Number | None
    transparency_score: t.Number | None
    specialization_score: t.Number | None
    risk_style_score: t.Number | None
    overall_score: t.Number | None


class SummaryView(TypedDict):
    """The scores in words; no recommendation without an overall score."""

    strengths: list[str]
    risks: list[str]
    recommendation: str | None


class RawSignalsView(TypedDict):
    """The signals that were compared."""

    communication_clarity: t.Number | None
    professionalism_tone: t.Number | None
    transparency_level: t.Number | None
    response_expectation: Expectation | None
    service_specialization: list[str]
    risk_style: str | None


class ComparisonView(TypedDict):
    """A comparison, which is not kept."""

    name: str
    scores: ScoresView
    summary: SummaryView
    matched_specializations: list[str]
    raw_signals: RawSignalsView
    explain: NotRequired[Explanation]


# -- profiles


class Weights(t.RequestBody):
    """How much each score weighs; together exactly 1."""

    clarity: t.Share = _default(EQUAL_WEIGHT)
    professionalism: t.Share = _default(EQUAL_WEIGHT)
    transparency: t.Share = _default(EQUAL_WEIGHT)
    specialization: t.Share = _default(EQUAL_WEIGHT)
    risk_style: t.Share = _default(EQUAL_WEIGHT)


class WeightsPatch(t.PatchBody):
    """A change of weights; those left out stay."""

    clarity: t.Share = Field(default_factory=t.omitted)
    professionalism: t.Share = Field(default_factory=t.omitted)
    transparency: t.Share = Field(default_factory=t.omitted)
    specialization: t.Share = Field(default_factory=t.omitted)
    risk_style: t.Share = Field(default_factory=t.omitted)


class ProfileCreate(t.RequestBody):
    """A new profile."""

    model_config = t.body_example({"name": "Title work", "preferred_specializations": ["title"], "target_clarity": 0.75})

    name: t.Name
    target_clarity: t.Share = _default(OLDER_IDEAL.target_clarity)
    target_professionalism: t.Share = _default(OLDER_IDEAL.target_professionalism)
    target_transparency: t.Share = _default(OLDER_IDEAL.target_transparency)
    preferred_risk_style: RiskStyle = BALANCED
    preferred_specializations: Specializations = Field(default_factory=lambda: list(OLDER_IDEAL.preferred_specializations))
    weights: Weights = Field(default_factory=Weights)


class ProfilePatch(t.PatchBody):
    """A change of a profile. Weights are merged, lists replaced."""

    model_config = t.body_example({"target_clarity": 0.75})

    name: t.Name = Field(default_factory=t.omitted)
    target_clarity: t.Share = Field(default_factory=t.omitted)
    target_professionalism: t.Share = Field(default_factory=t.omitted)
    target_transparency: t.Share = Field(default_factory=t.omitted)
    preferred_risk_style: RiskStyle = Field(default_factory=t.omitted)
    preferred_specializations: Specializations = Field(default_factory=t.omitted)
    weights: WeightsPatch = Field(default_factory=t.omitted)


WeightsView = Annotated[dict[str, Decimal], t.view_of(Weights)]


class ProfileView(t.ResourceView):
    """A profile."""

    name: str
    target_clarity: t.Number
    target_professionalism: t.Number
    target_transparency: t.Number
    preferred_risk_style: str
    preferred_specializations: list[str]
    weights: WeightsView


class ProfileSummary(TypedDict):
    """A profile in a list."""

    id: str
    name: str
    created_at: t.TimestampText


# -- alignments


class AlignRequest(t.RequestBody):
    """The profile that a professional is compared with."""

    profile_id: ProfileId


class AlignmentView(t.ResourceView):
    """A professional's newest signals compared with a profile, as both were. `missing` names the signals that are unknown."""

    professional_id: str
    profile_id: str
    profile_revision: int
    signal_id: str
    scores: ScoresView
    summary: SummaryView
    matched_specializations: list[str]
    missing: list[str]
    explain: NotRequired[Explanation]


class AlignmentSummary(TypedDict):
    """An alignment in a list."""

    id: str
    profile_id: str
    profile_revision: int
    signal_id: str
    overall_score: t.Number | None
    created_at: t.TimestampText


# -- matches


class ProfessionalMatchRequest(t.RequestBody):
    """The work that somebody is looked for. What is left out is not asked for, and weighs nothing."""

    model_config = t.body_example(
        {"role": "title", "specializations": ["title", "closing"], "jurisdiction": "US-WA", "max_rate": 200, "hours": 10, "limit": 10}
    )

    role: Role | None = None
    specializations: Specializations = Field(default_factory=list)
    jurisdiction: Jurisdiction | None = Field(None, description="A licence of it, of any kind, must hold on `starts_on`.")
    max_rate: t.PositiveMoney | None = Field(None, description="The most that an hour may cost, in `currency`.")
    currency: t.Currency | None = Field(None, description="Default: the default currency.")
    starts_on: t.BusinessDate | None = Field(None, description="Default: today.")
    hours: Hours | None = None
    profile_id: ProfileId | None = Field(None, description="What the newest signals are compared with. Default: the older ideal.")
    deal_id: t.DealId | None = Field(None, description="A deal, or the external reference of one: whose parties may be in conflict.")
    limit: Annotated[t.StrictInt, Field(ge=1, le=200)] = 50


class PartView(TypedDict):
    """A part of a score; its value is null where it is unknown, and the points are then a quarter of the weight."""

    weight: int
    value: t.Number | None
    points: t.Number


class PartsView(TypedDict):
    """The parts of a score; null where one isn't asked for."""

    scorecard: PartView | None
    specialization: PartView | None
    capacity: PartView | None
    alignment: PartView | None
    rate: PartView | None


class FitView(TypedDict):
    """How a professional fits: `coverage` is the weight that is known, `would_do` says of what rules out what would not."""

    professional_id: str
    name: str
    score: t.Number
    coverage: int
    parts: PartsView
    blocked_by: list[Block]
    would_do: list[str]
    explain: NotRequired[Explanation]


class ProfessionalMatchView(TypedDict):
    """A match: the best eligible professionals, the best of those ruled out, how many of each there are, and whether more than these."""

    id: str
    rules_version: int
    as_of: t.TimestampText
    profile_id: str | None
    items: list[FitView]
    blocked: list[FitView]
    eligible: int
    ruled_out: int
    cut: bool
    explain: NotRequired[Explanation]


# -- conflicts of interest


class ConflictRequest(t.RequestBody):
    """Names to look for among the parties of all deals, and the side that they would be on."""

    model_config = t.body_example({"names": ["Acme Title LLC", "Ada Byron"], "side": "opposing"})

    names: Annotated[list[t.Name], Field(min_length=1, max_length=20)]
    side: Side = party_names.OPPOSING
    deal_id: t.DealId | None = Field(None, description="A deal, or the external reference of one: it is left out.")


class ConflictHit(TypedDict):
    """A party of a deal, or of a pipeline without one, whose name is the same or nearly."""

    matched_name: str
    match: MatchKind
    deal_id: str | None
    pipeline_id: str | None
    role: str | None
    side: Side
    live: bool
    professional_ids: list[str]
    verdict: Verdict


class ConflictResult(TypedDict):
    """What was found of one name."""

    name: str
    hits: list[ConflictHit]


class ConflictView(TypedDict):
    """What was found of each name, in the order of the request; `cut` where a word of a name has more parties than are read."""

    results: list[ConflictResult]
    cut: bool
    explain: NotRequired[Explanation]
