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
from chalicelib.foundation.projections import CHECKPOINT, ContributionRegistry, EntityVersion, ProjectionBatch, ProjectionEngine
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import Store
from chalicelib.foundation.streams import ENTITY

BATCH = 60


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
        work = ProjectionBatch({state.id: state for state in states})
        self._engine.apply(work)
        return work.rejected

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
        pack = self._packs.by_kind.get(kind)
        try:
            key: ItemKey | None = import_string(pack.entities[kind]).ID.key(id) if pack else None
            return key
        except NotFound:
            return None


def _names(checkpoint: DynamoItem) -> tuple[str, str]:
    """The id and kind of a checkpoint's item."""
    return checkpoint["pk"]["S"].partition("#")[2], checkpoint["sk"]["S"].rpartition("@")[0]
