"""The scheduled work of retainers. Each step is claimed by a conditional write, so late, repeated or concurrent runs have one effect."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import process_due_entities
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.retainers.entities import Retainer
from chalicelib.packs.retainers.service.due import work_off


def due(ctx: Context, run: RunStats) -> None:
    """Close and open periods, renew, expire and cancel retainers whose day has come, and remind of renewals."""
    process_due_entities(ctx, run, Retainer.DUE.until(ctx.now), Retainer, work_off)
