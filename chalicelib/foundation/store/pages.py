"""Pages of lists: one or several index partitions, merged in order, with a signed cursor.

A list reads `kind` and `view` from an index and builds no entity. The cursor holds, a partition each, the last key that was
looked at; it is bound to endpoint, filters and actor, lives a day, and carries an HMAC.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from chalicelib.foundation.errors import BadRequest
from chalicelib.foundation.ids import Key
from chalicelib.foundation.json import loads
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import Store

CURSOR_LIFE = timedelta(hours=24)
MAX_EXAMINED = 1000  # rows that one page looks at when a filter drops most of them


@dataclass(frozen=True)
class Partition:
    """One partition of an index (or of the table, `index` None), with an optional range of its sort key.

    `low` and `high` are inclusive; `prefix` is a beginning. `reads` names what is projected there.
    """

    index: str | None
    pk: str
    low: str | None = None
    high: str | None = None
    prefix: str | None = None


class Row(NamedTuple):
    """A row of a list: its sort key in the partition, its place in the table, and what it shows."""

    sort: str
    key: Key
    view: dict[str, Any]


class Found(NamedTuple):
    """A page and where the next one begins; `next_cursor` is None at the end."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


class CursorSeal:
    """Signs and opens cursors for one list and one caller."""

    def __init__(self, key: bytes, now: datetime, *binding: object) -> None:
        self._key = key
        self._now = now
        self._binding = json.dumps(binding, default=str, sort_keys=True).encode()

    def seal(self, positions: list[Any]) -> str:
        """A cursor for `positions`, good for a day."""
        expiry = int((self._now + CURSOR_LIFE).timestamp())
        body = json.dumps([expiry, positions], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(body) + body).decode().rstrip("=")

    def open(self, cursor: str) -> list[Any]:
        """The positions in a cursor; BadRequest where it is forged, of another list or caller, or more than a day old."""
        try:
            packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise BadRequest("The cursor is not one that we gave.") from None
        mac, body = packed[:16], packed[16:]
        if not hmac.compare_digest(mac, self._mac(body)):
            raise BadRequest("The cursor is not one that we gave for this list and these filters.")
        expiry, positions = json.loads(body)
        if expiry < self._now.timestamp():
            raise BadRequest("The cursor is more than a day old; begin again.")
        return list(positions)

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._key, self._binding + b"\0" + body, hashlib.sha256).digest()[:16]


def view_of(raw: Raw) -> dict[str, Any]:
    """What an entity's row shows in lists."""
    return loads(raw["view"]["S"]) if "view" in raw else {}


def page(
    store: Store,
    partitions: Sequence[Partition],
    seal: CursorSeal,
    *,
    limit: int,
    cursor: str | None,
    keep: Callable[[dict[str, Any]], bool] | None = None,
    newest_first: bool = True,
    shown: Callable[[Raw], dict[str, Any]] = view_of,
) -> Found:
    """One page over `partitions`, merged by sort key.

    Without a filter it costs one round trip a partition. With `keep` it reads on while fewer than `limit` rows are kept
    and fewer than 1,000 were looked at: a filtered page may be short and still carry a cursor. `shown` makes of a row what
    the list shows: its view, or for rows of the table itself whatever they hold. A row that stands in several of the partitions
    under the same sort key is one row; so are rows of the table itself that share their sort key.
    """
    positions = seal.open(cursor) if cursor else [None] * len(partitions)  # None: at the start; False: at the end; else a key
    if len(positions) != len(partitions):
        raise BadRequest("The cursor is not one that we gave for what this list is made of now; begin again.")
    streams = [_Stream(store, one, at, limit + 1, newest_first, shown) for one, at in zip(partitions, positions, strict=True)]
    kept: list[dict[str, Any]] = []
    examined = 0
    while len(kept) < limit and examined < MAX_EXAMINED:
        heads = [stream for stream in streams if stream.head() is not None]
        if not heads:
            return Found(kept, None)
        first = (max if newest_first else min)(heads, key=lambda stream: stream.rows[0].sort)
        row = first.take()
        for other in heads:
            if other is not first and other.rows[0].sort == row.sort and (other.of_table or other.rows[0].key == row.key):
                other.take()
        examined += 1
        if keep is None or keep(row.view):
            kept.append(row.view)
    if all(stream.head() is None for stream in streams):
        return Found(kept, None)
    return Found(kept, seal.seal([stream.position for stream in streams]))


class _Stream:
    """The rows of one partition, fetched as they are needed."""

    def __init__(
        self, store: Store, partition: Partition, position: Any, chunk: int, newest_first: bool, shown: Callable[[Raw], dict[str, Any]]
    ) -> None:
        self._store, self._partition, self._chunk, self._newest_first, self._shown = store, partition, chunk, newest_first, shown
        self.position = position
        self.rows: list[Row] = []
        self.of_table = partition.index is None
        self._next: Any = position  # where DynamoDB goes on
        self._ended = position is False

    def head(self) -> Row | None:
        while not self.rows and not self._ended:
            self._fetch()
        if not self.rows:
            self.position = False
            return None
        return self.rows[0]

    def take(self) -> Row:
        row = self.rows.pop(0)
        self.position = [row.key.pk, row.key.sk, row.sort]
        return row

    def _fetch(self) -> None:
        one = self._partition
        pk_name, sk_name = (f"{one.index}pk", f"{one.index}sk") if one.index else ("pk", "sk")
        condition, values = f"{pk_name} = :pk", {":pk": {"S": one.pk}}
        if one.prefix is not None:
            condition += f" AND begins_with({sk_name}, :prefix)"
            values[":prefix"] = {"S": one.prefix}
        elif one.low is not None or one.high is not None:
            condition += f" AND {sk_name} BETWEEN :low AND :high"
            values |= {":low": {"S": one.low or "\x00"}, ":high": {"S": one.high or "\U0010ffff"}}
        arguments: dict[str, Any] = {"IndexName": one.index} if one.index else {"ConsistentRead": True}
        if self._next:
            pk, sk, sort = self._next
            start: Raw = {"pk": {"S": pk}, "sk": {"S": sk}}
            if one.index:
                start |= {pk_name: {"S": one.pk}, sk_name: {"S": sort}}
            arguments["ExclusiveStartKey"] = start
        answer = self._store.query(
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            Limit=self._chunk,
            ScanIndexForward=not self._newest_first,
            **arguments,
        )
        for raw in answer["Items"]:
            if "deleted_at" in raw:  # indexes never hold what is marked deleted, the table does
                continue
            key = Key(raw["pk"]["S"], raw["sk"]["S"])
            self.rows.append(Row(raw[sk_name]["S"], key, self._shown(raw)))
        last = answer.get("LastEvaluatedKey")
        self._ended = last is None
        if last:
            self._next = [last["pk"]["S"], last["sk"]["S"], last[sk_name]["S"]]
