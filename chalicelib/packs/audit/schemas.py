"""Requests and responses of the audit endpoints."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.schema_types import (
    BusinessDate,
    DateOrTimestamp,
    DateText,
    OneOf,
    PageParams,
    QueryParams,
    RequestBody,
    ResourceView,
    Text,
    TimestampText,
    body_example,
)
from chalicelib.packs.audit.rules import EXPORT_STATUSES

ExportStatus = Annotated[str, OneOf(EXPORT_STATUSES, "AuditExportStatus")]
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


class TimelineEntryView(TypedDict):
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


class DayQuery(QueryParams):
    """Which day to verify."""

    date: BusinessDate = Field(description="A UTC day.")


class DayBreak(TypedDict):
    """What of a day isn't as it was sealed: a record, or where `entity_id` is null its seal, or the day as a whole."""

    entity_id: str | None
    seq: int | None
    reason: str


class DayVerdictView(TypedDict):
    """The result of verifying a day. `valid` is null where it is not sealed; what was found of one that is not `complete` holds so far."""

    date: DateText
    sealed: bool
    valid: bool | None
    checked: int
    first_break: DayBreak | None
    complete: bool


class SealView(TypedDict):
    """The seal of a UTC day. `hash` is SHA-256 of RFC 8785 of `{date, root, entities, records, prev_hash}`, `signature` a compact JWS of that text."""

    date: DateText
    root: str
    entities: int
    records: int
    prev_hash: str
    hash: str
    kid: str
    signature: str


class SealKeyView(TypedDict):
    """A public key that verifies seals, as a JSON web key (RFC 7517)."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class SealPage(TypedDict):
    """Seals, newest first, and the keys of all of them."""

    items: list[SealView]
    next_cursor: str | None
    keys: list[SealKeyView]


class SealQuery(PageParams):
    """A page of seals."""


class AuditExportCreate(RequestBody):
    """The UTC days whose records are exported, both included: at most 31, and none that is ahead."""

    model_config = body_example({"from": "2026-11-01", "to": "2026-11-23"})

    from_: BusinessDate = Field(alias="from", description="The first day.")
    to: BusinessDate = Field(description="The last day.")


class AuditExportView(ResourceView):
    """An export of the trail. `url` downloads the file for `expires_in` seconds; both are null until it is done."""

    first_day: DateText
    last_day: DateText
    status: ExportStatus
    records: int
    size: int | None
    url: str | None
    expires_in: int | None
    expires_at: TimestampText
