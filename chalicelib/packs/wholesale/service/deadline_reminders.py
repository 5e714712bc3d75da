"""Reminders before the deadlines of a contract and of next actions. The pipeline's due key is the day of its next reminder."""

from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import commit_claim, notification_target
from chalicelib.foundation.events import Notification
from chalicelib.foundation.store.row import truncate
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.rules import deadlines

_PHRASES = {
    deadlines.EARNEST_MONEY: "Earnest money is due",
    deadlines.INSPECTION: "The inspection ends",
    deadlines.CLOSING: "Closing is",
}


def raise_reminders(ctx: Context, pipeline: Pipeline) -> bool:
    """Raise the reminders that are due; returns whether any was. The claim is the pipeline's next revision, written with the events."""
    if pipeline.alarm_on is None or pipeline.alarm_on > ctx.today:
        return False  # the index lags: another run has moved it already
    unmet = deadlines.open_deadlines(pipeline.stage, pipeline.contract_dates)
    reminders = deadlines.due_reminders(unmet, pipeline.alarms or {}, ctx.today)
    after = pipeline.with_changes(ctx, alarms=deadlines.with_marks(pipeline.alarms or {}, reminders)).with_next_reminder(ctx.today)
    return commit_claim(ctx, lambda tx: tx.save(after), [_event(ctx, pipeline, reminder) for reminder in reminders])


def _event(ctx: Context, pipeline: Pipeline, reminder: deadlines.Reminder) -> Notification:
    data: dict[str, Any] = {
        "deadline": reminder.deadline.kind,
        "on": reminder.deadline.on.isoformat(),
        "days_left": reminder.days_left,
        "late": reminder.late,
        "skipped": list(reminder.skipped),
    }
    phrase = _PHRASES.get(reminder.deadline.kind)
    if phrase is None:  # the next action, which has words of its own
        phrase = f"{_capitalized((pipeline.next_action or {})['what'])} is due"
    return Notification.for_occasion(
        ctx,
        f"{pipeline.id}/{reminder.key}",
        on=reminder.deadline.on,
        event=f"wholesale.{reminder.deadline.kind}",
        title=f"{_wording(phrase, (reminder.deadline.on - reminder.raise_on).days)}: {pipeline.display_name}",
        due_on=reminder.deadline.on,
        data=data,
        **notification_target("pipeline", pipeline.id, pipeline.owner),
    )


def _capitalized(text: str) -> str:
    return truncate(f"{text[:1].upper()}{text[1:]}") or ""


def _wording(phrase: str, days_left: int) -> str:
    """The deadline in words. `days_left` counts from today, and is less than the reminder's own count where that is late."""
    if days_left < 0:
        return f"{phrase.removesuffix(' due')} {-days_left} day{'s' if days_left < -1 else ''} overdue"
    when = {0: "today", 1: "tomorrow"}.get(days_left, f"in {days_left} days")
    return f"{phrase} {when}"
