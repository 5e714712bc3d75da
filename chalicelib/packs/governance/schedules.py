"""The scheduled work of governance."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.governance.service.overrides import tell_of_overdue_reviews


def reviews(ctx: Context, run: RunStats) -> None:
    """Tell the auditors of overrides whose review date has passed."""
    tell_of_overdue_reviews(ctx, run)
