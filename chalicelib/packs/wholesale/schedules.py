"""Schedules of the pipeline.

A run may come late, twice or concurrently: each item is claimed by a conditional write, so its effect happens once.
"""

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import process_due_entities
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.service.deadline_reminders import raise_reminders
from chalicelib.packs.wholesale.service.follow_ups import raise_follow_up
from chalicelib.packs.wholesale.service.morning_lists import send_morning_lists


def follow_ups(ctx: Context, run: RunStats) -> None:
    """Raise a follow-up for open pipelines without activity for 7, 14, 21 ... days."""
    repository.process_follow_ups(ctx, run, raise_follow_up)


def contract_alarms(ctx: Context, run: RunStats) -> None:
    """Raise reminders before earnest money is due, an inspection ends, a contract closes, and of next actions on their day."""
    process_due_entities(ctx, run, Pipeline.REMINDERS.until(ctx.today), Pipeline, raise_reminders)


def morning_lists(ctx: Context, run: RunStats) -> None:
    """Mail what is due to those who want it, once a morning of the firm."""
    send_morning_lists(ctx, run)
