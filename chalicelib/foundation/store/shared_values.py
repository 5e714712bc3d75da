"""Values that several may have in common, e.g. the house of two leads: who else has the same one, by a read of one row.

The counterpart of unique values. A row for each value holds the ids of those who have it, at most twenty: more are not written down, since
nobody looks at them one by one. Its key is `SHARED#<kind>-<SHA-256 of the value>`, so nobody reads a phone number in it. An entity keeps
the digests that it is written under, and adds what changes to the transaction in which it is written itself:

    sharing = shared_values.sharing(items, after.digests, after.id)
    shared_values.add_changes(tx, before.digests, after.digests, after.id, sharing)

Two that are written at the same moment may not see each other. It costs two write units a value, and no round trip of its own.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.signing import sha256_hex
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.keys import join_key
from chalicelib.foundation.store.transactions import Transaction

MAX_IDS = 20
_IDS = "ids"


class Sharing(NamedTuple):
    """Who else has some values: their ids, the earliest first, at most twenty; and which of the values have no room for another id."""

    others: list[str]
    full: frozenset[str]


NOBODY = Sharing([], frozenset())


def digest(kind: str, value: str) -> str:
    """What a value is known by."""
    return f"{kind}-{sha256_hex(value)}"


def row_key(digest: str) -> ItemKey:
    """The key of a value's row: read it along with other items."""
    return ItemKey(join_key("SHARED", digest), "S")


def ids_in(row: DynamoItem | None) -> set[str]:
    """The ids of those who have the value, in a row that was read."""
    return set(row[_IDS]["SS"]) if row and _IDS in row else set()


def sharing(
    items: Mapping[ItemKey, DynamoItem], digests: Iterable[str], id: str, more: Mapping[str, Collection[str]] | None = None
) -> Sharing:
    """Who else than `id` has these values, by the rows that were read, and by `more`: ids that are about to be written, by digest."""
    by_digest = {digest: ids_in(items.get(row_key(digest))) | set((more or {}).get(digest, ())) for digest in digests}
    others = sorted(set().union(*by_digest.values()) - {id})[:MAX_IDS]
    return Sharing(others, frozenset(digest for digest, ids in by_digest.items() if len(ids - {id}) >= MAX_IDS))


def add_changes(tx: Transaction, before: Iterable[str], after: Iterable[str], id: str, sharing: Sharing = NOBODY) -> None:
    """Add to the transaction which values `id` has now: one action for each that it gains or loses, none where a row is full.

    `sharing` was read for those that it gains. Only with a conditional write of the entity in the same transaction.
    """
    old, new = set(before), set(after)
    for lost in sorted(old - new):
        tx.update(row_key(lost), discard={_IDS: {id}})
    for gained in sorted(new - old - sharing.full):
        tx.update(row_key(gained), add={_IDS: {id}})
