"""The interface of this pack to other packs: the timeline of roots, and what a document says of the chain of an entity."""

from collections.abc import Sequence

from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.packs.audit import repository
from chalicelib.packs.audit.records import AuditRecord, chain_range
from chalicelib.packs.audit.schemas import TimelineEntryView as TimelineEntryView


def timeline(ctx: Context, roots: Sequence[str], query: PageParams) -> PageOf[TimelineEntryView]:
    """The changes of everything that lies in the partitions of these roots, newest first. One round trip a root.

    For roots whose subject entry says `timeline`. It shows no values, so it is no reading of the trail and leaves no record.
    """
    ranges = [AuditRecord.BY_ROOT.range(root=root) for root in roots]
    return ctx.paginate(ranges, query, lambda row: present_row(TimelineEntryView, row))


def chain_of(ctx: Context, entity_id: str, single: Sequence[str] = ()) -> list[JsonObject]:
    """The records of an entity, and the first one of others that never change: `{entity_id, seq, action, at, hash}`, the oldest first.

    A record is there some seconds after its change. It shows no values, so it is no reading of the trail and leaves no record. One round trip
    for each MB of the chain, and one for a hundred others.
    """
    chain = [AuditRecord.from_item(raw) for raw in ctx.store.query_all(chain_range(entity_id))]
    others = repository.find_records_and_keys(ctx.store, [(id, 1) for id in single], ())[0].values() if single else ()
    rows: list[JsonObject] = [
        {**{name: record.values[name] for name in ("entity_id", "seq", "action", "at")}, "hash": record.hash}
        for record in [*chain, *others]
    ]
    return sorted(rows, key=lambda row: (row["at"], row["entity_id"] != entity_id, row["seq"]))
