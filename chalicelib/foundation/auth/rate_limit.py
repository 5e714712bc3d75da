"""Rate limits for sensitive requests: one row per bucket, by the generic cell rate algorithm (ITU-T I.371)."""

from typing import NamedTuple

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import RateLimited, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.signing import pseudonym
from chalicelib.foundation.store.expressions import any_of, attribute
from chalicelib.foundation.store.transactions import Transaction


class BucketToken(NamedTuple):
    """A token that was taken from a bucket, and may be given back."""

    key: ItemKey
    step: int  # milliseconds

    def give_back(self, ctx: Context) -> None:
        """Put the token back. One round trip."""
        ctx.store.update(self.key, add={"tat": -self.step})

    def add_give_back(self, tx: Transaction) -> None:
        """Put the token back with the transaction."""
        tx.update(self.key, add={"tat": -self.step})


def consume(ctx: Context, bucket: str, subject: str, *, every: int, burst: int) -> BucketToken:
    """Take one token from the bucket of `subject`: `burst` at once, then one in `every` seconds. RateLimited where it is empty.

    The row holds the theoretical arrival time in milliseconds: when the bucket will be full again. One round trip where it
    was full, two otherwise; a refused request changes nothing.
    """
    now, step = int(ctx.now.timestamp() * 1000), every * 1000
    digest = pseudonym(ctx.secrets.personal_key, subject)
    key = ItemKey(f"RATE#{bucket}#{digest}", "R")
    tat, ttl = attribute("tat"), {"ttl": now // 1000 + every * (burst + 1)}
    try:
        ctx.store.update(key, set={"tat": now + step, **ttl}, when=any_of(tat.does_not_exist(), tat < now))
    except VersionConflict:
        refusal = RateLimited("That has been asked for too often.", every)
        ctx.store.update(key, set=ttl, add={"tat": step}, when=tat <= now + (burst - 1) * step, on_conflict=refusal)
    return BucketToken(key, step)
