"""The pipeline's daily work. Twice, late or at once, the effect is the same: each item is claimed by a conditional write."""

from collections.abc import Iterator

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import Key
from chalicelib.foundation.schedules import Run, scheduled
from chalicelib.packs.wholesale.entities import ALARMS_DUE, FOLLOW_UPS_DUE, Beside, Pipeline
from chalicelib.packs.wholesale.service import contract_alarms as alarms
from chalicelib.packs.wholesale.service import due, quiet_ones


@scheduled("wholesale-follow-ups")
def follow_ups(ctx: Context, run: Run) -> None:
    """Ask for a follow-up where an open pipeline has been quiet for 7, 14, 21 ... days."""
    due.work_off(ctx, run, FOLLOW_UPS_DUE, _with_beside, quiet_ones.raise_due)


@scheduled("wholesale-contract-alarms")
def contract_alarms(ctx: Context, run: Run) -> None:
    """Warn before earnest money is due, an inspection ends, a contract closes."""
    due.work_off(ctx, run, ALARMS_DUE, _itself, alarms.raise_due)


def _itself(id: str) -> Iterator[Key]:
    yield Pipeline.ID.key(id)


def _with_beside(id: str) -> Iterator[Key]:
    yield from (Pipeline.ID.key(id), Beside.key(id))
