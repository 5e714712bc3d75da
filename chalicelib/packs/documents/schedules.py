"""The daily work on routes. Each step is claimed by a conditional write, so repeated or concurrent runs have one effect."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.documents.service import reminders as steps


def reminders(ctx: Context, run: RunStats) -> None:
    """Remind people of documents that they haven't acknowledged, and tell of those that stay unanswered or are overdue."""
    steps.take_steps(ctx, run)
