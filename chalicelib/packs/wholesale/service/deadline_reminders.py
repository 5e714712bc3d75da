"""Reminders before the deadlines of a contract. The pipeline's due key is the day of its next reminder."""

from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.rules import deadlines
from chalicelib.packs.wholesale.service import changes, due

_PHRASES = {
    deadlines.EARNEST_MONEY: "Earnest money is due",
    deadlines.INSPECTION: "The inspection ends",
    deadlines.CLOSING: "Closing is",
}


def remind(ctx: Context, id: str, rows: dict[ItemKey, DynamoItem]) -> bool:
    """Raise the reminders that are due; returns whether any was. The claim is the pipeline's next revision, written with the events."""
    before = parse_live(Pipeline, rows.get(Pipeline.ID.key(id)))
    if before is None or before.alarm_on is None or before.alarm_on > ctx.today:
        return False  # the index lags: another run has moved it already
    unmet = deadlines.open_deadlines(before.stage, changes.contract_dates(before))
    reminders = deadlines.due_reminders(unmet, before.alarms or {}, ctx.today)
    after = before.with_changes(ctx, alarms=deadlines.with_marks(before.alarms or {}, reminders))
    changes.with_next_reminder(after, ctx.today)
    return due.commit_claim(ctx, lambda tx: tx.save(after), [_event(ctx, before, reminder) for reminder in reminders])


def _event(ctx: Context, pipeline: Pipeline, reminder: deadlines.Reminder) -> Notification:
    data: dict[str, Any] = {
        "deadline": reminder.deadline.kind,
        "on": reminder.deadline.on.isoformat(),
        "days_left": reminder.days_left,
        "late": reminder.late,
        "skipped": list(reminder.skipped),
    }
    return Notification.for_occasion(
        ctx,
        f"{pipeline.id}/{reminder.key}",
        on=reminder.deadline.on,
        event=f"wholesale.{reminder.deadline.kind}",
        title=f"{_wording(reminder.deadline.kind, (reminder.deadline.on - reminder.raise_on).days)}: {due.display_name(pipeline)}",
        due_on=reminder.deadline.on,
        data=data,
        **due.notification_target(pipeline),
    )


def _wording(kind: str, days_left: int) -> str:
    """The deadline in words. `days_left` counts from today, and is less than the reminder's own count where that is late."""
    if days_left < 0:
        return f"{_PHRASES[kind].removesuffix(' due')} {-days_left} day{'s' if days_left < -1 else ''} overdue"
    when = {0: "today", 1: "tomorrow"}.get(days_left, f"in {days_left} days")
    return f"{_PHRASES[kind]} {when}"
