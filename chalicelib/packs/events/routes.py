"""The endpoints."""

from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.packs.events import service
from chalicelib.packs.events.schemas import EventQuery, Events, EventView


def list_events(ctx: Context, query: EventQuery) -> Events:
    """The caller's own events and those of their roles."""
    found = service.listed(ctx, unseen=query.unseen, kind=query.kind, limit=query.limit, cursor=query.cursor)
    return cast(Events, {"items": found.rows, "next_cursor": found.next_cursor})


def get_event(ctx: Context, id: str) -> EventView:
    """One event of the caller's."""
    return cast(EventView, service.shown(service.found(ctx, id)))


def mark_seen(ctx: Context, id: str) -> EventView:
    """Seen by the caller, now; for an event of a role this counts for all who hold it."""
    return cast(EventView, service.shown(service.seen(ctx, id)))
