"""The endpoints of events."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schema_types import PageOf
from chalicelib.packs.events import service
from chalicelib.packs.events.schemas import EventQuery, EventSummary, EventView


def list_events(ctx: Context, query: EventQuery) -> PageOf[EventSummary]:
    """The caller's own events and those of their roles."""
    return service.list_events(ctx, query)


def get_event(ctx: Context, id: str) -> EventView:
    """One event of the caller's."""
    return service.get_event(ctx, id)


def mark_seen(ctx: Context, id: str) -> EventView:
    """Marks the event as seen by the caller; an event for a role is then seen for all users with the role."""
    return service.mark_seen(ctx, id)
