"""Requests and answers of handoffs."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.free_form import any_object
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.handoffs.rules.content import RISK_STATUSES
from chalicelib.packs.handoffs.rules.statuses import RETURN_REASONS, STATUSES

MAX_CONTEXT = 20_000  # bytes of its JSON
MAX_ACTIONS, MAX_CONTINGENCIES = 30, 20

Status = Annotated[str, t.OneOf(STATUSES, "PacketStatus")]
RiskStatus = Annotated[str, t.OneOf(RISK_STATUSES, "PacketRiskStatus")]
ReturnReason = Annotated[str, t.OneOf(RETURN_REASONS, "PacketReturnReason")]
OwnerId = Annotated[
    t.Text,
    Field(
        min_length=1,
        max_length=200,
        examples=["pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"],
        description="A professional or a user, who must be active.",
    ),
]
Sentence = Annotated[str, Field(strict=True, min_length=1, max_length=1000), AfterValidator(t.multi_line)]
ReadBack = Annotated[str, Field(strict=True, min_length=20, max_length=5000), AfterValidator(t.multi_line)]
Context = Annotated[
    dict[str, Any],
    AfterValidator(any_object(MAX_CONTEXT)),
    WithJsonSchema({"type": "object", "additionalProperties": True, "description": "Any object, at most 20 KB as JSON."}),
]
AnyObject = Annotated[JsonObject, WithJsonSchema({"type": "object", "additionalProperties": True})]


class PacketAction(t.RequestBody):
    """Something that the receiver, another professional or a user is to do."""

    action: t.Name
    owner: OwnerId | None = None
    due_on: t.BusinessDate | None = None


class PacketContingency(t.RequestBody):
    """What to do if something happens."""

    model_config = ConfigDict(validate_by_name=False)

    condition: Sentence = Field(alias="if")
    then: Sentence


class PacketParts(t.RequestBody):
    """What the sender writes into a packet."""

    context: Context | None = Field(None, description="Whatever else belongs to it. In a patch it is merged; null clears.")
    risk_status: RiskStatus | None = None
    summary: t.Notes | None = None
    action_list: Annotated[list[PacketAction], Field(max_length=MAX_ACTIONS)] | None = None
    contingencies: Annotated[list[PacketContingency], Field(max_length=MAX_CONTINGENCIES)] | None = None


_EXAMPLE: JsonObject = {
    "risk_status": "watch",
    "summary": "The buyer waits for the title report.",
    "action_list": [{"action": "Order the title report", "due_on": "2026-12-01"}],
    "contingencies": [{"if": "The report shows a lien", "then": "Call the seller the same day."}],
}


class PacketCreate(PacketParts):
    """A new packet, a draft."""

    model_config = t.body_example(_EXAMPLE)


class PacketPatch(PacketParts, t.PatchBody):
    """A change of a draft. Lists are replaced as a whole; its facts stay what they were."""

    model_config = t.body_example({"risk_status": "urgent"})


class PacketAcceptRequest(t.RequestBody):
    """The receiver says in their own words what they have understood."""

    model_config = t.body_example({"read_back": "I order the title report by the first of December."})

    read_back: ReadBack


class PacketReturnRequest(t.RequestBody):
    """Why a packet is returned."""

    model_config = t.body_example({"reason": "capacity"})

    reason: Annotated[str, Field(strict=True, max_length=60)] | None = Field(None, description=f"One of {', '.join(RETURN_REASONS)}.")
    note: t.Notes | None = Field(None, description="Needed where the reason is `other`.")


class DealQuery(t.ExplainParams):
    """Which deal the packet is of; of none unless given."""

    deal_id: t.DealId | None = None


class FormatQuery(t.ExplainParams):
    """In which form a packet comes."""

    format: Literal["json", "html", "pdf"] = Field("json", description="`html` and `pdf` to hand over, with the same facts and digest.")


# -- answers


class PacketProfessional(TypedDict):
    """Whom the packet is for."""

    id: str
    name: str
    role: str
    organization: str | None


class PacketScorecard(TypedDict):
    """How the professional did until the packet was drafted."""

    overall_score: t.MoneyNumber | None
    reliability_score: t.MoneyNumber | None
    communication_score: t.MoneyNumber | None
    quality_score: t.MoneyNumber | None
    responsiveness_score: t.MoneyNumber | None
    adjusted_score: t.MoneyNumber | None
    trend: str | None
    interactions: int
    as_of: t.TimestampText


class PacketPipeline(TypedDict):
    """The pipeline of the packet's deal."""

    id: str
    address: str
    stage: str
    contract_price: t.MoneyNumber | None
    currency: str
    closes_on: t.DateText | None
    inspection_ends_on: t.DateText | None


class PacketDeal(TypedDict):
    """The packet's deal."""

    id: str
    title: str
    kind: str
    status: str
    value: t.MoneyNumber | None
    currency: str
    opened_on: t.DateText
    target_close_on: t.DateText | None
    owner: str | None
    pipeline: PacketPipeline | None


class PacketTask(TypedDict):
    """An unfinished task."""

    id: str
    title: str
    professional_id: str
    status: str
    priority: str
    due_on: t.DateText | None


class PacketActionView(TypedDict):
    """Something to do; `owner_name` is who that was when it was written."""

    action: str
    owner: str | None
    owner_name: str | None
    due_on: t.DateText | None


PacketContingencyView = TypedDict("PacketContingencyView", {"if": str, "then": str})


class PacketFactsView(TypedDict):
    """What a packet knows of others, as of `handoff_timestamp`. What isn't there is null or empty; `cut` names lists with more rows."""

    handoff_timestamp: t.TimestampText
    professional: PacketProfessional
    scorecard: PacketScorecard | None
    deal: PacketDeal | None
    contracts: list[AnyObject]
    documents: list[AnyObject]
    documents_needed: list[AnyObject]
    tasks_outstanding: list[PacketTask]
    risks: list[AnyObject]
    decisions: list[AnyObject]
    cut: list[str]


class PacketPartsView(TypedDict):
    """What its sender wrote, and how complete it is: `missing` names the fields that its completeness lacks."""

    context: AnyObject
    risk_status: RiskStatus | None
    summary: str | None
    action_list: list[PacketActionView]
    contingencies: list[PacketContingencyView]
    completeness: Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 100})]
    missing: list[str]
    explain: NotRequired[Explanation]


class PacketPreviewView(PacketFactsView, PacketPartsView):
    """A packet as it would be drafted now. It is not kept."""

    professional_id: str
    deal_id: str | None


class PacketView(t.ResourceView, PacketFactsView, PacketPartsView):
    """A packet. `content_hash` is the SHA-256 of the canonical JSON (RFC 8785) of id, professional_id, deal_id, number, handoff_timestamp,
    the facts, context and parts; it is fixed once the packet is sent.
    """

    number: int
    professional_id: str
    deal_id: str | None
    status: Status
    responsible: str
    content_hash: str
    sent_at: t.TimestampText | None
    sent_by: str | None
    sent_by_name: str | None
    accept_by: t.TimestampText | None
    accepted_at: t.TimestampText | None
    accepted_by: str | None
    attested: bool
    read_back: str | None
    task_ids: list[str]
    returned_at: t.TimestampText | None
    returned_by: str | None
    return_reason: str | None
    return_note: str | None
    completed_at: t.TimestampText | None
    completed_by: str | None
    superseded_at: t.TimestampText | None
    superseded_by: str | None


class PacketSummary(TypedDict):
    """A packet in a list."""

    id: str
    number: int
    status: Status
    professional_id: str
    deal_id: str | None
    risk_status: RiskStatus | None
    completeness: int
    created_at: t.TimestampText
