"""Reading what was recorded on a day: which records there are by the day's index, the records themselves by their keys.

An index may lag and is never read strongly, so it only says where to look; what counts is read from the table.
"""

import heapq
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import Store
from chalicelib.packs.audit.records import SHARDS, AuditRecord, key
from chalicelib.packs.audit.seals import DayRecords, Leaf

PAGE_SIZE = 1000  # rows of the index that are read at once


class Listed(NamedTuple):
    """A record as the day's index has it. They compare as they were recorded."""

    recorded_at: str
    entity_id: str
    seq: int

    @property
    def sort(self) -> str:
        """Its sort key in the index."""
        return f"{self.recorded_at}#{self.entity_id}#{self.seq:010d}"


def in_order(store: Store, day: date, *, after: str = "", upto: datetime | None = None) -> Iterator[Listed]:
    """What was recorded on a day in the order of recording: what follows the sort key `after`, up to the instant `upto`.

    One round trip a shard, one more for each thousand records of it, as they are asked for.
    """
    return heapq.merge(*(map(_listed, store.query_all(_range(day, shard, after, upto), page_size=PAGE_SIZE)) for shard in range(SHARDS)))


def _range(day: date, shard: int, after: str, upto: datetime | None) -> KeyRange:
    low = f"{after}\x00" if after else None  # the text that follows it
    return AuditRecord.BY_DAY.range(day=day.isoformat(), shard=shard, low=low, high=f"{format_timestamp(upto)}~" if upto else None)


def _listed(raw: DynamoItem) -> Listed:
    view = decode_view(raw)
    return Listed(view["recorded_at"], view["entity_id"], view["seq"])


def is_empty(store: Store, day: date) -> bool:
    """Whether nothing was recorded on a day. One round trip a shard."""
    return not any(next(store.query_all(_range(day, shard, "", None), page_size=1), None) for shard in range(SHARDS))


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
