"""Requests and responses of the event endpoints."""

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import DateText, PageParams, QueryFlag, ResourceView, TimestampText


class EventQuery(PageParams):
    """Which events to list."""

    unseen: QueryFlag | None = Field(None, description="true: only those that nobody has seen; false: only those that somebody has.")
    kind: str | None = Field(None, min_length=1, max_length=60, description="Only this kind, e.g. wholesale.follow_up.")


class EventSummary(TypedDict):
    """An event in a list. It is for one user, or for all users with a role; for both where the user has left."""

    id: str
    kind: str
    subject_type: str
    subject_id: str
    title: str
    for_user: str | None
    for_role: str | None
    due_on: DateText | None
    created_at: TimestampText
    seen_at: TimestampText | None
    seen_by: str | None


class EventView(ResourceView):
    """An event with its data."""

    kind: str
    subject_type: str
    subject_id: str
    title: str
    for_user: str | None
    for_role: str | None
    due_on: DateText | None
    data: JsonObject
    seen_at: TimestampText | None
    seen_by: str | None
