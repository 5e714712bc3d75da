"""Mail and other work that was never queued, or that the queue gave up on: found in the due index, and queued again."""

from collections.abc import Iterator
from datetime import timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.outbox import BATCH, UNSENT, Message, batches, due_keys, enqueue
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.expiry import is_live
from chalicelib.foundation.store.expressions import all_of, attribute

REQUEUE_EVERY = timedelta(hours=1)  # longer than the queue takes to give up a message


def forgotten(ctx: Context) -> Iterator[Message]:
    """What should have been sent or done by now. One round trip per thousand."""
    for row in ctx.store.query_all(UNSENT.until(ctx.now)):
        yield Message(row["kind"]["S"], ItemKey(row["pk"]["S"], row["sk"]["S"]))


def requeue(ctx: Context, run: RunStats) -> None:
    """Queue again what should have been sent or done by now, while there is time. Two round trips a mail, one call of the queue for ten.

    A message that is in the queue twice is sent once: the row is claimed. Raises QueueError; what was claimed is due again in an hour.
    """
    for batch in batches(forgotten(ctx), BATCH):
        if ctx.store.remaining_seconds() <= 0:
            run.has_more = True
            return
        claimed = [message for message in batch if _postpone(ctx, message.key)]
        enqueue(ctx.settings, claimed)
        run.found += len(batch)
        run.done += len(claimed)


def _postpone(ctx: Context, key: ItemKey) -> bool:
    """Make an unsent mail due again in an hour. False where it was sent, has expired, or another run was first."""
    is_due = all_of(attribute("state") == "queued", is_live(ctx.now), attribute(UNSENT.sk_name) < UNSENT.until(ctx.now).high)
    try:
        ctx.store.update(key, set=due_keys(key, ctx.now + REQUEUE_EVERY), when=is_due)
    except VersionConflict:
        return False
    return True
