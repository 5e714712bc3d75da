"""Reference counters: a small row next to a root that other resources refer to.

Creating a reference increments the counter in its own transaction: this is the existence check, the reference count and the guard
against concurrent deletion in one. Deletion closes the counter, only while it is zero. A pack may keep more in the row, as a subclass.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from chalicelib.foundation.errors import Conflict, NotFound, Problem
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store import keys
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import NOTHING, ROW_EXISTS, all_of, attribute
from chalicelib.foundation.store.row import Row
from chalicelib.foundation.store.transactions import Transaction

IS_OPEN = all_of(ROW_EXISTS, attribute("closed").does_not_exist())


class ReferenceCounter(Row):
    """How many things refer to a root, and whether it is closed for new ones."""

    refs = a.integer()
    opened_at = a.datetime()
    closed = a.optional_datetime()


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


def close_if_unreferenced(tx: Transaction, id_format: IdFormat, root_id: str, now: datetime, remove: Iterable[str] = ()) -> None:
    """Close the counter permanently. The transaction fails with Conflict while the root is referred to.

    `remove` are attributes of that row that end with it, its index keys for one.
    """

    def problem(counter: DynamoItem) -> Problem:
        if not counter:
            return NotFound(id_format.name)
        return Conflict(f"The {id_format.name} can't be deleted: {counter['refs']['N']} other things refer to it.", code="referred_to")

    when = all_of(ROW_EXISTS, attribute("refs") == 0)
    tx.update(counter_key(id_format, root_id), set={"closed": now}, remove=remove, when=when, on_conflict=problem)
