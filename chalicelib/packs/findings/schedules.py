"""The nightly scans. Each finding is written on condition of what was read, so repeated or concurrent runs have one effect."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.findings.service import nightly


def scans(ctx: Context, run: RunStats) -> None:
    """Scan the deals that are worked on and those finalized within a week, and open accepted risks again whose time is over."""
    nightly.scan_all(ctx, run)
