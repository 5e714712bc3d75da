"""Requests and answers of finalization."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.explanations import Explanation
from chalicelib.packs.deals.public import KINDS as DEAL_KINDS
from chalicelib.packs.deals.public import STATUSES as DEAL_STATUSES
from chalicelib.packs.finalization.rules.items import ANCHORS, INFORMATION_FIELDS, KINDS, ROLES, STATUSES
from chalicelib.packs.finalization.rules.statuses import CANCEL_REASONS

MAX_OFFSET = 3660  # days: ten years
BASES = GIVEN, CONTRACT_PRICE = ("value", "contract_price")  # where the effective value comes from

DealKind = Annotated[str, t.OneOf(DEAL_KINDS, "DealKind")]
DealStatus = Annotated[str, t.OneOf(DEAL_STATUSES, "DealStatus")]
ItemKind = Annotated[str, t.OneOf(KINDS, "ItemKind")]
ItemStatus = Annotated[str, t.OneOf(STATUSES, "ItemStatus")]
ItemRole = Annotated[str, t.OneOf(ROLES, "ItemRole")]
ItemField = Annotated[str, t.OneOf(INFORMATION_FIELDS, "ItemField")]
Anchor = Annotated[str, t.OneOf(ANCHORS, "ItemAnchor")]
Basis = Annotated[str, t.OneOf(BASES, "EffectiveValueBasis")]
Id = Annotated[t.Text, Field(min_length=1, max_length=200)]
Sha256 = Annotated[t.Text, Field(pattern=r"^[0-9a-f]{64}$", examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]
_DECISION = "dec_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"
DecisionId = Annotated[t.Text, Field(min_length=1, max_length=200, examples=[_DECISION])]


# -- requests


class DealMoveRequest(t.RequestBody):
    """Where a deal moves, and why."""

    model_config = t.body_example({"status": "cancelled", "reason": "title"})

    status: DealStatus
    reason: Annotated[str, Field(strict=True, max_length=60)] | None = Field(
        None, description=f"Needed to cancel: {', '.join(CANCEL_REASONS[:-1])} or {CANCEL_REASONS[-1]}."
    )
    note: t.Notes | None = Field(None, description="Needed from finalizing back to open, and where the reason is `other`.")


class ItemDue(t.RequestBody):
    """By when: so many days after a day of the deal or its pipeline, before it where they are negative."""

    anchor: Anchor
    offset_days: Annotated[t.StrictInt, Field(ge=-MAX_OFFSET, le=MAX_OFFSET)] = 0


class ItemCreate(t.RequestBody):
    """A new item, which has to be settled before the deal is finalized."""

    model_config = t.body_example(
        {"kind": "task", "title": "Keys are with the agent", "due": {"anchor": "target_close_on", "offset_days": -1}}
    )

    kind: ItemKind
    title: t.Name
    field: ItemField | None = Field(None, description="Of information, and of nothing else: what is to be filled.")
    role: ItemRole | None = Field(None, description="legal: counsel settles it, too.")
    due: ItemDue | None = None


class ItemEvidence(t.RequestBody):
    """What shows that it is there: a contract of the deal, a document routed for it, or the digest of something else. One of these."""

    contract_id: Id | None = None
    route_id: Id | None = None
    sha256: Sha256 | None = None


class ItemMoveRequest(t.RequestBody):
    """Where an item moves, and by what."""

    model_config = t.body_example({"status": "done"})

    status: ItemStatus
    reason: t.Notes | None = Field(None, description="Needed for not_applicable.")
    evidence: ItemEvidence | None = Field(None, description="With done; of a document it is needed.")
    decision_id: DecisionId | None = Field(
        None, description="With waived: a standing approval or override for exactly `waive` on the deal."
    )


class ReopenRequest(t.RequestBody):
    """By which decision a finalized deal is reopened, and why."""

    model_config = t.body_example({"decision_id": _DECISION, "reason": "The title company found another lien."})

    decision_id: DecisionId
    reason: Annotated[t.Notes, Field(min_length=1)]


class CertificateQuery(t.QueryParams):
    """Which certificate, in which form."""

    number: t.QueryInt | None = Field(None, ge=1, le=10**6, description="Which of the deal's; the latest unless given.")
    format: Literal["json", "html", "pdf"] = Field("json", description="`html` and `pdf` to hand over, with the same content and digest.")


# -- answers: items


class ItemDueView(TypedDict):
    """By when."""

    anchor: Anchor
    offset_days: int


class ItemConfirmation(TypedDict):
    """Who has confirmed a two-person item, and when."""

    by: str
    at: t.TimestampText


class ItemEvidenceView(TypedDict):
    """What shows that it is there."""

    contract_id: str | None
    route_id: str | None
    sha256: str | None


class ItemView(t.ResourceView):
    """An item. `status` is what it is now, and `why` says what an open one lacks: a waiver may have ended, a field been filled."""

    deal_id: str
    kind: ItemKind
    title: str
    field: ItemField | None
    role: ItemRole | None
    due: ItemDueView | None
    due_on: t.DateText | None
    status: ItemStatus
    why: str | None
    confirmations: list[ItemConfirmation]
    evidence: ItemEvidenceView | None
    reason: str | None
    decision_id: str | None
    settled_at: t.TimestampText | None
    settled_by: str | None


# -- answers: whether a deal is ready


class Block(TypedDict):
    """What stands in the way, and why: a status, a word, or the code of a finding."""

    id: str
    why: str


class FinalizationChecklist(TypedDict):
    """What must hold before a deal is finalized."""

    has_signed_contract: bool
    no_unsigned_contracts: bool
    all_required_docs_acknowledged: bool
    all_professional_tasks_done: bool
    no_open_critical_finding: bool
    no_governance_denial_or_flag: bool
    items_settled: bool
    approvals: bool


class EffectiveValue(TypedDict):
    """What policies go by: the deal's value, else the contract price of the pipeline that it is priced by."""

    amount: t.MoneyNumber
    currency: str
    basis: Basis


class FinalizationExplanations(TypedDict):
    """Where the effective value comes from, and how it compares with the policies."""

    effective_value: Explanation
    approvals: Explanation


class CertificateReference(TypedDict):
    """Which certificate, and its digest."""

    number: int
    content_hash: str


class FinalizationStatusView(TypedDict):
    """Whether a deal is ready to be finalized, and what stands in the way. Of a finalized deal it is what its certificate says."""

    deal_id: str
    status: DealStatus
    ready: bool
    finalized: bool
    checklist: FinalizationChecklist
    blocking: dict[str, list[Block]]
    effective_value: EffectiveValue | None
    certificate: CertificateReference | None
    as_of: t.TimestampText
    explain: NotRequired[FinalizationExplanations]


class FinalizationPolicy(TypedDict):
    """Which deals need which approvals: those of a kind, above an amount (null: of all)."""

    kind: str | None
    above: t.MoneyNumber | None
    currency: str | None
    roles: list[str]
    people: int


class RequirementsView(TypedDict):
    """What finalizing takes: the first three as the older API has them."""

    required_contract_status: str
    required_doc_route_status: str
    required_task_status: str
    no_unsigned_contracts: bool
    no_open_critical_finding: bool
    no_governance_denial_or_flag: bool
    items_settled: bool
    approvals: list[FinalizationPolicy]
    policy_version: int


# -- answers: certificates


class CertificateDeal(TypedDict):
    """The deal that was finalized, as it was then."""

    id: str
    title: str
    kind: DealKind
    currency: str
    pipeline_id: str | None
    professional_ids: list[str]
    content_hash: str


class CertifiedContract(TypedDict):
    """A contract as it was then."""

    id: str
    title: str
    status: str
    content_hash: str
    document_sha256: str | None


class CertifiedRoute(TypedDict):
    """A document that was sent, as it was then."""

    id: str
    title: str
    status: str
    content_hash: str
    document_sha256: str | None


class CertifiedTask(TypedDict):
    """A task as it was then."""

    id: str
    title: str
    status: str
    content_hash: str


class CertifiedItem(TypedDict):
    """An item as it was then."""

    id: str
    kind: ItemKind
    title: str
    status: ItemStatus
    content_hash: str


class CertifiedDecision(TypedDict):
    """A decision on the deal that stood then. `person` is whom it counts as."""

    id: str
    action: str
    requested_action: str
    role: str
    person: str
    content_hash: str


class CertificateSuperseded(TypedDict):
    """When and by whom the deal was reopened, by which decision."""

    at: t.TimestampText
    by: str
    decision_id: str


class CertificateView(TypedDict):
    """That a deal was finalized, by whom, and what was checked.

    `content_hash` is the SHA-256, in hexadecimal, of the RFC 8785 form of all but itself and `superseded`, which is null until the deal is
    reopened.
    """

    id: str
    number: int
    deal: CertificateDeal
    checklist: FinalizationChecklist
    effective_value: EffectiveValue | None
    approvals: list[FinalizationPolicy]
    policy_version: int
    contracts: list[CertifiedContract]
    routes: list[CertifiedRoute]
    tasks: list[CertifiedTask]
    items: list[CertifiedItem]
    decisions: list[CertifiedDecision]
    finalized_at: t.TimestampText
    finalized_by: str
    content_hash: str
    superseded: CertificateSuperseded | None
