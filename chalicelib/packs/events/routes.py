"""The endpoints of events."""

from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.packs.events import service
from chalicelib.packs.events.schemas import EventPage, EventQuery, EventView


def list_events(ctx: Context, query: EventQuery) -> EventPage:
    """The caller's own events and those of their roles."""
    page = service.list_events(ctx, unseen=query.unseen, kind=query.kind, limit=query.limit, cursor=query.cursor)
    return cast(EventPage, {"items": page.rows, "next_cursor": page.next_cursor})


def get_event(ctx: Context, id: str) -> EventView:
    """One event of the caller's."""
    return cast(EventView, service.event_view(service.get_event(ctx, id)))


def mark_seen(ctx: Context, id: str) -> EventView:
    """Marks the event as seen by the caller; an event for a role is then seen for all users with the role."""
    return cast(EventView, service.event_view(service.mark_seen(ctx, id)))
