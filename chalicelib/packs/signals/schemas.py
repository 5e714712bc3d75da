"""Requests and answers of signals."""

import re
from typing import Annotated, NotRequired

from pydantic import AfterValidator, Field, StringConstraints
from typing_extensions import TypedDict

from chalicelib.foundation.dispute_schemas import DisputeRequest as DisputeRequest
from chalicelib.foundation.dispute_schemas import SettleRequest as SettleRequest
from chalicelib.foundation.disputes import DisputeView
from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import (
    Name,
    Number,
    OneOf,
    RequestBody,
    ResourceView,
    Text,
    TimestampText,
    Url,
    body_example,
)
from chalicelib.packs.signals.rules.markers import AGGRESSIVE, BALANCED, CONSERVATIVE

CATEGORIES = ("general", "bio", "services", "reviews", "about", "articles")
MAX_SOURCES, MAX_TEXT = 10, 100_000
WHY = ("malformed", "scheme", "port", "address", "dns", "redirects", "timeout", "too_large", "content_type", "status", "robots", "empty")

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # any way to end a line is one, and so is a tab


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters other than line breaks and tabs are refused")
    return text


Category = Annotated[str, OneOf(CATEGORIES, "SourceCategory")]
RiskStyle = Annotated[str, OneOf((AGGRESSIVE, BALANCED, CONSERVATIVE), "RiskStyle")]
FailureReason = Annotated[str, OneOf(WHY, "SourceFailure")]
# Kept to the letter, since spans count its characters: neither trimmed nor normalised.
SourceText = Annotated[str, StringConstraints(strict=True, strip_whitespace=False, max_length=MAX_TEXT), AfterValidator(_printable)]
ProfessionalId = Annotated[Text, Field(min_length=1, max_length=60, examples=["pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]


class SourceBody(RequestBody):
    """A public source: a URL that is fetched, or a text that was published."""

    url: Url | None = Field(None, description="http or https, on port 80 or 443.")
    text: SourceText | None = None
    category: Category = "general"


class ExtractionRequest(RequestBody):
    """Whose public text is read, and where it is; with `professional_id` the signals are kept."""

    model_config = body_example(
        {
            "name": "Ann Adams",
            "sources": [{"text": "We handle real estate and tax. We reply within 24 hours.", "category": "services"}],
        }
    )

    name: Name
    professional_id: ProfessionalId | None = None
    sources: Annotated[list[SourceBody], Field(min_length=1, max_length=MAX_SOURCES)]


class SpecializationView(TypedDict):
    """A specialization, and how often the text names it."""

    name: str
    hits: int


class SignalsView(TypedDict):
    """The signals, 0..1 where nothing else is said; a null one has its reason in `reasons`. `response_expectation` is in hours."""

    communication_clarity: Number | None
    professionalism_tone: Number | None
    transparency_level: Number | None
    response_expectation: Number | None
    service_specialization: list[SpecializationView]
    risk_style: RiskStyle


class LeadPartView(TypedDict):
    """A part of the lead score: its weight of 100, and its value, 0..1."""

    weight: int
    value: Number | None


class LeadPartsView(TypedDict):
    """The parts of the lead score."""

    transparency: LeadPartView
    clarity: LeadPartView
    tone: LeadPartView
    specialization: LeadPartView
    response: LeadPartView


class ConfidenceView(TypedDict):
    """How sure each signal is, 0..1; one that is null has none."""

    communication_clarity: NotRequired[Number]
    professionalism_tone: NotRequired[Number]
    transparency_level: NotRequired[Number]
    response_expectation: NotRequired[Number]
    service_specialization: NotRequired[Number]
    risk_style: NotRequired[Number]


class ReasonsView(TypedDict):
    """Why what is null is: under_50_words, under_3_sentences, not_stated, under_50_known."""

    communication_clarity: NotRequired[str]
    professionalism_tone: NotRequired[str]
    transparency_level: NotRequired[str]
    response_expectation: NotRequired[str]
    lead_score: NotRequired[str]


class EvidenceView(TypedDict):
    """A hit: the code points `start` to `end` (exclusive) of that source's own text, which `quote` quotes. `source` counts from 0."""

    signal: str
    source: int
    start: int
    end: int
    quote: str


class FailedSourceView(TypedDict):
    """A source that could not be read, by its index in the request, and why."""

    index: int
    url: str | None
    why: FailureReason


class MethodView(TypedDict):
    """By which method, and which version of it, signals were read."""

    id: str
    version: int


class ExtractedView(TypedDict):
    """What was read out of public text. The text itself is not kept."""

    name: str
    professional_id: str | None
    signals: SignalsView
    lead_score: int | None
    lead_parts: LeadPartsView
    confidence: ConfidenceView
    reasons: ReasonsView
    evidence: list[EvidenceView]
    evidence_cut: bool
    sources_scanned: int
    sources_failed: list[FailedSourceView]
    words: int
    method: MethodView
    explain: NotRequired[Explanation]


class ExtractionView(ExtractedView):
    """Extracted signals; the rest is there where they are kept."""

    id: NotRequired[str]
    revision: NotRequired[int]
    created_at: NotRequired[TimestampText]
    created_by: NotRequired[str]
    updated_at: NotRequired[TimestampText]
    updated_by: NotRequired[str]
    dispute: NotRequired[DisputeView | None]


class SignalView(ResourceView, ExtractedView):
    """Kept signals. `dispute` is null where nobody disputed them."""

    dispute: DisputeView | None


class SignalSummary(TypedDict):
    """Kept signals in a list."""

    id: str
    lead_score: int | None
    words: int
    method: MethodView
    dispute: DisputeView | None
    created_at: TimestampText


class HeldDataView(TypedDict):
    """All that is held on a professional, by part, the newest first; `cut` names the parts that hold more than is here."""

    professional_id: str
    as_of: TimestampText
    parts: dict[str, list[JsonObject]]
    cut: list[str]
