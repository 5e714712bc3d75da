"""Which changes the aggregates don't hold yet: exactly, so that a summary never claims to be complete while it is not.

A change that moves an aggregate leaves a marker, a small row in the transaction of the change. The stream's consumer removes it once
the change is applied. A change that was parked or lost keeps its marker until somebody closes the gap. Only kinds of entities whose
projection is declared `tracked` have markers: one costs three write units, and a summary one query of up to a hundred of them.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import parse_timestamp
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.projections import Contribution, ContributionRegistry, EntityVersion
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key
from chalicelib.foundation.store.store import Store
from chalicelib.foundation.store.transactions import Transaction

PENDING = "PENDING"
MAX_COUNTED = 100  # markers that a summary reads


# -- by those who change


def is_pending(ctx: Context, before: Entity, after: Entity) -> bool:
    """Whether this change moves an aggregate of a tracked kind, so that it needs a transaction with its marker."""
    contribute = _registry(ctx.packs)
    return after.KIND in contribute.tracked and _contribution(contribute, before) != _contribution(contribute, after)


def add_pending(ctx: Context, tx: Transaction, before: Entity | None, after: Entity) -> None:
    """Add the marker of a new or changed entity to the transaction that writes it: one action, none where no aggregate moves."""
    if before is None or is_pending(ctx, before, after):
        tx.put_values(marker_key(after.KIND, after.id, after.revision), {"at": ctx.now})


def save_with_marker(ctx: Context, tx: Transaction, after: Entity) -> None:
    """Save an entity whose aggregates move for certain, since its status changed: two actions."""
    tx.save(after)
    add_pending(ctx, tx, None, after)


def _contribution(contribute: ContributionRegistry, entity: Entity) -> Contribution:
    return {} if entity.deleted_at else contribute(entity.KIND, codec.decode_item(entity.to_item()))


@lru_cache(maxsize=4)
def _registry(packs: PackRegistry) -> ContributionRegistry:
    return ContributionRegistry(packs)


# -- by those who read


def pending_changes(store: Store, kind: str) -> list[datetime]:
    """When each change was made that the aggregates may not hold yet; at most a hundred. One round trip.

    To be read before the aggregates: what is applied in between is then counted too much, never too little.
    """
    rows = next(store.query_pages(KeyRange(None, _partition(kind)), page_size=MAX_COUNTED))
    return [parse_timestamp(row["at"]["S"]) for row in rows]


# -- by those who apply


def marker_key(kind: str, id: str, revision: int) -> ItemKey:
    """The marker of one revision of an entity."""
    return ItemKey(_partition(kind), join_key(id, f"{revision:08}"))


def _partition(kind: str) -> str:
    return join_key(PENDING, kind)


def remove_pending(store: Store, states: Iterable[EntityVersion]) -> None:
    """Remove the markers of these versions, which the aggregates hold, and of all earlier ones. A round trip each, and one a marker.

    The consumer removes those of the changes that it has seen. This is for whoever closes a gap, in which some were never seen.
    """
    for state in states:
        rows = store.query_all(KeyRange(None, _partition(state.kind), prefix=join_key(state.id, "")))
        for key in [ItemKey(row["pk"]["S"], row["sk"]["S"]) for row in rows]:
            if key <= marker_key(state.kind, state.id, state.version):
                store.delete(key)


def entity_of(row: DynamoItem) -> tuple[str, str, str] | None:
    """The kind and id of a marker's entity, and when it was changed; None for any other row."""
    prefix, _, kind = row["pk"]["S"].partition("#")
    return (kind, row["sk"]["S"].partition("#")[0], row["at"]["S"]) if prefix == PENDING else None
