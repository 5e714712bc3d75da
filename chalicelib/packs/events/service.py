"""Listing a user's events, and marking them as seen.

An event for a role is a single item: the first user who marks it as seen does so for all users with the role. Marking it again
changes nothing.
"""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.events import NOTIFICATION_TTL, Notification
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.idempotency import read_or_replay as read_once
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.pagination import CursorSigner, Page, decode_view, paginate
from chalicelib.foundation.store.store import parse_live


def list_events(ctx: Context, *, unseen: bool | None, kind: str | None, limit: int, cursor: str | None) -> Page[JsonObject]:
    """A page of the caller's own events and those of their roles, newest first."""
    oldest = format_timestamp(ctx.now - NOTIFICATION_TTL)  # TTL removes expired items some days late

    def is_listed(view: JsonObject) -> bool:
        return (
            view["created_at"] > oldest
            and (unseen is None or (view["seen_at"] is None) == unseen)
            and (kind is None or view["kind"] == kind)
        )

    roles = sorted(ctx.actor.roles)
    partitions = [
        Notification.BY_USER.range(for_user=ctx.actor.id),
        *(Notification.BY_ROLE.range(for_role=role) for role in roles),
    ]
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, unseen, kind, roles, ctx.actor.id)
    return paginate(ctx.store, partitions, seal, limit=limit, cursor=cursor, predicate=is_listed, decode=decode_view)


def get_event(ctx: Context, id: str) -> Notification:
    """The event, if it is for the caller; NotFound otherwise."""
    return _for_caller(ctx, ctx.store.find(Notification, id))


def mark_seen(ctx: Context, id: str) -> Notification:
    """Mark an event as seen by the caller; one that was seen before is unchanged."""
    key = Notification.ID.key(id)

    def step() -> Notification:
        event = _for_caller(ctx, parse_live(Notification, read_once(ctx, [key]).get(key)))
        if event.seen_at is not None:
            return event
        seen_event = event.with_changes(ctx, seen_at=ctx.now, seen_by=ctx.actor.id)
        tx = idempotent_transaction(ctx, event_view(seen_event))
        tx.save(seen_event)
        tx.commit()
        return seen_event

    return ctx.store.retry_on_conflict(step)


def event_view(event: Notification) -> JsonObject:
    """The full view of an event."""
    return event.list_view() | {
        "title": event.title,
        "data": event.data,
        "revision": event.revision,
        "created_by": event.created_by,
        "updated_at": format_timestamp(event.updated_at),
        "updated_by": event.updated_by,
    }


def _for_caller(ctx: Context, event: Notification | None) -> Notification:
    if event is None or (event.ttl is not None and event.ttl <= ctx.now.timestamp()):
        raise NotFound(Notification.ID.name)
    if event.for_user != ctx.actor.id and event.for_role not in ctx.actor.roles:
        raise NotFound(Notification.ID.name)
    return event
