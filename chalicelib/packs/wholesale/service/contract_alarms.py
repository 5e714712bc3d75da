"""Warnings before a contract's dates. The pipeline itself carries the day of its next alarm as its due key."""

from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.events import Event
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import alive
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.rules import alarms
from chalicelib.packs.wholesale.service import changes, due

_WORDS = {
    alarms.EARNEST_MONEY: "Earnest money is due",
    alarms.INSPECTION: "The inspection ends",
    alarms.CLOSING: "Closing is",
}


def raise_due(ctx: Context, id: str, rows: dict[Key, Raw]) -> bool:
    """Raise what alarms are due; whether any was. The claim is the pipeline's own next revision, with the events."""
    before = alive(Pipeline, rows.get(Pipeline.ID.key(id)))
    if before is None or before.alarm_on is None or before.alarm_on > ctx.today:
        return False  # the index was behind: somebody has moved it already
    deadlines = alarms.open_deadlines(before.stage, changes.contract_dates(before))
    raised = alarms.due_alarms(deadlines, before.alarms or {}, ctx.today)
    after = before.changed(ctx, alarms=alarms.marked(before.alarms or {}, raised))
    changes.armed(after, ctx.today)
    return due.claimed(ctx, lambda tx: tx.save(after), [_event(ctx, before, alarm) for alarm in raised])


def _event(ctx: Context, pipeline: Pipeline, alarm: alarms.Alarm) -> Event:
    data: dict[str, Any] = {
        "deadline": alarm.deadline.kind,
        "on": alarm.deadline.on.isoformat(),
        "days_left": alarm.days_left,
        "late": alarm.late,
        "skipped": list(alarm.skipped),
    }
    return Event.single(
        ctx,
        f"{pipeline.id}/{alarm.key}",
        on=alarm.deadline.on,
        event=f"wholesale.{alarm.deadline.kind}",
        title=f"{_says(alarm.deadline.kind, (alarm.deadline.on - alarm.raise_on).days)}: {due.name(pipeline)}",
        due_on=alarm.deadline.on,
        data=data,
        **due.addressed(pipeline),
    )


def _says(kind: str, days_left: int) -> str:
    """In words: the days that are really left, which are fewer than the alarm's own count where it is raised late."""
    if days_left < 0:
        return f"{_WORDS[kind].removesuffix(' due')} {-days_left} day{'s' if days_left < -1 else ''} overdue"
    when = {0: "today", 1: "tomorrow"}.get(days_left, f"in {days_left} days")
    return f"{_WORDS[kind]} {when}"
