"""Events as a person meets them: listed for them and their roles, and marked as seen.

An event for a role is one event: the first of the role's people who marks it has seen it for all of them, and the mark
names that person. Whoever marks it again finds it as it stands.
"""

from typing import Any

from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.events import LIFE, Event
from chalicelib.foundation.idempotency import read as read_once
from chalicelib.foundation.idempotency import transaction
from chalicelib.foundation.store.keys import joined
from chalicelib.foundation.store.pages import CursorSeal, Found, Partition, page
from chalicelib.foundation.store.store import alive


def listed(ctx: Context, *, unseen: bool | None, kind: str | None, limit: int, cursor: str | None) -> Found:
    """A page of the caller's own events and those of their roles, newest first."""
    oldest = instant(ctx.now - LIFE)  # the table removes what has run out some days late

    def keep(view: dict[str, Any]) -> bool:
        return (
            view["created_at"] > oldest
            and (unseen is None or (view["seen_at"] is None) == unseen)
            and (kind is None or view["kind"] == kind)
        )

    roles = sorted(ctx.actor.roles)
    partitions = [
        Partition("gsi1", joined("EVT", ctx.actor.id)),
        *(Partition("gsi2", joined("EVT", role)) for role in roles),
    ]
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, unseen, kind, roles, ctx.actor.id)
    return page(ctx.store, partitions, seal, limit=limit, cursor=cursor, keep=keep)


def found(ctx: Context, id: str) -> Event:
    """The event, if it is for the caller; NotFound otherwise."""
    return _for_caller(ctx, ctx.store.find(Event, id))


def seen(ctx: Context, id: str) -> Event:
    """Mark an event as seen by the caller, now; one that was seen before stays as it is."""
    key = Event.ID.key(id)

    def step() -> Event:
        event = _for_caller(ctx, alive(Event, read_once(ctx, [key]).get(key)))
        if event.seen_at is not None:
            return event
        marked = event.changed(ctx, seen_at=ctx.now, seen_by=ctx.actor.id)
        tx = transaction(ctx, shown(marked))
        tx.save(marked)
        tx.commit()
        return marked

    return ctx.store.settle(step)


def shown(event: Event) -> dict[str, Any]:
    """The whole of an event."""
    return event.view() | {
        "title": event.title,
        "data": event.data,
        "revision": event.revision,
        "created_by": event.created_by,
        "updated_at": instant(event.updated_at),
        "updated_by": event.updated_by,
    }


def _for_caller(ctx: Context, event: Event | None) -> Event:
    if event is None or (event.ttl is not None and event.ttl <= ctx.now.timestamp()):
        raise NotFound(Event.ID.name)
    if event.for_user != ctx.actor.id and event.for_role not in ctx.actor.roles:
        raise NotFound(Event.ID.name)
    return event
