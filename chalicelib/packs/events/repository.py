"""Reading and writing events: the only module of the pack that knows the store and its indexes."""

from collections.abc import Callable, Iterator

from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.context import Context
from chalicelib.foundation.events import Notification
from chalicelib.foundation.idempotency import idempotent_transaction, read_or_replay
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import PageOf
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.events.presenters import event_summary, with_labels
from chalicelib.packs.events.schemas import EventQuery, EventSummary


def list_events(ctx: Context, query: EventQuery, predicate: Callable[[JsonObject], bool]) -> PageOf[EventSummary]:
    """The caller's own events and those of their roles, newest first. One round trip for the user, and one for each role."""
    roles = sorted(ctx.actor.roles)
    ranges = [Notification.BY_USER.range(for_user=ctx.actor.id), *(Notification.BY_ROLE.range(for_role=role) for role in roles)]
    page = ctx.paginate(ranges, query, event_summary, predicate=predicate)
    return {**page, "items": with_labels(ctx, page["items"])}


def inactive_user_ids(ctx: Context) -> Iterator[str]:
    """The ids of all users who are not active, read as they are asked for: one round trip for 1 MB of users."""
    return (row["pk"]["S"] for row in ctx.store.query_all(User.ALL.range()) if not decode_view(row)["is_active"])


def find(ctx: Context, id: str) -> Notification | None:
    """An event, whoever it is for. One round trip."""
    return ctx.store.find(Notification, id)


def find_or_replay(ctx: Context, id: str) -> Notification | None:
    """`find`, together with the request's idempotency record: a repeated request gets its first answer. One round trip."""
    key = Notification.ID.key(id)
    return parse_live(Notification, read_or_replay(ctx, [key]).get(key))


def save(ctx: Context, event: Notification, response: object) -> None:
    """Write a changed event, and remember the response under the request's Idempotency-Key. One round trip."""
    tx = idempotent_transaction(ctx, response)
    tx.save(event)
    tx.commit()
