"""Reading and writing the trail: the only module of the pack that knows the store and its indexes.

It imports no schemas: the function on the table's stream starts without pydantic.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem, decode_value
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.expiry import find_live_row
from chalicelib.foundation.store.expressions import ROW_ABSENT
from chalicelib.foundation.store.pagination import decode_view, paginate
from chalicelib.foundation.store.store import Store, parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.audit.entities import AuditExport, DailySeal, TrailAccess
from chalicelib.packs.audit.records import SHARDS, AuditRecord, chain_range, key
from chalicelib.packs.audit.seals import Seal

if TYPE_CHECKING:
    from chalicelib.foundation.schema_types import PageOf, PageParams
    from chalicelib.packs.audit.schemas import EntityTrailQuery, TrailQuery

RANGES_PER_REQUEST = 7  # days (or months, for one actor) that one request reads for a page
_OWNERS = ("owner", "owner_id", "created_by")

# -- reading


def list_records(ctx: Context, entity_id: str, query: "EntityTrailQuery") -> "PageOf[DynamoItem]":
    """A page of an entity's records as stored, newest first. One round trip."""
    return ctx.paginate(chain_range(entity_id), query, lambda raw: raw, decode=lambda raw: raw)


def read_chain(ctx: Context, entity_id: str, *, after: int, limit: int) -> Iterator[DynamoItem]:
    """Up to `limit` records as stored, ascending, from the one that follows `after` on. A round trip per 1 MB."""
    return islice(ctx.store.query_all(chain_range(entity_id, after=after), page_size=limit), limit)


def last_record(store: Store, entity_id: str) -> AuditRecord | None:
    """The newest record of an entity. One round trip."""
    rows = store.query_all(chain_range(entity_id), newest_first=True, page_size=1)
    return next((AuditRecord.from_item(raw) for raw in rows), None)


def list_changes(
    ctx: Context, query: "TrailQuery", since: datetime, upto: datetime, predicate: Callable[[JsonObject], bool]
) -> "PageOf[JsonObject]":
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
    items: list[JsonObject] = []
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
        items += page.rows
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
    place = entity.ID.key(id)
    items = ctx.store.batch_get([place, place._replace(sk=ROOT_SORT_KEY)])
    return any(ctx.actor.id == row.get(name, {}).get("S") for row in items.values() for name in _OWNERS)


def current_item(ctx: Context, entity_id: str, classes: Iterator[type[Entity]]) -> DynamoItem | None:
    """The current item of the first of these classes whose ids have this form, soft-deleted or not. One round trip."""
    for entity in classes:
        try:
            return ctx.store.get_item(entity.ID.key(entity_id))
        except NotFound:
            continue
    return None


# -- seals


def last_seal(store: Store) -> Seal | None:
    """The newest seal. One round trip."""
    rows = store.query_all(DailySeal.range(), newest_first=True, page_size=1)
    return next((DailySeal.from_item(raw).seal for raw in rows), None)


def find_seals_around(store: Store, day: date) -> tuple[Seal | None, Seal | None, Seal | None]:
    """The seal of the day before, that of the day, and the next one after it. One round trip."""
    before = day - timedelta(days=1)
    rows = islice(store.query_all(DailySeal.range(before), page_size=3), 3)
    found = {seal.day: seal for seal in (DailySeal.from_item(raw).seal for raw in rows)}
    return found.get(before), found.get(day), next((seal for found_day, seal in found.items() if found_day > day), None)


def list_seals(store: Store, low: date, high: date) -> dict[date, Seal]:
    """The seals of these days. One round trip."""
    seals = (DailySeal.from_item(raw).seal for raw in store.query_all(replace(DailySeal.range(low), high=high.isoformat())))
    return {seal.day: seal for seal in seals}


def page_of_seals(ctx: Context, query: "PageParams") -> "PageOf[Seal]":
    """A page of seals, newest first. One round trip."""
    return ctx.paginate(DailySeal.range(), query, lambda seal: seal, decode=lambda raw: DailySeal.from_item(raw).seal)


def create_seal(store: Store, seal: Seal) -> Seal | None:
    """Put a seal; the existing one where the day has one, else None. One round trip."""
    try:
        store.create(DailySeal.of(seal), _Taken)
    except _Taken as taken:
        return DailySeal.from_item(taken.item).seal
    return None


# -- exports


def find_export(ctx: Context, id: str) -> AuditExport | None:
    """An export; None where there is none, or where it has ended. One round trip. NotFound for an id of another format."""
    return parse_live(AuditExport, find_live_row(ctx.store, AuditExport.ID.key(id), ctx.now))


# -- writing


def log_access(ctx: Context, access: str, *, subject_id: str | None = None, filters: JsonObject | None = None, records: int) -> None:
    """Record the access: one item, which the stream consumer puts on the trail like every other change. One round trip."""
    ctx.store.create(TrailAccess.new(ctx, access=access, subject_id=subject_id, filters=filters, records=records))


def find_record(store: Store, entity_id: str, seq: int) -> AuditRecord | None:
    """A record of a chain. One round trip."""
    raw = store.get_item(key(entity_id, seq))
    return AuditRecord.from_item(raw) if raw else None


def find_records_and_keys(
    store: Store, records: Iterable[tuple[str, int]], subjects: Iterable[str]
) -> tuple[dict[tuple[str, int], AuditRecord], dict[str, bytes | None]]:
    """Those records (entity and number) that exist, and of those subjects the keys as `find_subject_keys` returns them.

    One round trip per hundred of both together.
    """
    record_keys = {key(*record): record for record in records}
    subject_keys = {_subject_key(subject): subject for subject in subjects}
    items = store.batch_get([*record_keys, *subject_keys])
    found = {record_keys[place]: AuditRecord.from_item(raw) for place, raw in items.items() if place in record_keys}
    return found, {subject_keys[place]: _wrapped(raw) for place, raw in items.items() if place in subject_keys}


def create_record(store: Store, record: AuditRecord) -> AuditRecord | None:
    """Put a record; the existing one where its number is taken, else None. One round trip."""
    try:
        store.create(record, _Taken)
    except _Taken as taken:
        return AuditRecord.from_item(taken.item)
    return None


def create_records(store: Store, records: Iterable[AuditRecord]) -> None:
    """Put up to a hundred records, all or none. Raises VersionConflict where a number is taken. One round trip."""
    tx = Transaction(store)
    for record in records:
        tx.put(record, ROW_ABSENT)
    tx.commit()


BROKEN_EVENT = "trail.chain_broken"
_NOTICE_TTL = timedelta(days=7)


def noticed_at(ctx: Context, entity_id: str) -> datetime:
    """When a pass first found that an entity is gone without a record of its removal: now, unless it was noticed before. One round trip."""
    row = ctx.store.update(
        ItemKey(f"GAP#{entity_id}", "G"),
        set={"ttl": int((ctx.now + _NOTICE_TTL).timestamp())},
        default={"noticed_at": format_timestamp(ctx.now)},
    )
    return parse_timestamp(row["noticed_at"]["S"])


def create_notification(store: Store, notification: Notification) -> None:
    """Put a notification, unless it is there already. One round trip."""
    with suppress(VersionConflict):
        store.create(notification)


def notify_broken(ctx: Context, occasion: str, *, subject_type: str, subject_id: str, title: str, data: JsonObject) -> None:
    """Tell auditors that the trail isn't as it was recorded, once for an occasion. One round trip."""
    event = Notification.for_occasion(
        ctx,
        f"{BROKEN_EVENT}#{occasion}",
        on=ctx.today,
        event=BROKEN_EVENT,
        subject_type=subject_type,
        subject_id=subject_id,
        title=title,
        for_role="auditor",
        data=data,
    )
    create_notification(ctx.store, event)


class _Taken(Exception):
    def __init__(self, item: DynamoItem) -> None:
        super().__init__("taken")
        self.item = item


# -- the encryption keys of subjects


def _subject_key(subject: str) -> ItemKey:
    return ItemKey(f"PERSON#{subject}", "K")


def _wrapped(row: DynamoItem) -> bytes | None:
    wrapped: bytes | None = decode_value(row["key"]) if "key" in row else None
    return wrapped


def find_subject_keys(store: Store, subjects: Iterable[str]) -> dict[str, bytes | None]:
    """The wrapped keys of those of these subjects that have one; None for one that was destroyed. One round trip per hundred."""
    return find_records_and_keys(store, (), subjects)[1]


def create_subject_keys(store: Store, wrapped: Mapping[str, bytes]) -> None:
    """Put the wrapped keys of up to a hundred subjects, all or none. Raises VersionConflict where a subject has one. One round trip."""
    if len(wrapped) == 1:
        ((subject, secret),) = wrapped.items()
        store.put_values(_subject_key(subject), {"key": secret}, ROW_ABSENT)
        return
    tx = Transaction(store)
    for subject, secret in wrapped.items():
        tx.put_values(_subject_key(subject), {"key": secret}, ROW_ABSENT)
    tx.commit()


def shred_key(ctx: Context, subject: str) -> None:
    """Destroy the subject's key permanently; later values of the subject are not stored at all. One round trip."""
    ctx.store.update(_subject_key(subject), remove=("key",), default={"erased_at": ctx.now, "erased_by": ctx.actor.id})
