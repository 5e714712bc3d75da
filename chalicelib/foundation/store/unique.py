"""Unique values: a guard row for each, put in the transaction that gives the value to its owner.

    EMAIL = UniqueValue("email", normalize=normalize_email)
    EMAIL.claim(ctx, tx, user.email, user.id, Conflict("Another user has this mail address.", code="email_taken"))

A guard costs one action of the transaction, and no round trip. Its key is `UNIQ#<kind>#<value>`.
"""

from collections.abc import Callable

from chalicelib.foundation.actor import Stamp
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.signing import sha256_hex
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT
from chalicelib.foundation.store.keys import unique_guard
from chalicelib.foundation.store.store import Store
from chalicelib.foundation.store.transactions import Transaction

Taken = Exception | Callable[[str], Exception]
"""What it means that the value is taken: an error, or one made of the owner's id."""


def external_ref_taken(name: str) -> Callable[[str], Exception]:
    """What it means that another resource of this name has an external reference."""
    return lambda owner_id: Conflict(f"Another {name} has this external_ref.", code="external_ref_taken", id=owner_id)


def _unchanged(value: str) -> str:
    return value


class UniqueValue:
    """One kind of unique value, e.g. the mail addresses of users.

    `normalize` gives the form in which two spellings are the same value. The value is part of the guard's key: at most 300 bytes of it
    count, so for text of any length use `by_digest`. `keep_value` stores the value in the guard, for people who read the table.
    """

    def __init__(self, kind: str, *, normalize: Callable[[str], str] = _unchanged, keep_value: bool = False) -> None:
        self.kind = kind
        self._normalize = normalize
        self._keep_value = keep_value

    @classmethod
    def by_digest(cls, kind: str, *, keep_value: bool = True) -> "UniqueValue":
        """Values of any length, known by their SHA-256: references of other systems."""
        return cls(kind, normalize=sha256_hex, keep_value=keep_value)

    def key(self, value: str) -> ItemKey:
        """The key of the value's guard: read it along with other items, and ask `owner_in`."""
        return unique_guard(self.kind, self._normalize(value))

    def claim(self, ctx: Stamp, tx: Transaction, value: str, owner_id: str, taken: Taken) -> None:
        """Give the value to its new owner, or let the transaction fail with `taken`."""
        row = {"owner": owner_id, **({"value": value} if self._keep_value else {}), "request_id": ctx.request_id}
        error = taken if isinstance(taken, Exception) else lambda guard: taken(guard["owner"]["S"])
        tx.put_values(self.key(value), row, ROW_ABSENT, error)

    def release(self, tx: Transaction, value: str) -> None:
        """Let another have the value. Only with a conditional write of its owner in the same transaction: the guard isn't checked."""
        tx.delete(self.key(value))

    def change(self, ctx: Stamp, tx: Transaction, before: str | None, after: str | None, owner_id: str, taken: Taken) -> None:
        """Release one value and claim another; None stands for no value. Nothing where both are the same value."""
        old, new = (None if value is None else self.key(value) for value in (before, after))
        if old == new:
            return
        if before is not None:
            self.release(tx, before)
        if after is not None:
            self.claim(ctx, tx, after, owner_id, taken)

    def find_owner(self, store: Store, value: str) -> str | None:
        """The id of the value's owner, or None. One round trip."""
        return self.owner_in(store.get_item(self.key(value)))

    @staticmethod
    def owner_in(guard: DynamoItem | None) -> str | None:
        """The owner's id in a guard that was read."""
        return None if guard is None else str(guard["owner"]["S"])
