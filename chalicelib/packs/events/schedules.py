"""The scheduled work of events."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.events import service


def forward(ctx: Context, run: RunStats) -> None:
    """Address what is unread of users who left to the operators, too."""
    service.forward_events_of_leavers(ctx, run)
