"""Daily schedules of the pipeline.

A run may come late, twice or concurrently: each item is claimed by a conditional write, so its effect happens once.
"""

from collections.abc import Iterator

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats, scheduled
from chalicelib.packs.wholesale.entities import FOLLOW_UPS_DUE, REMINDERS_DUE, Pipeline, PipelineActivityState
from chalicelib.packs.wholesale.service import due
from chalicelib.packs.wholesale.service.deadline_reminders import remind as remind_of_deadline
from chalicelib.packs.wholesale.service.follow_ups import remind as remind_to_follow_up


@scheduled("wholesale-follow-ups")
def follow_ups(ctx: Context, run: RunStats) -> None:
    """Raise a follow-up for open pipelines without activity for 7, 14, 21 ... days."""
    due.process_due(ctx, run, FOLLOW_UPS_DUE, _keys_with_activity_state, remind_to_follow_up)


@scheduled("wholesale-contract-alarms")
def contract_alarms(ctx: Context, run: RunStats) -> None:
    """Raise reminders before earnest money is due, an inspection ends, a contract closes."""
    due.process_due(ctx, run, REMINDERS_DUE, _own_key, remind_of_deadline)


def _own_key(id: str) -> Iterator[ItemKey]:
    yield Pipeline.ID.key(id)


def _keys_with_activity_state(id: str) -> Iterator[ItemKey]:
    yield from (Pipeline.ID.key(id), PipelineActivityState.key(id))
