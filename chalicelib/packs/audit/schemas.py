"""Requests and responses of the audit endpoints."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.schema_types import DateOrTimestamp, PageParams, QueryParams, Text, TimestampText

Visibility = Literal["all", "own", ""]  # how much of a kind's trail somebody sees


class TrailQuery(PageParams):
    """Which records to list: by actor and time."""

    actor: Annotated[Text, Field(max_length=100)] | None = Field(None, description="The id of a user, a key or system:<job>.")
    from_: DateOrTimestamp | None = Field(None, alias="from", description="From this instant, or the beginning of this day, on.")
    to: DateOrTimestamp | None = Field(None, description="Before this instant, or to the end of this day.")


class EntityTrailQuery(PageParams):
    """A page of one entity's trail."""


class VerifyQuery(QueryParams):
    """Where to continue."""

    cursor: str | None = Field(None, max_length=2000, description="`next_cursor` of the previous response.")


class FieldChange(TypedDict):
    """The change of one field. `old` and `new` of a personal field are its values, their digests, or "erased"."""

    old: NotRequired[Any]
    new: NotRequired[Any]
    personal: NotRequired[bool]
    changed: NotRequired[bool]


class TrailRecordView(TypedDict):
    """One record of an entity's trail."""

    entity_id: str
    kind: str
    seq: int
    action: str
    actor: str
    at: TimestampText
    request_id: str
    correlation_id: str
    recorded_at: TimestampText
    code_version: str
    changes: dict[str, FieldChange]
    prev_hash: str
    hash: str


class TrailSummary(TypedDict):
    """An entry of a list, without fields: the entity's own trail has them."""

    entity_id: str
    kind: str
    seq: int
    action: str
    actor: str
    at: TimestampText
    recorded_at: TimestampText


class TimelineEntry(TypedDict):
    """A change on a timeline: of which entity, by whom, and which fields, without their values; nested fields by dotted path."""

    at: TimestampText
    entity_id: str
    kind: str
    seq: int
    action: str
    actor: str
    fields: list[str]


class ChainBreak(TypedDict):
    """The first invalid record of a chain, and why."""

    seq: int
    reason: str


class ChainVerdictView(TypedDict):
    """The result of verifying a chain. `complete`: its end was reached; else continue with `next_cursor`.

    `behind` counts revisions of the entity that are younger than five minutes and not yet on the trail.
    """

    entity_id: str
    valid: bool
    checked: int
    complete: bool
    behind: int
    first_break: ChainBreak | None
    next_cursor: str | None
