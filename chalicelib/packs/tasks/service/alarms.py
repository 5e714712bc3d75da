"""Telling of unfinished tasks whose day has passed. A task's due key is the day of its next alarm."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import DueItems, commit_claim, notification_target, process_due
from chalicelib.foundation.events import FALLBACK_ROLE, Notification
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.deals import public as deals
from chalicelib.packs.tasks.entities import Task
from chalicelib.packs.tasks.rules import alarms


def raise_due(ctx: Context, run: RunStats) -> None:
    """Raise every alarm that is due. Two round trips for fifty tasks, and one for each."""
    process_due(ctx, run, Task.ALARMS.until(ctx.today), _raise, keys=_keys)


def _keys(id: str) -> tuple[ItemKey, ...]:
    return deals.with_gate(Task.ID.key(id))


def _raise(ctx: Context, id: str, items: DueItems) -> bool:
    key, *of_deal = _keys(id)
    task = parse_live(Task, items.get(key))
    due = None if task is None or task.open_until is None else alarms.due_alarms(task.open_until, task.alarm_raised, ctx.today)
    if task is None or due is None:
        return False  # the index lags: another run has raised it, or it is over
    gate = deals.parse_gate(items.get(of_deal[0])) if of_deal else None
    after = task.with_changes(ctx, alarm_raised=due.raised)
    return commit_claim(ctx, lambda tx: tx.save(after), _events(ctx, task, due, gate.owner if gate else None))


def _events(ctx: Context, task: Task, due: alarms.Alarms, owner: str | None) -> list[Notification]:
    """That it is overdue, for the deal's owner; that it still is, for the operators."""
    events: list[Notification] = []
    days_overdue = (ctx.today - task.due_on).days if task.due_on else 0
    if due.overdue:
        events.append(_event(ctx, task, "tasks.overdue", "Overdue", owner, {}, "overdue"))
    if due.escalated is not None:
        data = {"days": due.escalated, "skipped": list(due.skipped)}
        events.append(_event(ctx, task, "tasks.escalated", f"{days_overdue} days overdue", None, data, f"escalated/{due.escalated}"))
    return events


def _event(ctx: Context, task: Task, event: str, words: str, owner: str | None, data: JsonObject, occasion: str) -> Notification:
    due_on = task.due_on or ctx.today
    facts = {"deal_id": task.deal_id, "professional_id": task.professional_id, "days_overdue": (ctx.today - due_on).days}
    return Notification.for_occasion(
        ctx,
        f"{task.id}/{due_on}/{occasion}",
        on=due_on,
        event=event,
        title=f"{words}: {task.title}",
        due_on=due_on,
        data={**facts, **data},
        **notification_target("task", task.id, owner, FALLBACK_ROLE),
    )
