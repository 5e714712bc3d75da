"""Reading what was recorded on a day: which records there are by the day's index, the records themselves by their keys.

An index may lag and is never read strongly, so it only says where to look; what counts is read from the table.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import Store
from chalicelib.packs.audit.records import SHARDS, AuditRecord, key
from chalicelib.packs.audit.seals import DayRecords, Leaf

PAGE_SIZE = 1000  # rows of the index that are read at once

Position = list[str] | None  # after which row of the index to read on: partition key, sort key, sort key in the index


class Listed(NamedTuple):
    """A record as the day's index has it."""

    recorded_at: str
    entity_id: str
    seq: int


class Page(NamedTuple):
    """A page of a day's index, and where it goes on; None at its end."""

    rows: list[Listed]
    next: Position


def shard_range(day: date, shard: int, *, upto: str | None = None) -> KeyRange:
    """A shard of a day in the index, or what of it was recorded before `upto`."""
    return AuditRecord.BY_DAY.range(day=day.isoformat(), shard=shard, high=upto)


def read_page(store: Store, range: KeyRange, after: Position, limit: int = PAGE_SIZE) -> Page:
    """A page of a shard of a day, in the order of recording. One round trip."""
    arguments: JsonObject = range.query_arguments() | {"Limit": limit, "ScanIndexForward": True}
    pk_name, sk_name = range.attribute_names
    if after is not None:
        pk, sk, sort = after
        arguments["ExclusiveStartKey"] = {"pk": {"S": pk}, "sk": {"S": sk}, pk_name: {"S": range.pk}, sk_name: {"S": sort}}
    response = store.query(**arguments)
    last: Any = response.get("LastEvaluatedKey")
    rows = [_listed(raw) for raw in response["Items"]]
    return Page(rows, [last["pk"]["S"], last["sk"]["S"], last[sk_name]["S"]] if last else None)


def _listed(raw: DynamoItem) -> Listed:
    view = decode_view(raw)
    return Listed(view["recorded_at"], view["entity_id"], view["seq"])


def is_empty(store: Store, day: date) -> bool:
    """Whether nothing was recorded on a day. One round trip a shard."""
    return not any(read_page(store, shard_range(day, shard), None, limit=1).rows for shard in range(SHARDS))


def leaves_of(store: Store, rows: Iterable[Listed]) -> DayRecords:
    """These records of a day, with the hash of the last one of each entity. One round trip for each hundred entities."""
    counts: dict[str, int] = {}
    last: dict[str, int] = {}
    for row in rows:
        counts[row.entity_id] = counts.get(row.entity_id, 0) + 1
        last[row.entity_id] = max(last.get(row.entity_id, 0), row.seq)
    items = store.batch_get(key(entity_id, seq) for entity_id, seq in last.items())
    found = DayRecords()
    for entity_id, seq in last.items():
        raw = items.get(key(entity_id, seq))
        if raw is not None:  # else it was removed between the two reads: as if it had not been listed
            found.add(Leaf(entity_id, seq, AuditRecord.from_item(raw).hash), counts[entity_id])
    return found


def read_records(store: Store, rows: list[Listed]) -> Iterator[tuple[Listed, AuditRecord | None]]:
    """These records as the table holds them, None for one that isn't there. One round trip for each hundred."""
    for start in range(0, len(rows), 100):
        batch = rows[start : start + 100]
        items = store.batch_get(key(row.entity_id, row.seq) for row in batch)
        for row in batch:
            raw = items.get(key(row.entity_id, row.seq))
            yield row, AuditRecord.from_item(raw) if raw else None
