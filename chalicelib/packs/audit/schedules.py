"""The scheduled jobs of the trail: one closes what the stream's consumers left open, one seals the days."""

from datetime import timedelta

from chalicelib.foundation import table_pass
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import work_in_time
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.audit.gaps import GapFinder
from chalicelib.packs.audit.sealing import seal_days

NAME = "stream-gaps"
PASS_EVERY = timedelta(hours=23)


def stream_gaps(ctx: Context, run: RunStats) -> None:
    """Retry what is parked and only waits; then go on through the table, and close the gaps of the trail and of the aggregates."""
    finder = GapFinder(ctx, ContributionRegistry(ctx.packs), run)
    work_in_time(ctx, run, finder.parked_entities(), finder.redrive)
    table_pass.run_portion(ctx, run, NAME, finder.close_page, every=PASS_EVERY)
    finder.notify()


def trail_seal(ctx: Context, run: RunStats) -> None:
    """Seal each day that is over and has no seal."""
    seal_days(ctx, run)
