"""Rates: how often something delicate may be asked for. One row a bucket, by the generic cell rate algorithm (ITU-T I.371)."""

import hashlib

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import RateLimited, Stale
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store import codec


def take(ctx: Context, bucket: str, who: str, *, every: int, burst: int) -> None:
    """Take one from the bucket of `who`: `burst` at once, then one in `every` seconds. RateLimited where it is empty.

    The row holds the theoretical arrival time in milliseconds: when the bucket will be full again. One round trip where it
    was full, two otherwise; a refusal changes nothing.
    """
    now, step = int(ctx.now.timestamp() * 1000), every * 1000
    digest = hashlib.blake2b(who.encode(), key=ctx.secrets.personal_key[:64], digest_size=24).hexdigest()
    key = Key(f"RATE#{bucket}#{digest}", "R")
    names = {"#ttl": "ttl"}
    values = {":ttl": now // 1000 + every * (burst + 1)}
    try:
        ctx.store.update(
            key,
            "SET tat = :full, #ttl = :ttl",
            ConditionExpression="attribute_not_exists(tat) OR tat < :now",
            ExpressionAttributeValues=codec.wire({**values, ":full": now + step, ":now": now}),
            ExpressionAttributeNames=names,
        )
    except Stale:
        try:
            ctx.store.update(
                key,
                "SET tat = tat + :step, #ttl = :ttl",
                ConditionExpression="tat <= :latest",
                ExpressionAttributeValues=codec.wire({**values, ":step": step, ":latest": now + (burst - 1) * step}),
                ExpressionAttributeNames=names,
            )
        except Stale:
            raise RateLimited("That has been asked for too often.", every) from None
