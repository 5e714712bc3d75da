"""Reference counters: a small row next to a root that other resources refer to.

Creating a reference increments the counter in its own transaction: this is the existence check, the reference count and the guard
against concurrent deletion in one. Deletion closes the counter, only while it is zero. A pack may keep more in the row, as a subclass.

A counter doesn't know who refers. A pack that adds references says in its manifest (`holders`) where those that refer to a root are
found, so that a refused deletion names them.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from chalicelib.foundation.dates import parse_timestamp
from chalicelib.foundation.errors import Conflict, NotFound, Problem
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store import keys
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.expressions import NOTHING, ROW_EXISTS, all_of, attribute
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.row import Row
from chalicelib.foundation.store.store import StoreStamp
from chalicelib.foundation.store.transactions import Transaction

IS_OPEN = all_of(ROW_EXISTS, attribute("closed").does_not_exist())


class ReferenceCounter(Row):
    """How many things refer to a root, and whether it is closed for new ones.

    A pack that keeps here when somebody last did something on the root calls that `last_activity_at` (`last_activity`).
    """

    refs = a.integer()
    opened_at = a.datetime()
    closed = a.optional_datetime()


def last_activity(counter: DynamoItem | None) -> datetime | None:
    """When somebody last did something on the root of a counter that was read, where its pack keeps that there."""
    return None if counter is None or "last_activity_at" not in counter else parse_timestamp(counter["last_activity_at"]["S"])


def counter_key(id_format: IdFormat, root_id: str) -> ItemKey:
    """The key of a root's counter; NotFound for an id of another format."""
    return keys.reference_counter(id_format.key(root_id).pk)


def add_counter(tx: Transaction, root_id: str, now: datetime) -> None:
    """Put the counter of a new root, at zero."""
    tx.put(ReferenceCounter.at(keys.reference_counter(root_id), refs=0, opened_at=now))


def add_reference(tx: Transaction, id_format: IdFormat, root_id: str, count: int = 1, *, set: Mapping[str, object] = NOTHING) -> None:
    """Add `count` references to `root_id`. The transaction fails with NotFound where it is absent, Conflict where it is closed.

    `set` are attributes of that row that change with the reference.
    """

    def problem(counter: DynamoItem) -> Problem:
        return Conflict(f"The {id_format.name} has been deleted.") if counter else NotFound(id_format.name)

    tx.update(counter_key(id_format, root_id), set=set, add={"refs": count}, when=IS_OPEN, on_conflict=problem)


def remove_reference(tx: Transaction, id_format: IdFormat, root_id: str, count: int = 1) -> None:
    """Remove `count` references."""
    tx.update(counter_key(id_format, root_id), add={"refs": -count}, when=ROW_EXISTS)


# -- deletion

MAX_NAMED = 20  # ids that a refused deletion names
_PAGE = 100  # rows that are looked at for them


def _id_of(row: DynamoItem) -> str | None:
    return str(decode_view(row)["id"])


class Holders(NamedTuple):
    """Where the things that refer to a root are: the rows of `range` whose list view `refers`.

    `id_in` gives the id of what refers from such a row, by default the row's own; None where it names nothing.
    """

    range: KeyRange
    refers: Callable[[JsonObject], bool] = bool
    id_in: Callable[[DynamoItem], str | None] = _id_of


class Deleting(StoreStamp, Protocol):
    """Who deletes, in which system. A Context is one."""

    @property
    def packs(self) -> PackRegistry:
        """The packs, whose manifests say what refers to what."""


def holding_ids(ctx: Deleting, kind: str, root_id: str) -> list[str]:
    """The ids of things that refer to a root of this kind, the newest of each kind of thing first: at most 20.

    Of each kind of thing the newest hundred are looked at, in one query page each.
    """
    ids: list[str] = []
    for path in (pack.holders[kind] for pack in ctx.packs if kind in pack.holders):
        holders: Holders = import_string(path)(root_id)
        rows = next(ctx.store.query_pages(holders.range, newest_first=True, page_size=_PAGE))
        referring = (row for row in rows if (view := decode_view(row)) and holders.refers(view))  # what is deleted has no view
        ids += [id for row in referring if (id := holders.id_in(row))]
    return ids[:MAX_NAMED]


def cancel_dependents(ctx: Deleting, tx: Transaction, kind: str, root_id: str, limit: int) -> int:
    """Add to the transaction what ends with a root of this kind, as packs say in `cancels`: one action each. Returns how many these are.

    Of more than `limit` it returns more than that, and the transaction can't be committed.
    """
    count = 0
    for path in (pack.cancels[kind] for pack in ctx.packs if kind in pack.cancels):
        count += import_string(path)(ctx, tx, root_id, limit - count)
        if count > limit:
            break
    return count


def close_if_unreferenced(ctx: Deleting, tx: Transaction, kind: type[Entity], root_id: str, remove: Iterable[str] = ()) -> None:
    """Close the counter permanently. The transaction fails while the root is referred to: Conflict, with ids of what refers in `held_by`.

    `remove` are attributes of that row that end with it, its index keys for one. A query more where it is refused.
    """

    def problem(counter: DynamoItem) -> Problem:
        if not counter:
            return NotFound(kind.ID.name)
        detail = f"The {kind.ID.name} can't be deleted: {counter['refs']['N']} other things refer to it."
        return Conflict(detail, code="referred_to", held_by=holding_ids(ctx, kind.KIND, root_id))

    when = all_of(ROW_EXISTS, attribute("refs") == 0)
    tx.update(counter_key(kind.ID, root_id), set={"closed": ctx.now}, remove=remove, when=when, on_conflict=problem)
