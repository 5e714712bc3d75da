"""Purging what was deleted: after its term, an entity that is marked deleted is removed with everything in its partition.

One in another's partition is removed with the rows that its class says are below it.

The mark puts it into a due index. Children are removed before their root, in transactions that depend on the root's mark, so that a run
may end anywhere and the next one goes on. What is parked of an entity goes, too. Its trail stays: it has a term of its own, and personal
values in it are sealed. Aggregates stay: they hold sums.
"""

from collections.abc import Iterator
from datetime import timedelta

from pynamodb.expressions.condition import Condition

from chalicelib.foundation import streams
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import work_in_time
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.projections import AGGREGATE
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store import keys
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import DELETED, ENTITY, Entity
from chalicelib.foundation.store.expressions import attribute
from chalicelib.foundation.store.transactions import MAX_ACTIONS, Transaction

DELETED_TERM = timedelta(days=30)


def purge_deleted(ctx: Context, run: RunStats) -> None:
    """Purge every entity that was deleted before its term, the longest deleted first, while there is time.

    An entity costs a query of its partition and a transaction per hundred rows; `purged` in the run's record counts them by kind.
    """
    purge = _Purge(ctx, run)
    for rows in ctx.store.query_pages(DELETED.until(ctx.now - DELETED_TERM), page_size=50):
        if not work_in_time(ctx, run, rows, purge.entity):
            return


class _Purge:
    """One run: counts what it purges, and knows of which entities records are parked."""

    def __init__(self, ctx: Context, run: RunStats) -> None:
        self._ctx, self._run = ctx, run
        self._counts = run.details.setdefault("purged", {})
        self._parked = {stream: set(streams.parked_entities(ctx.store, stream)) for stream in (streams.TRAIL, streams.AGGREGATES)}

    def entity(self, due: DynamoItem) -> None:
        """Purge the entity of an entry of the index: with its partition where it is a root, else with the rows below it."""
        self._run.found += 1
        key = ItemKey(due["pk"]["S"], due["sk"]["S"])
        is_marked = attribute(DELETED.sk_name) == due[DELETED.sk_name]["S"]
        try:
            if key.sk == ROOT_SORT_KEY and self._is_referred_to(key.pk):
                return
            for rows in self._children(key, due["kind"]["S"]):
                tx = Transaction(self._ctx.store)
                tx.condition_check(key, is_marked)
                self._remove(tx, rows)
            item = self._ctx.store.get_item(key)
            if item is None:
                return
            tx = Transaction(self._ctx.store)
            self._remove(tx, [item], is_marked)
        except VersionConflict:  # another run was first, or it isn't deleted any more
            return
        self._run.done += 1

    def _is_referred_to(self, root: str) -> bool:
        counter = self._ctx.store.get_item(keys.reference_counter(root))
        return counter is not None and int(counter.get("refs", {}).get("N", "0")) > 0

    def _children(self, key: ItemKey, kind: str) -> Iterator[list[DynamoItem]]:
        """The other rows of a root's partition but aggregates, or those below a child, as many as fit a transaction."""
        for range in (KeyRange(None, key.pk),) if key.sk == ROOT_SORT_KEY else self._ranges_below(key, kind):
            for rows in self._ctx.store.query_pages(range, page_size=MAX_ACTIONS - 1):
                children = [raw for raw in rows if raw["sk"]["S"] != key.sk and raw.get("t", {}).get("S") != AGGREGATE]
                if children:
                    yield children

    def _ranges_below(self, key: ItemKey, kind: str) -> tuple[KeyRange, ...]:
        pack = self._ctx.packs.by_kind.get(kind)
        entity: type[Entity] | None = import_string(pack.entities[kind]) if pack else None
        return entity.rows_below(key.sk.partition("#")[2]) if entity else ()

    def _remove(self, tx: Transaction, rows: list[DynamoItem], when: Condition | None = None) -> None:
        entities = [raw for raw in rows if raw.get("t", {}).get("S") == ENTITY]
        for raw in entities:
            self._remove_parked(raw["id"]["S"])
        for raw in rows:
            tx.delete(ItemKey(raw["pk"]["S"], raw["sk"]["S"]), when)
        tx.commit()
        for raw in entities:
            self._counts[raw["kind"]["S"]] = self._counts.get(raw["kind"]["S"], 0) + 1

    def _remove_parked(self, entity: str) -> None:
        for stream, entities in self._parked.items():
            for key in streams.parked_keys(self._ctx.store, stream, entity) if entity in entities else ():
                streams.remove_parked(self._ctx.store, key)
