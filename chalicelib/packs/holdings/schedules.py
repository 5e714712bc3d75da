"""The daily close. Snapshots are created by conditional puts, so repeated or concurrent runs create one for each day."""

from datetime import timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.holdings.service import snapshots


def close(ctx: Context, run: RunStats) -> None:
    """Create the close of each day that has ended since the last one, including missed days, the oldest first.

    Where time runs out, or the totals haven't caught up with what was entered on the day, the next run continues.
    """
    day = snapshots.first_open_day(ctx)
    while day is not None and day <= snapshots.last_ended_day(ctx):
        if ctx.store.remaining_seconds() <= 0:
            run.has_more = True
            return
        run.found += 1
        is_new = snapshots.close(ctx, day)
        if is_new is None:
            run.has_more = True
            return
        run.done += is_new
        day += timedelta(days=1)
