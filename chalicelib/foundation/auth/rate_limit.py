"""Rate limits for sensitive requests: one row per bucket, by the generic cell rate algorithm (ITU-T I.371)."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import RateLimited, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.signing import pseudonym
from chalicelib.foundation.store import codec


def consume(ctx: Context, bucket: str, subject: str, *, every: int, burst: int) -> None:
    """Take one token from the bucket of `subject`: `burst` at once, then one in `every` seconds. RateLimited where it is empty.

    The row holds the theoretical arrival time in milliseconds: when the bucket will be full again. One round trip where it
    was full, two otherwise; a refused request changes nothing.
    """
    now, step = int(ctx.now.timestamp() * 1000), every * 1000
    digest = pseudonym(ctx.secrets.personal_key, subject)
    key = ItemKey(f"RATE#{bucket}#{digest}", "R")
    names = {"#ttl": "ttl"}
    values = {":ttl": now // 1000 + every * (burst + 1)}
    try:
        ctx.store.update_by_expression(
            key,
            "SET tat = :full, #ttl = :ttl",
            ConditionExpression="attribute_not_exists(tat) OR tat < :now",
            ExpressionAttributeValues=codec.encode_item({**values, ":full": now + step, ":now": now}),
            ExpressionAttributeNames=names,
        )
    except VersionConflict:
        try:
            ctx.store.update_by_expression(
                key,
                "SET tat = tat + :step, #ttl = :ttl",
                ConditionExpression="tat <= :latest",
                ExpressionAttributeValues=codec.encode_item({**values, ":step": step, ":latest": now + (burst - 1) * step}),
                ExpressionAttributeNames=names,
            )
        except VersionConflict:
            raise RateLimited("That has been asked for too often.", every) from None
