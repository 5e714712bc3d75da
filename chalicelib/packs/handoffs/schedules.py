"""The hourly work on packets. Each is claimed by a conditional write, so repeated or concurrent runs have one effect."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.handoffs.service import alarms


def unaccepted(ctx: Context, run: RunStats) -> None:
    """Tell of packets that were sent and not accepted within 48 hours."""
    alarms.raise_due(ctx, run)
