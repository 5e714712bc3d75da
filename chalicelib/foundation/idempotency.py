"""Idempotency-Key: a POST runs once a key and actor within a day, and a repetition answers the first answer.

The record is the first item of the effect's own transaction. So the first call, a replay, a duplicate at the same moment and
a crash all come out right, and each costs one round trip. Where state must be read first, the record is read with it.
"""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context as DecimalContext
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.errors import IdempotencyMismatch, MalformedJson
from chalicelib.foundation.ids import Key
from chalicelib.foundation.json import dumps, loads
from chalicelib.foundation.store.codec import Raw, decode, wire
from chalicelib.foundation.store.transactions import Transaction

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

LIFE_SECONDS = 24 * 3600
_EXACT = DecimalContext(prec=120)  # more digits than a number of ours has


@dataclass(frozen=True)
class IdempotencyKey:
    """The record's place, and the fingerprint of the request: method, path and canonical body."""

    key: Key
    fingerprint: str

    @classmethod
    def of(cls, actor_id: str, given: str, method: str, path: str, body: Any) -> "IdempotencyKey":
        """The record for the header's value `given`. MalformedJson for a body that is nested beyond what can be written in one form."""
        text = f"{method} {path}\n{canonical_json(body)}"
        # A lone surrogate is no text, but which row of a bulk request holds one is for the rows' own checks to say.
        fingerprint = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        return cls(Key(f"IDEM#{actor_id}#{hashlib.sha256(given.encode()).hexdigest()}", "I"), fingerprint)

    def row(self, row: int | str) -> "IdempotencyKey":
        """The record of one row of a bulk request: its own key, under the same header."""
        return IdempotencyKey(Key(f"{self.key.pk}#{row}", "I"), self.fingerprint)


def canonical_json(body: Any) -> str:
    """A body in one form, whatever the order of its keys or the writing of its numbers."""
    try:
        return dumps(_sorted(body))
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _EXACT.add(Decimal(value), Decimal()).normalize(_EXACT)  # 12.50 is 12.5, 100.0 is 100, and -0 plus 0 is 0
    return value


class Replay(Exception):
    """The request ran before: `body` is its first answer."""

    def __init__(self, body: Any) -> None:
        super().__init__("replayed")
        self.body = body


def transaction(ctx: "Context", answer: Any, key: IdempotencyKey | None = None) -> Transaction:
    """A transaction whose first item remembers `answer` under the caller's Idempotency-Key, where there is one."""
    tx = Transaction(ctx.store)
    if record := key or ctx.idempotency:
        remember(ctx, tx, answer, record)
    return tx


def remember(ctx: "Context", tx: Transaction, answer: Any, record: IdempotencyKey) -> None:
    """Let the transaction remember `answer` under `record`, and be refused (Replay, IdempotencyMismatch) where that is taken."""
    values = {
        "fp": record.fingerprint,
        "body": zlib.compress(dumps(answer).encode()),
        "request_id": ctx.request_id,
        "ttl": int(ctx.now.timestamp()) + LIFE_SECONDS,
    }
    item = {"pk": {"S": record.key.pk}, "sk": {"S": record.key.sk}} | wire(values)
    tx.put(
        item,
        "attribute_not_exists(pk) OR #ttl < :now",
        lambda old: _outcome(record, old),
        {":now": int(ctx.now.timestamp())},
        {"#ttl": "ttl"},
    )


def _outcome(record: IdempotencyKey, row: Raw) -> Exception:
    if row["fp"]["S"] != record.fingerprint:
        return IdempotencyMismatch("This Idempotency-Key was used with another request.")
    return Replay(answer_in(row))


def answer_in(row: Raw) -> Any:
    """The first answer, out of its record."""
    return loads(zlib.decompress(decode(row["body"])).decode())


def read(ctx: "Context", keys: Iterable[Key]) -> dict[Key, Raw]:
    """The rows at `keys`, strongly; and Replay (or a mismatch) if this request ran before. One round trip.

    For changes that must see state first: asked in the same read, a replay answers its first answer and not that the
    state has moved on.
    """
    wanted = list(keys)
    if ctx.idempotency:
        wanted.append(ctx.idempotency.key)
    found = ctx.store.get_many(wanted)
    if ctx.idempotency and (row := found.pop(ctx.idempotency.key, None)) and not _expired(row, ctx.now):
        raise _outcome(ctx.idempotency, row)
    return found


def _expired(row: Raw, now: datetime) -> bool:
    return int(row["ttl"]["N"]) < int(now.timestamp())
