"""What goes over the wire."""

from typing import Any

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.models import Audited, OnDay, Page, When


class EventQuery(Page):
    """Which events to list."""

    unseen: bool | None = Field(None, description="true: only those that nobody has seen; false: only those that somebody has.")
    kind: str | None = Field(None, min_length=1, max_length=60, description="Only this kind, e.g. wholesale.follow_up.")


class EventItem(TypedDict):
    """An event in a list. It is for one user or for all who hold a role."""

    id: str
    kind: str
    subject_type: str
    subject_id: str
    title: str
    for_user: str | None
    for_role: str | None
    due_on: OnDay | None
    created_at: When
    seen_at: When | None
    seen_by: str | None


class Events(TypedDict):
    """A page of events, newest first."""

    items: list[EventItem]
    next_cursor: str | None


class EventView(Audited):
    """An event with its data."""

    kind: str
    subject_type: str
    subject_id: str
    title: str
    for_user: str | None
    for_role: str | None
    due_on: OnDay | None
    data: dict[str, Any]
    seen_at: When | None
    seen_by: str | None
