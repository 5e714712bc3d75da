"""Guessing of passwords: five failures in 15 minutes for an address of mail from an address of the net, or fifty from anywhere.

An attempt is counted before the password is looked at, so that many at once can't slip past the count, and taken back when it
succeeds. Unknown mail addresses count alike. The rows are keyed by hashes, and hold instants only.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.foundation.auth import emails
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import RateLimited
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.store import wire_key
from chalicelib.foundation.store.transactions import Transaction

WINDOW = 15 * 60  # seconds
LOCK = 15 * 60  # seconds
_MOMENT = 2  # seconds until the outcome of attempts under way is known
LIMIT_FROM_ADDRESS = 5
LIMIT_FROM_ANYWHERE = 50
_MOST_KEPT = 2  # times the limit: above that the row drops what lies outside the window
_CHANCE = 10**6  # an attempt is a whole number: its instant in milliseconds and six digits of chance, so that two are never one


def marked(now: datetime, chance: int) -> int:
    """An attempt at `now`, as the row holds it."""
    return _milliseconds(now) * _CHANCE + chance % _CHANCE


def in_window(attempts: Iterable[int], now: datetime) -> list[int]:
    """The attempts of less than 15 minutes ago."""
    begin = _milliseconds(now) - WINDOW * 1000
    return [attempt for attempt in attempts if attempt // _CHANCE > begin]


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000)


@dataclass(frozen=True)
class Attempt:
    """One counted attempt; its outcome is told by `succeeded` or `failed`."""

    ctx: Context
    mark: int
    counted: tuple[tuple[Key, int, int], ...]  # row, attempts in its window with this one, its limit

    def failed(self) -> None:
        """The password was wrong: lock what this attempt brought to its limit."""
        for key, count, limit in self.counted:
            if count >= limit:
                now = int(self.ctx.now.timestamp())
                self.ctx.store.update(
                    key,
                    "SET locked_until = :until, #ttl = :until",
                    ExpressionAttributeValues=codec.wire({":until": now + LOCK}),
                    ExpressionAttributeNames={"#ttl": "ttl"},
                )

    def succeeded(self, tx: Transaction) -> None:
        """The password was right: forget this pair's failures, and take this attempt back from the wider count."""
        pair, anywhere = (key for key, _, _ in self.counted)
        tx.delete(pair)
        tx.update(anywhere, "DELETE attempts :mark", values={":mark": {self.mark}})


def attempt(ctx: Context, email: str) -> Attempt:
    """Count an attempt; RateLimited where the pair or the mail address is locked. Two round trips."""
    mark = marked(ctx.now, int.from_bytes(os.urandom(4)))
    counted: list[tuple[Key, int, int]] = []
    try:
        for key, limit in _rows(ctx, email):
            counted.append((key, _count(ctx, key, mark, limit), limit))
    except RateLimited:
        for key, _, _ in counted:
            _take_back(ctx, key, mark)
        raise
    return Attempt(ctx, mark, tuple(counted))


def forgive(ctx: Context, tx: Transaction, email: str) -> None:
    """Forget the failures and unlock the mail address, for this address of the net and for all: whose it is was proved by mail."""
    for key, _ in _rows(ctx, email):
        tx.delete(key)


def _rows(ctx: Context, email: str) -> tuple[tuple[Key, int], ...]:
    """The rows that count for a mail address, from here and from anywhere, each with its limit."""
    address = emails.same(email)
    return (
        (_row(ctx, "pair", address, ctx.source_ip), LIMIT_FROM_ADDRESS),
        (_row(ctx, "email", address), LIMIT_FROM_ANYWHERE),
    )


def _row(ctx: Context, *parts: str) -> Key:
    # Keyed, not bare: whoever reads the table can't try mail addresses against it.
    digest = hashlib.blake2b("\0".join(parts).encode(), key=ctx.secrets.personal_key[:64], digest_size=24)
    return Key(f"RATE#signin#{digest.hexdigest()}", "R")


def _count(ctx: Context, key: Key, mark: int, limit: int) -> int:
    now = int(ctx.now.timestamp())
    arguments: dict[str, Any] = {
        "TableName": ctx.store.table,
        "Key": wire_key(key),
        "UpdateExpression": "ADD attempts :mark SET #ttl = :ttl",
        "ConditionExpression": "attribute_not_exists(locked_until) OR locked_until <= :now",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": codec.wire({":mark": {mark}, ":ttl": now + WINDOW + LOCK, ":now": now}),
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    try:
        row = ctx.store.call("update_item", **arguments)["Attributes"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise _locked(int(error.response["Item"]["locked_until"]["N"]) - now) from None
    attempts = [int(one) for one in row["attempts"]["NS"]]
    recent = in_window(attempts, ctx.now)
    if len(attempts) > _MOST_KEPT * limit and (old := set(attempts) - set(recent)):
        ctx.store.update(key, "DELETE attempts :old", ExpressionAttributeValues=codec.wire({":old": old}))
    if len(recent) > limit:  # others are being tried at this moment, and will fail or clear the count
        _take_back(ctx, key, mark)
        raise _locked(_MOMENT)
    return len(recent)


def _take_back(ctx: Context, key: Key, mark: int) -> None:
    """Uncount an attempt that was refused unseen: it is no failure, and who goes on asking must not lock themselves out by it."""
    ctx.store.update(key, "DELETE attempts :mark", ExpressionAttributeValues=codec.wire({":mark": {mark}}))


def _locked(seconds: int) -> RateLimited:
    return RateLimited("Too many attempts to sign in. Wait, or reset the password by mail.", max(1, seconds))
