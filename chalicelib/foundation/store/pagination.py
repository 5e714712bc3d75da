"""Pagination: one or several key ranges, merged in order, with a signed cursor.

A list reads `kind` and `view` from an index and builds no entity. The cursor contains the last key read of each range; it is bound to
endpoint, filters and actor, expires after a day, and is signed with an HMAC.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from chalicelib.foundation import signing
from chalicelib.foundation.errors import BadRequest
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject, loads
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import Store

CURSOR_TTL = timedelta(hours=24)
MAX_ROWS_EXAMINED = 1000  # rows that one page examines when a filter drops most of them
_GROWTH = 4


R = TypeVar("R")


class ListRow(NamedTuple, Generic[R]):
    """A row of a list: its sort key in the range, its place in the table, and what was made of it."""

    sort: str
    key: ItemKey
    content: R


class Page(NamedTuple, Generic[R]):
    """A page; `next_cursor` is None at the end of the list."""

    rows: list[R]
    next_cursor: str | None


class CursorSigner:
    """Signs and verifies cursors of one list and one caller."""

    def __init__(self, key: bytes, now: datetime, *binding: object) -> None:
        self._key = key
        self._now = now
        self._binding = json.dumps(binding, default=str, sort_keys=True).encode()

    def sign(self, positions: Sequence[object]) -> str:
        """A cursor for `positions`, valid for a day."""
        expiry = int((self._now + CURSOR_TTL).timestamp())
        body = json.dumps([expiry, positions], separators=(",", ":")).encode()
        return signing.sign(self._key, self._binding, body)

    def verify(self, cursor: str) -> list[Any]:
        """The positions in a cursor. Raises BadRequest where it is forged, of another list or caller, or more than a day old."""
        try:
            body = signing.verify(self._key, self._binding, cursor)
        except signing.InvalidSignature:
            raise BadRequest("The cursor is not one that we gave for this list and these filters.") from None
        except ValueError:
            raise BadRequest("The cursor is not one that we gave.") from None
        expiry, positions = json.loads(body)
        if expiry < self._now.timestamp():
            raise BadRequest("The cursor is more than a day old; begin again.")
        return list(positions)


def decode_view(raw: DynamoItem) -> JsonObject:
    """The list view in an item."""
    return loads(raw["view"]["S"]) if "view" in raw else {}


def paginate(
    store: Store,
    ranges: Sequence[KeyRange],
    signer: CursorSigner,
    *,
    limit: int,
    cursor: str | None,
    decode: Callable[[DynamoItem], R],
    predicate: Callable[[R], bool] | None = None,
    newest_first: bool = True,
) -> Page[R]:
    """One page over `ranges`, merged by sort key.

    Without a predicate it costs one round trip a range. With one it reads on while fewer than `limit` rows pass and fewer
    than 1,000 were looked at, four times as many in each round trip as in the one before: a filtered page may be short and still carry a
    cursor. `decode` makes of a row what predicate and
    list need. A row that stands in several of the ranges under the same sort key is one row; so are rows of the table itself that
    share their sort key.
    """
    positions = signer.verify(cursor) if cursor else [None] * len(ranges)  # None: at the start; False: at the end; else a key
    if len(positions) != len(ranges):
        raise BadRequest("The cursor is not one that we gave for what this list is made of now; begin again.")
    readers = [
        _RangeReader(store, range, position, limit + 1, newest_first, decode) for range, position in zip(ranges, positions, strict=True)
    ]
    rows: list[R] = []
    examined = 0
    while len(rows) < limit and examined < MAX_ROWS_EXAMINED:
        heads = [reader for reader in readers if reader.peek() is not None]
        if not heads:
            return Page(rows, None)
        first = (max if newest_first else min)(heads, key=lambda reader: reader.rows[0].sort)
        row = first.pop()
        for other in heads:
            if other is not first and other.rows[0].sort == row.sort and (other.of_table or other.rows[0].key == row.key):
                other.pop()
        examined += 1
        if predicate is None or predicate(row.content):
            rows.append(row.content)
    if all(reader.peek() is None for reader in readers):
        return Page(rows, None)
    return Page(rows, signer.sign([reader.position for reader in readers]))


class _RangeReader(Generic[R]):
    """The rows of one range, fetched as they are needed."""

    def __init__(
        self, store: Store, range: KeyRange, position: Any, chunk: int, newest_first: bool, decode: Callable[[DynamoItem], R]
    ) -> None:
        self._store, self._range, self._chunk, self._newest_first, self._decode = store, range, chunk, newest_first, decode
        self.position = position
        self.rows: list[ListRow[R]] = []
        self.of_table = range.index is None
        self._next: Any = position  # where DynamoDB continues
        self._ended = position is False

    def peek(self) -> ListRow[R] | None:
        while not self.rows and not self._ended:
            self._fetch()
        if not self.rows:
            self.position = False
            return None
        return self.rows[0]

    def pop(self) -> ListRow[R]:
        row = self.rows.pop(0)
        self.position = [row.key.pk, row.key.sk, row.sort]
        return row

    def _fetch(self) -> None:
        pk_name, sk_name = self._range.attribute_names
        arguments = self._range.query_arguments() | {"Limit": self._chunk, "ScanIndexForward": not self._newest_first}
        if self._next:
            pk, sk, sort = self._next
            start: DynamoItem = {"pk": {"S": pk}, "sk": {"S": sk}}
            if not self.of_table:
                start |= {pk_name: {"S": self._range.pk}, sk_name: {"S": sort}}
            arguments["ExclusiveStartKey"] = start
        self._chunk = min(self._chunk * _GROWTH, MAX_ROWS_EXAMINED)  # of the next one: whoever comes back is looking for something rare
        response = self._store.query(**arguments)
        for item in response["Items"]:
            if "deleted_at" in item:  # indexes never hold what is marked deleted, the table does
                continue
            key = ItemKey(item["pk"]["S"], item["sk"]["S"])
            self.rows.append(ListRow(item[sk_name]["S"], key, self._decode(item)))
        last = response.get("LastEvaluatedKey")
        self._ended = last is None
        if last:
            self._next = [last["pk"]["S"], last["sk"]["S"], last[sk_name]["S"]]
