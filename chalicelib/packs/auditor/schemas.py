"""What goes over the wire."""

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.models import Moment, Page, Query, Text, When


class TrailQuery(Page):
    """Whose doings, and between which moments."""

    actor: Annotated[Text, Field(max_length=100)] | None = Field(None, description="The id of a user, a key or system:<job>.")
    from_: Moment | None = Field(None, alias="from", description="From this instant, or the beginning of this day, on.")
    to: Moment | None = Field(None, description="Before this instant, or to the end of this day.")


class EntityTrailQuery(Page):
    """A page of one entity's trail."""


class VerifyQuery(Query):
    """Where to go on."""

    cursor: str | None = Field(None, max_length=2000, description="`next_cursor` of the answer before.")


class FieldChange(TypedDict):
    """What became of one field. `old` and `new` of a personal field are its values, a digest of each, or "erased"."""

    old: NotRequired[Any]
    new: NotRequired[Any]
    personal: NotRequired[bool]
    changed: NotRequired[bool]


class TrailRecord(TypedDict):
    """One record of an entity's trail."""

    entity_id: str
    kind: str
    seq: int
    action: str
    actor: str
    at: When
    request_id: str
    correlation_id: str
    recorded_at: When
    code_version: str
    changes: dict[str, FieldChange]
    prev_hash: str
    hash: str


class EntityTrail(TypedDict):
    """A page of an entity's trail, newest first."""

    items: list[TrailRecord]
    next_cursor: str | None


class TrailEntry(TypedDict):
    """One line of a list; the entity's own trail has the fields."""

    entity_id: str
    kind: str
    seq: int
    action: str
    actor: str
    at: When
    recorded_at: When


class TrailPage(TypedDict):
    """A page of what was changed, newest first."""

    items: list[TrailEntry]
    next_cursor: str | None


class Break(TypedDict):
    """Where a chain isn't whole, and why."""

    seq: int
    reason: str


class Verdict(TypedDict):
    """What the check of a chain found. `complete` says that its end was reached; else go on with `next_cursor`.

    `behind` counts revisions of the entity that are younger than five minutes and not yet on the trail.
    """

    entity_id: str
    valid: bool
    checked: int
    complete: bool
    behind: int
    first_break: Break | None
    next_cursor: str | None
