"""Listing a user's events, marking them as seen, and forwarding those of users who left.

An event for a role is a single item: the first user who marks it as seen does so for all users with the role. Marking it again
changes nothing.
"""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.due_work import work_in_time
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.events import NOTIFICATION_TTL, Notification, forward_unread
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.schema_types import PageOf
from chalicelib.foundation.store.expiry import has_ended
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.events import repository
from chalicelib.packs.events.presenters import event_view
from chalicelib.packs.events.schemas import EventQuery, EventSummary, EventView


def list_events(ctx: Context, query: EventQuery) -> PageOf[EventSummary]:
    """A page of the caller's own events and those of their roles, newest first."""
    oldest = format_timestamp(ctx.now - NOTIFICATION_TTL)  # TTL removes expired items some days late

    def is_listed(row: JsonObject) -> bool:
        is_unseen = row["seen_at"] is None
        return bool(row["created_at"] > oldest) and query.unseen in (None, is_unseen) and query.kind in (None, row["kind"])

    return repository.list_events(ctx, query, is_listed)


def get_event(ctx: Context, id: str) -> EventView:
    """An event, if it is for the caller; NotFound otherwise. One round trip."""
    return event_view(ctx, _for_caller(ctx, repository.find(ctx, id)))


@retry_on_conflict
def mark_seen(ctx: Context, id: str) -> EventView:
    """Mark an event as seen by the caller; one that was seen before is unchanged. Two round trips."""
    event = _for_caller(ctx, repository.find_or_replay(ctx, id))
    if event.seen_at is not None:
        return event_view(ctx, event)
    seen_event = event.with_changes(ctx, seen_at=ctx.now, seen_by=ctx.actor.id)
    view = event_view(ctx, seen_event)
    repository.save(ctx, seen_event, view)
    return view


def forward_events_of_leavers(ctx: Context, run: RunStats) -> None:
    """Forward the unread events of all users who are not active. A query for each of them, two round trips for a hundred events, one an event."""

    def forward(user_id: str) -> None:
        found, done = forward_unread(ctx, user_id)
        run.found += found
        run.done += done

    work_in_time(ctx, run, repository.inactive_user_ids(ctx), forward)


def _for_caller(ctx: Context, event: Notification | None) -> Notification:
    if event is None or has_ended(event.ttl, ctx.now):
        raise NotFound(Notification.ID.name)
    if event.for_user != ctx.actor.id and event.for_role not in ctx.actor.roles:
        raise NotFound(Notification.ID.name)
    return event
