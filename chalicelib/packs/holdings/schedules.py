"""The daily close. Snapshots are created by conditional puts, so repeated or concurrent runs create one for each day."""

from datetime import timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.holdings.rules.snapshots import closed_day
from chalicelib.packs.holdings.service import snapshots


def close(ctx: Context, run: RunStats) -> None:
    """Create the close of each past day since the last one, including missed days, the oldest first.

    Where time runs out, the next run continues.
    """
    day = snapshots.first_open_day(ctx)
    while day is not None and day <= closed_day(ctx.now):
        if ctx.store.remaining_seconds() <= 0:
            run.has_more = True
            return
        run.found += 1
        run.done += snapshots.close(ctx, day)
        day += timedelta(days=1)
