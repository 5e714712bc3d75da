"""Finding items whose contribution to the aggregates is missing or out of date, though the stream should have brought it, and applying it.

An item's checkpoint says which revision the aggregates hold. Applying the item itself is exact and safe to repeat, so there is nothing
to rebuild: a gap is closed by the function that the stream's consumer calls.
"""

from collections.abc import Iterable
from datetime import datetime

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.pending_changes import entity_of, remove_pending
from chalicelib.foundation.projections import CHECKPOINT, ContributionRegistry, EntityVersion, ProjectionBatch, ProjectionEngine
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.store.store import Store
from chalicelib.foundation.streams import AGGREGATES, MalformedRecord, parked_records, parse_record, remove_parked

BATCH = 60
_LAST_REVISION = 99_999_999  # of an entity that is gone: later than all of its markers


class ProjectionGaps:
    """Finds and closes gaps of the aggregates among pages of the table's rows."""

    def __init__(self, store: Store, packs: PackRegistry, contribute: ContributionRegistry, now: datetime) -> None:
        self._store, self._packs, self._contribute = store, packs, contribute
        self._engine = ProjectionEngine(store, contribute, now)

    def find(self, rows: Iterable[DynamoItem], settled: str) -> list[EntityVersion]:
        """The items in a page whose contribution is behind: items last written before `settled`, and removed items that still count.

        One or two round trips per hundred items.
        """
        rows = list(rows)
        states = [
            EntityVersion.from_image(raw, raw["id"]["S"], raw["kind"]["S"], int(raw["revision"]["N"]))
            for raw in rows
            if raw.get("t", {}).get("S") == ENTITY and raw["kind"]["S"] in self._contribute.kinds and raw["updated_at"]["S"] < settled
        ]
        states += self._removed(rows)
        return [state for start in range(0, len(states), BATCH) for state in self._engine.behind(states[start : start + BATCH])]

    def close(self, states: Iterable[EntityVersion]) -> dict[str, str]:
        """Apply the items. Returns those whose contribution can't be computed, with the reason."""
        return _apply(self._engine, states)

    def remove_orphans(self, rows: Iterable[DynamoItem], settled: str) -> None:
        """Remove the markers in a page that were left, before `settled`, by changes that the aggregates hold: no consumer has seen these.

        One or two round trips, where there are any, and two for each.
        """
        marked = {(kind, id) for kind, id, at in filter(None, map(entity_of, rows)) if at < settled}
        keys = {key: (id, kind) for kind, id in marked if (key := self._key(kind, id)) is not None}
        existing = self._store.batch_get(keys)
        states = [EntityVersion.from_image(raw, *keys[key], int(raw["revision"]["N"])) for key, raw in existing.items()]
        behind = {state.id for state in self._engine.behind(states)}
        gone = [EntityVersion(*names, _LAST_REVISION, None, removed=True) for key, names in keys.items() if key not in existing]
        remove_pending(self._store, [*gone, *(state for state in states if state.id not in behind)])

    def _removed(self, rows: Iterable[DynamoItem]) -> list[EntityVersion]:
        """The items of checkpoints in the page that are gone without having been taken out of the aggregates."""
        checkpoints = {
            key: raw
            for raw in rows
            if raw.get("t", {}).get("S") == CHECKPOINT and "ttl" not in raw and (key := self._item_key(raw)) is not None
        }
        existing = self._store.batch_get(checkpoints)
        return [
            EntityVersion(*_names(raw), int(raw["v"]["N"]) + 1, None, removed=True)
            for key, raw in checkpoints.items()
            if key not in existing
        ]

    def _item_key(self, checkpoint: DynamoItem) -> ItemKey | None:
        id, kind = _names(checkpoint)
        return self._key(kind, id)

    def _key(self, kind: str, id: str) -> ItemKey | None:
        pack = self._packs.by_kind.get(kind)
        try:
            key: ItemKey | None = import_string(pack.entities[kind]).ID.key(id) if pack else None
            return key
        except NotFound:
            return None


def _names(checkpoint: DynamoItem) -> tuple[str, str]:
    """The id and kind of a checkpoint's item."""
    return checkpoint["pk"]["S"].partition("#")[2], checkpoint["sk"]["S"].rpartition("@")[0]


def _apply(engine: ProjectionEngine, states: Iterable[EntityVersion]) -> dict[str, str]:
    """Apply items, and remove the markers of those that are applied. Returns the others, with the reason."""
    work = ProjectionBatch({state.id: state for state in states})
    pending = list(work.pending.values())
    engine.apply(work)
    remove_pending(engine.store, (state for state in pending if state.id not in work.rejected))
    return work.rejected


def redrive(store: Store, contribute: ContributionRegistry, now: datetime, entity: str) -> int:
    """Retry an entity's parked records; returns how many succeeded. Three round trips a record, one more for the list.

    A parked record has no values, and needs none: the item as it is now determines the result. Where it is gone, it was removed.
    """
    done = 0
    for parked in parked_records(store, AGGREGATES, entity, now):
        try:
            change = parse_record(parked.record)
            state = EntityVersion(change.entity_id, change.kind, change.version + (change.new is not None), None, removed=True)
        except MalformedRecord:
            continue
        if (raw := store.get_item(change.key)) is not None:
            state = EntityVersion.from_image(raw, state.id, state.kind, int(raw["revision"]["N"]))
        if not _apply(ProjectionEngine(store, contribute, now), [state]):
            remove_parked(store, parked.key)
            done += 1
    return done
