"""Gates: the small row beside what others refer to.

Creating a reference counts it there, in its own transaction: that is the existence check, the reference count and the
guard against phantoms in one. Deletion closes the gate, only while the count is zero.
"""

from datetime import datetime
from typing import Any

from chalicelib.foundation.errors import Conflict, NotFound, Problem
from chalicelib.foundation.ids import IdForm, Key
from chalicelib.foundation.store import codec, keys
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import wire_key
from chalicelib.foundation.store.transactions import Transaction


def opened(tx: Transaction, root_id: str, now: datetime, **beside: Any) -> None:
    """Put the gate of a new root, open and without references. `beside` is what else the pack keeps in that row."""
    tx.put(wire_key(keys.gate(root_id)) | codec.wire({"refs": 0, "opened_at": now, **beside}))


def referred(tx: Transaction, form: IdForm, root_id: str, count: int = 1, **setting: Any) -> None:
    """Count `count` more references to `root_id`; refuses where it isn't there (404) or is closed (409).

    `setting` are values that the pack keeps beside it and that change with the reference.
    """
    key = Key(form.key(root_id).pk, "!")

    def refusal(gate: Raw) -> Problem:
        return Conflict(f"The {form.name} has been deleted.") if gate else NotFound(form.name)

    sets = f"SET {', '.join(f'{name} = :{name}' for name in setting)} " if setting else ""
    values = {":count": count, **{f":{name}": value for name, value in setting.items()}}
    tx.update(key, f"{sets}ADD refs :count", "attribute_exists(pk) AND attribute_not_exists(closed)", refusal, values)


def released(tx: Transaction, form: IdForm, root_id: str, count: int = 1) -> None:
    """Count `count` references less."""
    tx.update(Key(form.key(root_id).pk, "!"), "ADD refs :less", "attribute_exists(pk)", None, {":less": -count})


def closed(tx: Transaction, form: IdForm, root_id: str, now: datetime, removing: tuple[str, ...] = ()) -> None:
    """Close the gate for good; refuses (409) while anything refers to the root. `removing` are attributes that end with it."""

    def refusal(gate: Raw) -> Problem:
        if not gate:
            return NotFound(form.name)
        return Conflict(f"The {form.name} can't be deleted: {gate['refs']['N']} other things refer to it.", code="referred_to")

    expression = "SET closed = :now" + (f" REMOVE {', '.join(removing)}" if removing else "")
    condition = "attribute_exists(pk) AND refs = :none"
    tx.update(Key(form.key(root_id).pk, "!"), expression, condition, refusal, {":now": now, ":none": 0})
