"""Requests and answers of deals."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.party_names import SIDES
from chalicelib.foundation.schema_types import (
    UNIQUE_ITEMS,
    BusinessDate,
    Currency,
    DateText,
    ExplainParams,
    MoneyNumber,
    Name,
    NonNegativeMoney,
    Notes,
    OneOf,
    PageParams,
    PatchBody,
    ProfessionalId,
    RequestBody,
    ResourceView,
    Tag,
    Text,
    TimestampText,
    UserId,
    body_example,
    omitted,
)
from chalicelib.packs.deals.rules import BASES, KINDS, OTHER, STATUSES

Kind = Annotated[str, OneOf(KINDS, "DealKind")]
Side = Annotated[str, OneOf(SIDES, "DealSide")]
Status = Annotated[str, OneOf(STATUSES, "DealStatus")]
ValueBasis = Annotated[str, OneOf(BASES, "DealValueBasis")]
PipelineId = Annotated[Text, Field(min_length=1, max_length=200, examples=["pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]


class DealParty(RequestBody):
    """Somebody who takes part, on our side, the other side, or neither."""

    name: Name
    organization: Name | None = None
    role: Tag | None = None
    side: Side


class DealFields(RequestBody):
    """The fields of a deal that can be set when it is opened and changed afterwards, and may be null."""

    external_ref: Name | None = Field(None, description="Unique. Wherever a deal's id is asked for, this may be given.")
    property_id: Name | None = None
    professional_ids: Annotated[list[ProfessionalId], Field(max_length=20), UNIQUE_ITEMS] | None = None
    parties: Annotated[list[DealParty], Field(max_length=20)] | None = None
    owner: UserId | None = Field(None, description="The user whose it is: the creator unless given; null for nobody.")
    team: Annotated[list[UserId], Field(max_length=20), UNIQUE_ITEMS] | None = Field(
        None, description="Users to whom it is their own, too."
    )
    value: NonNegativeMoney | None = None
    target_close_on: BusinessDate | None = None
    notes: Notes | None = None


class DealCreate(DealFields):
    """A new deal."""

    model_config = body_example({"title": "1201 Pine St", "kind": "wholesale", "value": 210000})

    title: Name
    kind: Kind = OTHER
    pipeline_id: PipelineId | None = Field(None, description="The pipeline that it is about, which is in no other deal.")
    currency: Currency | None = Field(None, description="ISO 4217; the pipeline's, else the default currency, unless given.")
    opened_on: BusinessDate | None = Field(None, description="Today unless given.")


class DealPatch(DealFields, PatchBody):
    """A patch of a deal. Lists are replaced as a whole; the status changes by PATCH /deals/{id}/status."""

    model_config = body_example({"value": 215000, "target_close_on": "2026-12-18"})

    title: Name = Field(default_factory=omitted)
    kind: Kind = Field(default_factory=omitted)
    currency: Currency = Field(default_factory=omitted)
    opened_on: BusinessDate = Field(default_factory=omitted)


class DealQuery(PageParams, ExplainParams):
    """Which deals to list. Filters are combined with AND."""

    status: Status | None = None
    owner: Annotated[Text, Field(pattern=r"^(none|user_[A-Za-z0-9_-]{1,60})$", examples=["none"])] | None = Field(
        None, description="A user's id; `none` for deals without an owner."
    )
    kind: Kind | None = None
    external_ref: Name | None = None


class DealPartyView(TypedDict):
    """Somebody who takes part."""

    name: str
    organization: str | None
    role: str | None
    side: Side


class DealExplanations(TypedDict):
    """Where a deal's value comes from."""

    value: Explanation


class DealView(ResourceView):
    """A deal. Its `value` is the one that was given, else the contract price of its pipeline: `value_basis` says which."""

    title: str
    kind: Kind
    status: Status
    status_entered_at: TimestampText
    status_entered_by: str
    status_reason: str | None
    status_note: str | None
    external_ref: str | None
    pipeline_id: str | None
    property_id: str | None
    professional_ids: list[str]
    parties: list[DealPartyView]
    owner: str | None
    team: list[str]
    value: MoneyNumber | None
    value_basis: ValueBasis | None
    currency: str
    opened_on: DateText
    target_close_on: DateText | None
    notes: str | None
    explain: NotRequired[DealExplanations]


class DealSummary(TypedDict):
    """A deal in a list. Its value is that of the deal as it is read alone."""

    id: str
    title: str
    kind: Kind
    status: Status
    owner: str | None
    value: MoneyNumber | None
    currency: str
    target_close_on: DateText | None
    created_at: TimestampText
    explain: NotRequired[DealExplanations]


class DealStatusInterval(TypedDict):
    """An interval in a status; `left_at` is null while it lasts."""

    status: Status
    entered_at: TimestampText
    entered_by: str
    reason: str | None
    note: str | None
    left_at: TimestampText | None
    left_by: str | None
    days: int
