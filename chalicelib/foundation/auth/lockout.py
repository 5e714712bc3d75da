"""Lockout against password guessing: five failures in 15 minutes for a mail address from one IP address, or fifty from anywhere.

Against guessing one password for many mail addresses, an IP address has thirty failures at once and then one a minute. It is slowed, never
locked, and refused before anything is counted for the mail address: so who shares it with a guesser waits, and nobody else is affected.

An attempt is counted before the password is verified, so that concurrent attempts can't exceed the limit, and uncounted when it
succeeds. Unknown mail addresses are counted in the same way. IP addresses are those that the gateway reports, IPv6 by networks of 64 bits.
The rows are keyed by hashes and hold timestamps only.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.foundation import emails
from chalicelib.foundation.auth import rate_limit
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import RateLimited
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.network import client_network
from chalicelib.foundation.signing import pseudonym
from chalicelib.foundation.store.expressions import any_of, attribute
from chalicelib.foundation.store.transactions import Transaction

WINDOW = 15 * 60  # seconds
LOCK = 15 * 60  # seconds
_PENDING_SECONDS = 2  # seconds until the outcome of concurrent attempts is known
LIMIT_FROM_ADDRESS = 5
LIMIT_FROM_ANYWHERE = 50
FAILURES_AT_ONCE = 30  # from one IP address, for all mail addresses together
SECONDS_PER_FAILURE = 60  # and then one in this time
_PRUNE_FACTOR = 2  # times the limit: above that, expired attempts are removed from the row
_RANDOM_RANGE = 10**6  # an attempt is an integer: milliseconds and six random digits, so that two attempts are never equal


def encode_attempt(now: datetime, random_number: int) -> int:
    """An attempt at `now` as it is stored."""
    return _milliseconds(now) * _RANDOM_RANGE + random_number % _RANDOM_RANGE


def recent_attempts(attempts: Iterable[int], now: datetime) -> list[int]:
    """The attempts within the last 15 minutes."""
    window_start = _milliseconds(now) - WINDOW * 1000
    return [attempt for attempt in attempts if attempt // _RANDOM_RANGE > window_start]


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000)


@dataclass(frozen=True)
class SignInAttempt:
    """One counted attempt; its outcome is recorded by `add_success` or `record_failure`."""

    ctx: Context
    encoded: int
    counted: tuple[tuple[ItemKey, int, int], ...]  # key, attempts in the window including this one, limit
    from_address: rate_limit.BucketToken

    def record_failure(self) -> None:
        """The password was wrong: lock each counter that has reached its limit."""
        for key, count, limit in self.counted:
            if count >= limit:
                now = int(self.ctx.now.timestamp())
                self.ctx.store.update(key, set={"locked_until": now + LOCK, "ttl": now + LOCK})

    def add_success(self, tx: Transaction) -> None:
        """The password was correct: clear the failures of mail and IP address, and uncount this attempt in the wider counters."""
        pair, anywhere = (key for key, _, _ in self.counted)
        tx.delete(pair)
        tx.update(anywhere, discard={"attempts": {self.encoded}})
        self.from_address.add_give_back(tx)


def count_attempt(ctx: Context, email: str) -> SignInAttempt:
    """Count an attempt; raises RateLimited where a counter is locked or the IP address has failed too often. Three or four round trips."""
    network = client_network(ctx.source_ip)
    taken = rate_limit.consume(ctx, "signin-from", network, every=SECONDS_PER_FAILURE, burst=FAILURES_AT_ONCE)
    encoded = encode_attempt(ctx.now, int.from_bytes(os.urandom(4)))
    counted: list[tuple[ItemKey, int, int]] = []
    try:
        for key, limit in _counters(ctx, email):
            counted.append((key, _count_in(ctx, key, encoded, limit), limit))
    except RateLimited:
        for key, _, _ in counted:
            _undo(ctx, key, encoded)
        taken.give_back(ctx)
        raise
    return SignInAttempt(ctx, encoded, tuple(counted), taken)


def reset(ctx: Context, tx: Transaction, email: str) -> None:
    """Clear the failures and unlock the mail address, for this IP address and for all: its owner has proved it by mail."""
    for key, _ in _counters(ctx, email):
        tx.delete(key)


def _counters(ctx: Context, email: str) -> tuple[tuple[ItemKey, int], ...]:
    """The counters of a mail address, for this IP address and for all, each with its limit."""
    address = emails.normalize_email(email)
    return (
        (_counter_key(ctx, "pair", address, client_network(ctx.source_ip)), LIMIT_FROM_ADDRESS),
        (_counter_key(ctx, "email", address), LIMIT_FROM_ANYWHERE),
    )


def _counter_key(ctx: Context, *parts: str) -> ItemKey:
    return ItemKey(f"RATE#signin#{pseudonym(ctx.secrets.personal_key, *parts)}", "R")


def _count_in(ctx: Context, key: ItemKey, encoded: int, limit: int) -> int:
    now = int(ctx.now.timestamp())
    row = ctx.store.update(
        key,
        set={"ttl": now + WINDOW + LOCK},
        add={"attempts": {encoded}},
        when=any_of(attribute("locked_until").does_not_exist(), attribute("locked_until") <= now),
        on_conflict=lambda row: _locked_error(int(row["locked_until"]["N"]) - now),
    )
    attempts = [int(number) for number in row["attempts"]["NS"]]
    recent = recent_attempts(attempts, ctx.now)
    if len(attempts) > _PRUNE_FACTOR * limit and (expired := set(attempts) - set(recent)):
        ctx.store.update(key, discard={"attempts": expired})
    if len(recent) > limit:  # others are in progress, and will fail or clear the count
        _undo(ctx, key, encoded)
        raise _locked_error(_PENDING_SECONDS)
    return len(recent)


def _undo(ctx: Context, key: ItemKey, encoded: int) -> None:
    """Uncount an attempt that was refused without verification: it is no failure, and retrying must not extend the lockout."""
    ctx.store.update(key, discard={"attempts": {encoded}})


def _locked_error(seconds: int) -> RateLimited:
    return RateLimited("Too many attempts to sign in. Wait, or reset the password by mail.", max(1, seconds))
