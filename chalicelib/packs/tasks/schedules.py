"""The daily work on tasks. Each task is claimed by a conditional write, so repeated or concurrent runs have one effect."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.tasks.service import alarms


def overdue(ctx: Context, run: RunStats) -> None:
    """Tell of unfinished tasks whose day has passed, and escalate those that are 3 and 7 days late."""
    alarms.raise_due(ctx, run)
