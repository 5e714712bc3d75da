"""The daily close. Twice, late or at once, each day has one: its row is put only where there is none."""

from datetime import timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats, scheduled
from chalicelib.packs.holdings.rules.snapshots import closed_day
from chalicelib.packs.holdings.service import snapshots


@scheduled("holdings-close")
def close(ctx: Context, run: RunStats) -> None:
    """Keep the close of each day that has ended since the last one, missed days too, the oldest first."""
    close_days(ctx, run)


def close_days(ctx: Context, run: RunStats) -> None:
    """The work itself; what one run doesn't reach the next one does."""
    day = snapshots.first_open_day(ctx)
    while day is not None and day <= closed_day(ctx.now):
        if ctx.store.remaining_seconds() <= 0:
            run.has_more = True
            return
        run.found += 1
        run.done += snapshots.close(ctx, day)
        day += timedelta(days=1)
