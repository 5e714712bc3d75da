"""Reference counters: a small row next to a root that other resources refer to.

Creating a reference increments the counter in its own transaction: this is the existence check, the reference count and the guard
against concurrent deletion in one. Deletion closes the counter, only while it is zero.
"""

from datetime import datetime
from typing import Any

from chalicelib.foundation.errors import Conflict, NotFound, Problem
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import codec, keys
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import encode_key
from chalicelib.foundation.store.transactions import Transaction


def add_counter(tx: Transaction, root_id: str, now: datetime, **values: Any) -> None:
    """Put the counter of a new root, at zero. `values` are further attributes that the pack stores in that row."""
    tx.put_by_expression(encode_key(keys.reference_counter(root_id)) | codec.encode_item({"refs": 0, "opened_at": now, **values}))


def add_reference(tx: Transaction, id_format: IdFormat, root_id: str, count: int = 1, **values: Any) -> None:
    """Add `count` references to `root_id`. The transaction fails with NotFound where it is absent, Conflict where it is closed.

    `values` are attributes of that row that the pack sets with the reference.
    """
    key = ItemKey(id_format.key(root_id).pk, "!")

    def problem(counter: DynamoItem) -> Problem:
        return Conflict(f"The {id_format.name} has been deleted.") if counter else NotFound(id_format.name)

    sets = f"SET {', '.join(f'{name} = :{name}' for name in values)} " if values else ""
    placeholders = {":count": count, **{f":{name}": value for name, value in values.items()}}
    tx.update_by_expression(key, f"{sets}ADD refs :count", "attribute_exists(pk) AND attribute_not_exists(closed)", problem, placeholders)


def remove_reference(tx: Transaction, id_format: IdFormat, root_id: str, count: int = 1) -> None:
    """Remove `count` references."""
    tx.update_by_expression(ItemKey(id_format.key(root_id).pk, "!"), "ADD refs :less", "attribute_exists(pk)", None, {":less": -count})


def close_if_unreferenced(tx: Transaction, id_format: IdFormat, root_id: str, now: datetime, removing: tuple[str, ...] = ()) -> None:
    """Close the counter permanently. The transaction fails with Conflict while the root is referred to.

    `removing` are attributes of that row to remove.
    """

    def problem(counter: DynamoItem) -> Problem:
        if not counter:
            return NotFound(id_format.name)
        return Conflict(f"The {id_format.name} can't be deleted: {counter['refs']['N']} other things refer to it.", code="referred_to")

    expression = "SET closed = :now" + (f" REMOVE {', '.join(removing)}" if removing else "")
    condition = "attribute_exists(pk) AND refs = :none"
    tx.update_by_expression(ItemKey(id_format.key(root_id).pk, "!"), expression, condition, problem, {":now": now, ":none": 0})
