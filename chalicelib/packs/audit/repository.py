"""Reading the trail and writing accesses to it: with the writer, the only module of the pack that knows the store and its indexes."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ROOT_SORT_KEY
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import PageOf
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.pagination import decode_view, paginate
from chalicelib.packs.audit.entities import TrailAccess
from chalicelib.packs.audit.presenters import change_summary
from chalicelib.packs.audit.records import SHARDS, AuditRecord, chain_range
from chalicelib.packs.audit.schemas import EntityTrailQuery, TrailQuery, TrailSummary

RANGES_PER_REQUEST = 7  # days (or months, for one actor) that one request reads for a page
_OWNERS = ("owner", "owner_id", "created_by")


def list_records(ctx: Context, entity_id: str, query: EntityTrailQuery) -> PageOf[DynamoItem]:
    """A page of an entity's records as stored, newest first. One round trip."""
    return ctx.paginate(chain_range(entity_id), query, lambda raw: raw, decode=lambda raw: raw)


def read_chain(ctx: Context, entity_id: str, *, after: int, limit: int) -> Iterator[DynamoItem]:
    """Up to `limit` records as stored, ascending, from the one that follows `after` on. A round trip per 1 MB."""
    return islice(ctx.store.query_all(chain_range(entity_id, after=after), page_size=limit), limit)


def list_changes(
    ctx: Context, query: TrailQuery, since: datetime, upto: datetime, predicate: Callable[[JsonObject], bool]
) -> PageOf[TrailSummary]:
    """A page of changes, newest first: of one actor by the time of the change, of everybody by the time of recording.

    One round trip for each month of an actor, four for each day of everybody: at most seven of them a page, so it may be short although
    it has a cursor. The cursor contains the computed times, as the current time differs between two pages.
    """
    signer = ctx.cursor_signer(query.actor, str(query.from_), str(query.to))
    if query.cursor:
        index, inner_cursor, low, high = signer.verify(query.cursor)
    else:
        index, inner_cursor, low, high = 0, None, format_timestamp(since), format_timestamp(upto)
    partitions = _ranges(query.actor, low, high)
    items: list[TrailSummary] = []
    examined = 0
    while index < len(partitions) and len(items) < query.limit and examined < RANGES_PER_REQUEST:
        page = paginate(
            ctx.store,
            partitions[index],
            ctx.cursor_signer(str(partitions[index])),
            limit=query.limit - len(items),
            cursor=inner_cursor,
            predicate=predicate,
            decode=decode_view,
        )
        items += map(change_summary, page.rows)
        inner_cursor = page.next_cursor
        if inner_cursor is None:
            index, examined = index + 1, examined + 1
    return {"items": items, "next_cursor": signer.sign([index, inner_cursor, low, high]) if index < len(partitions) else None}


def _ranges(actor: str | None, low: str, high: str) -> list[list[KeyRange]]:
    """The partitions to read, newest first: an actor's months, or the shards of each day."""
    last = date.fromisoformat(high[:10])
    days = [(last - timedelta(days=back)).isoformat() for back in range((last - date.fromisoformat(low[:10])).days + 1)]
    if actor is None:
        return [[AuditRecord.BY_DAY.range(day=day, shard=shard, low=low, high=high) for shard in range(SHARDS)] for day in days]
    months = dict.fromkeys(day[:7] for day in days)
    return [[AuditRecord.BY_ACTOR.range(actor=actor, month=month, low=low, high=high)] for month in months]


def is_owner(ctx: Context, entity: type[Entity], id: str) -> bool:
    """Whether the caller owns or created the entity, or the root of its partition. One round trip."""
    key = entity.ID.key(id)
    items = ctx.store.batch_get([key, key._replace(sk=ROOT_SORT_KEY)])
    return any(ctx.actor.id == row.get(name, {}).get("S") for row in items.values() for name in _OWNERS)


def current_item(ctx: Context, entity_id: str, classes: Iterator[type[Entity]]) -> DynamoItem | None:
    """The current item of the first of these classes whose ids have this form, soft-deleted or not. One round trip."""
    for entity in classes:
        try:
            return ctx.store.get_item(entity.ID.key(entity_id))
        except NotFound:
            continue
    return None


def log_access(ctx: Context, access: str, *, subject_id: str | None = None, filters: JsonObject | None = None, records: int) -> None:
    """Record the access: one item, which the stream consumer puts on the trail like every other change. One round trip."""
    ctx.store.create(TrailAccess.new(ctx, access=access, subject_id=subject_id, filters=filters, records=records))
