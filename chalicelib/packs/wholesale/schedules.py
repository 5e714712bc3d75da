"""Daily schedules of the pipeline.

A run may come late, twice or concurrently: each item is claimed by a conditional write, so its effect happens once.
"""

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import process_due_entities
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.service.deadline_reminders import raise_reminders
from chalicelib.packs.wholesale.service.follow_ups import raise_follow_up


def follow_ups(ctx: Context, run: RunStats) -> None:
    """Raise a follow-up for open pipelines without activity for 7, 14, 21 ... days."""
    repository.process_follow_ups(ctx, run, raise_follow_up)


def contract_alarms(ctx: Context, run: RunStats) -> None:
    """Raise reminders before earnest money is due, an inspection ends, a contract closes."""
    process_due_entities(ctx, run, Pipeline.REMINDERS.until(ctx.today), Pipeline, raise_reminders)
