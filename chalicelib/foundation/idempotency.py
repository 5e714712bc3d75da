"""Idempotency-Key: a POST runs once per key and credential within a day; a repetition gets the first response.

A credential is a user, in whichever session, or an API key: so a key that allows less than its user never meets what the user was
answered. Of the same credential a replay needs the roles that the first run had: the response may show what only they see.

The record is the first item of the transaction that makes the change. So first calls, replays, concurrent duplicates and crashes are
all handled by that one round trip. Where state must be read first, the record is read in the same batch.

What works outside of the table (fetches) runs in two phases, `claimed` and `claimed_transaction`: the record is first a claim that
ends by itself, so that of two at once one works; it becomes the response in the effect's own transaction, while the claim is still ours.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from chalicelib.foundation.canonical_json import Numbers, canonical_json
from chalicelib.foundation.errors import (
    Forbidden,
    IdempotencyInProgress,
    IdempotencyMismatch,
    MalformedJson,
    NotFound,
    Unavailable,
    VersionConflict,
)
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import dumps, loads
from chalicelib.foundation.signing import sha256_hex
from chalicelib.foundation.store.codec import DynamoItem, decode_value
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.expiry import is_free, live_row
from chalicelib.foundation.store.expressions import all_of, any_of, attribute
from chalicelib.foundation.store.store import StoreStamp, parse_live
from chalicelib.foundation.store.transactions import Transaction

E = TypeVar("E", bound=Entity)

TTL_SECONDS = 24 * 3600
CLAIM_SECONDS = 35  # longer than a request may take
_RETRY_AFTER = 5  # seconds


@dataclass(frozen=True)
class IdempotencyRecordKey:
    """The key of the idempotency record, the fingerprint of the request (method, path and canonical body), and the caller's roles."""

    key: ItemKey
    fingerprint: str
    roles: frozenset[str] = frozenset()

    @classmethod
    def from_request(cls, caller: str, roles: frozenset[str], header: str, method: str, path: str, body: object) -> "IdempotencyRecordKey":
        """The record for the header's value `given`. MalformedJson for a body that is nested beyond what can be written in one form."""
        try:
            text = f"{method} {path}\n{canonical_json(body, Numbers.EXACT)}"
        except RecursionError:
            raise MalformedJson("The body is nested too deeply.") from None
        # A lone surrogate is invalid, but in a bulk request the validation of each row reports it.
        fingerprint = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        return cls(ItemKey(f"IDEM#{caller}#{sha256_hex(header)}", "I"), fingerprint, roles)

    def for_row(self, row: int | str) -> "IdempotencyRecordKey":
        """The record of one row of a bulk request: a key of its own, derived from the same header."""
        return replace(self, key=ItemKey(f"{self.key.pk}#{row}", "I"))


class IdempotentRequest(StoreStamp, Protocol):
    """A request that may carry an Idempotency-Key. A Context is one."""

    @property
    def idempotency(self) -> IdempotencyRecordKey | None:
        """Where its record lies; None where the caller sent no key."""


class IdempotentReplay(Exception):
    """The request ran before: `body` is its first response."""

    def __init__(self, body: Any) -> None:
        super().__init__("replayed")
        self.body = body


def idempotent_transaction(ctx: IdempotentRequest, response: object, key: IdempotencyRecordKey | None = None) -> Transaction:
    """A transaction whose first item stores `response` under the caller's Idempotency-Key, where there is one."""
    tx = Transaction(ctx.store)
    if record := key or ctx.idempotency:
        record_response(ctx, tx, response, record)
    return tx


def record_response(ctx: IdempotentRequest, tx: Transaction, response: object, record: IdempotencyRecordKey) -> None:
    """Store `response` under `record` in the transaction, which fails with IdempotentReplay or IdempotencyMismatch where it exists."""
    tx.put_values(record.key, _values(ctx, record, response), is_free(ctx.now), lambda old: _outcome(record, old))


def _values(ctx: IdempotentRequest, record: IdempotencyRecordKey, response: object) -> dict[str, object]:
    return {
        "fp": record.fingerprint,
        "roles": sorted(record.roles),
        "body": zlib.compress(dumps(response).encode(), level=1),
        "request_id": ctx.request_id,
        "ttl": int(ctx.now.timestamp()) + TTL_SECONDS,
    }


def _outcome(record: IdempotencyRecordKey, row: DynamoItem) -> Exception:
    if row["fp"]["S"] != record.fingerprint:
        return IdempotencyMismatch("This Idempotency-Key was used with another request.")
    if lost := {role["S"] for role in row["roles"]["L"]} - record.roles if "roles" in row else ():
        return Forbidden(f"This ran before, for somebody with the role {min(lost)}; you don't have it any more.")
    if "body" not in row:
        headers = {"Retry-After": str(_RETRY_AFTER)}
        return IdempotencyInProgress("The first request with this Idempotency-Key is still running.", headers=headers)
    return IdempotentReplay(_stored_response(row))


def _stored_response(row: DynamoItem) -> Any:
    return loads(zlib.decompress(decode_value(row["body"])).decode())


def recorded_response(ctx: IdempotentRequest, record: IdempotencyRecordKey, row: DynamoItem | None) -> Any:
    """The response in `row`, which was read at the record's key; None where there is none. Raises IdempotencyMismatch for another request's."""
    row = live_row(row, ctx.now)
    if row is None:
        return None
    outcome = _outcome(record, row)
    if isinstance(outcome, IdempotentReplay):
        return outcome.body
    raise outcome


def read_or_replay(ctx: IdempotentRequest, keys: Iterable[ItemKey]) -> dict[ItemKey, DynamoItem]:
    """The rows at `keys`, by consistent reads. Raises IdempotentReplay or IdempotencyMismatch if this request ran before. One round trip.

    For changes that must read state first: as the record is read with it, a replay gets its first response and not an error about
    the newer state.
    """
    all_keys = list(keys)
    if ctx.idempotency:
        all_keys.append(ctx.idempotency.key)
    items = ctx.store.batch_get(all_keys)
    if ctx.idempotency and (row := live_row(items.pop(ctx.idempotency.key, None), ctx.now)):
        raise _outcome(ctx.idempotency, row)
    return items


def find_or_replay(ctx: IdempotentRequest, kind: type[E], id: str) -> E:
    """The live entity of that id, for a change that depends on it; `read_or_replay` otherwise. Raises NotFound. One round trip."""
    key = kind.ID.key(id)
    entity = parse_live(kind, read_or_replay(ctx, [key]).get(key))
    if entity is None:
        raise NotFound(kind.ID.name)
    return entity


# -- in two phases


@contextmanager
def claimed(ctx: IdempotentRequest) -> Iterator[None]:
    """Within, this request alone runs under the caller's Idempotency-Key, for work outside of the table. One round trip with a key.

    Raises IdempotentReplay or IdempotencyMismatch where it ran before, IdempotencyInProgress where another one runs. A claim whose process
    has died ends after 35 seconds; where the work is refused it is given up at once, so that the request may be sent again.
    """
    record = ctx.idempotency
    if record is None:
        yield
        return
    claim = {
        "fp": record.fingerprint,
        "roles": sorted(record.roles),
        "request_id": ctx.request_id,
        "ttl": int(ctx.now.timestamp()) + CLAIM_SECONDS,
    }
    is_ours = all_of(attribute("request_id") == ctx.request_id, attribute("body").does_not_exist())
    ctx.store.put_values(record.key, claim, any_of(is_free(ctx.now), is_ours), lambda old: _outcome(record, old))
    try:
        yield
    except Exception:
        with suppress(VersionConflict, Unavailable):  # it ends by itself, too
            ctx.store.delete(record.key, is_ours)
        raise


def claimed_transaction(ctx: IdempotentRequest, response: object) -> Transaction:
    """A transaction whose first item makes of the claim the record of `response`; empty without an Idempotency-Key.

    It fails with Unavailable where the claim has ended and another request has taken it: then this one has no effect.
    """
    tx = Transaction(ctx.store)
    if record := ctx.idempotency:
        lost = Unavailable("It took too long; another request with this Idempotency-Key may run by now.")
        tx.put_values(record.key, _values(ctx, record, response), attribute("request_id") == ctx.request_id, lost)
    return tx
