"""Reading and writing tasks, with what changes on the gate of their deal in the same transaction.

What depends on what, and what is settled, is decided on all tasks of a deal, which one query reads. That nothing of it has changed since is
a condition on the deal's gate, which counts those changes. The query doesn't read the gate, but each task holds its own share of the
count, and so their sum is what the gate holds, unless tasks with a share have been purged: then the failed condition tells the count, and
the query is repeated (`on_dependencies`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import notification_target
from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_EXISTS, all_of, attribute
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import Deal, DealGate
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.tasks.entities import Task
from chalicelib.packs.tasks.permissions import ANY_DEAL
from chalicelib.packs.tasks.rules.dependencies import MAX_READY_EVENTS, MAX_TASKS, made_ready
from chalicelib.packs.tasks.schemas import TaskStatusInterval

HISTORY = StateHistory(TaskStatusInterval)
IS_LIVE = all_of(ROW_EXISTS, attribute("deleted_at").does_not_exist())  # a condition on a task's row
_FIRST_TASK = f"{Task.ID.row}#"  # a deal's tasks, and after them the deal

T = TypeVar("T")

# -- reading


@dataclass(frozen=True)
class DealTasks:
    """All tasks of a deal, those that are deleted among them."""

    rows: tuple[Task, ...]

    @cached_property
    def live(self) -> dict[str, Task]:
        """The tasks by id, but those that are deleted."""
        return {task.id: task for task in self.rows if task.deleted_at is None}

    @property
    def dependency_changes(self) -> int:
        """How often dependencies have changed, as far as the tasks tell."""
        return sum(task.dependency_changes for task in self.rows)

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each task."""
        return {id: task.status for id, task in self.live.items()}

    @property
    def graph(self) -> dict[str, list[str]]:
        """What each task depends on."""
        return {id: task.depends_on for id, task in self.live.items()}

    def dependents_of(self, id: str) -> list[str]:
        """The tasks that depend on one."""
        return [task.id for task in self.live.values() if id in task.depends_on]


@dataclass(frozen=True)
class TaskSnapshot:
    """A task as it was read, with its deal (or that deal's gate) where it has one, and that deal's tasks where they were asked for."""

    task: Task
    deal: Deal | DealGate | None = None
    tasks: DealTasks = DealTasks(())


def tasks_in(rows: Iterable[DynamoItem]) -> list[Task]:
    """The tasks among rows of a partition, those that are deleted among them."""
    return [Task.from_item(raw) for raw in rows if raw.get("kind", {}).get("S") == Task.KIND]


def read(ctx: Context, id: str, *, with_tasks: bool = False) -> TaskSnapshot:
    """A task (NotFound) and its deal, and that deal's tasks on demand; IdempotentReplay for a repeated request. One round trip.

    With all tasks it is one for each MB of them.
    """
    key = Task.ID.key(id)
    has_deal = Deal.ID.is_id(key.pk)
    if has_deal and with_tasks:
        deal, rows = ctx.store.require_with_rows(Deal, key.pk, _FIRST_TASK)
        tasks = DealTasks(tuple(tasks_in(rows)))
        if id not in tasks.live:
            raise NotFound(Task.ID.name)
        return TaskSnapshot(tasks.live[id], deal, tasks)
    keys = [key, deals.gate_key(key.pk)] if has_deal else [key]
    found = idempotency.read_or_replay(ctx, keys)
    task = parse_live(Task, found.get(key))
    gate = deals.parse_gate(found.get(keys[1])) if has_deal else None
    if task is None or (has_deal and gate is None):
        raise NotFound(Task.ID.name)
    return TaskSnapshot(task, gate)


def on_dependencies(ctx: Context, use_case: Callable[[int | None], T]) -> T:
    """Run a use case that reads all tasks of a deal and writes on condition that no dependency has changed, until it holds.

    It takes the count of changes that the deal's gate is to have; None: the one that the tasks tell.
    """
    count: int | None = None

    def attempt() -> T:
        nonlocal count
        try:
            return use_case(count)
        except deals.DependenciesChanged as changed:
            is_first, count = count is None, changed.dependencies
            if not is_first:
                raise
        return attempt()  # without a pause: nobody need have interfered

    return ctx.store.retry_on_conflict(attempt)


# -- writing


def add_new(ctx: Context, tx: Transaction, tasks: Iterable[Task], deal_id: str | None, *, any_deal: str | None = ANY_DEAL) -> None:
    """Add new tasks of one deal, or of none: they count on the gates of their professionals, who must be active, and of the deal.

    Each dependency must be there (NotFound). One action a task, a professional, a dependency, and one for the deal.
    """
    tasks = list(tasks)
    for task in tasks:
        scorecards.add_reference(tx, task.professional_id)
    if deal_id is not None:
        changes, count = any(task.dependency_changes for task in tasks), len(tasks)
        deals.change(ctx, tx, deal_id, count=count, tasks=count, max_tasks=MAX_TASKS, any_deal=any_deal, changes_dependencies=changes)
    for dependency in dict.fromkeys(dependency for task in tasks for dependency in task.depends_on):
        tx.condition_check(Task.ID.key(dependency), IS_LIVE, NotFound(Task.ID.name))
    for task in tasks:
        tx.create(task)


def add_change(ctx: Context, tx: Transaction, before: Task, after: Task, *, dependencies: int | None = None, any_deal: str | None) -> None:
    """Add a changed task, with what it changes on the gate of its deal, which must be worked on, and on those of its professionals.

    `dependencies` is the count of the deal's gate on which the change was decided (None: on nothing of the sort). `any_deal` is the
    permission without which it must be the caller's own deal (None: whoever's it is).
    """
    if after.deal_id is not None:
        changes = after.dependency_changes != before.dependency_changes
        deals.change(ctx, tx, after.deal_id, any_deal=any_deal, changes_dependencies=changes, dependencies=dependencies)
    if after.professional_id != before.professional_id:
        scorecards.add_reference(tx, after.professional_id)
        scorecards.remove_reference(tx, before.professional_id)
    if after.status != before.status:
        HISTORY.add(tx, ctx, before, after)
    tx.save(after)


def delete(ctx: Context, before: Task, *, dependencies: int | None) -> None:
    """Mark a task deleted, on which no other depends by that count of the deal's gate. One round trip."""
    tx = Transaction(ctx.store)
    if before.deal_id is not None:
        deals.change(
            ctx, tx, before.deal_id, count=-1, tasks=-1, any_deal=ANY_DEAL, statuses=deals.NOT_FINALIZED, dependencies=dependencies
        )
    scorecards.remove_reference(tx, before.professional_id)
    tx.save(before.with_values(dependency_changes=before.dependency_changes + 1).soft_deleted(ctx))
    tx.commit()


def add_cancellation(ctx: Context, tx: Transaction, before: Task, after: Task) -> None:
    """Add a task that is cancelled with its deal: one action, so the stay that ends is kept in the task itself."""
    tx.save(after.with_values(last_stay=HISTORY.ended_stay(ctx, before)))


def add_ready_events(ctx: Context, tx: Transaction, snapshot: TaskSnapshot, after: Task) -> None:
    """Add an event to the deal's owner for each task whose last open dependency `after` was; many at once are one about the deal."""
    live = snapshot.tasks.live
    ready = [live[id] for id in made_ready(after.id, [task.as_dependent for task in live.values()])]
    if not ready or snapshot.deal is None:
        return
    add_notifications(ctx, tx, _ready_events(ctx, snapshot.deal, ready, after))


def _ready_events(ctx: Context, deal: Deal | DealGate, ready: list[Task], after: Task) -> list[Notification]:
    occasion, owner = f"ready/{after.id}/{after.revision}", deal.owner
    data = {"deal_id": after.deal_id, "settled": after.id}
    if len(ready) <= MAX_READY_EVENTS:
        return [
            Notification.for_occasion(
                ctx,
                f"{task.id}/{occasion}",
                on=ctx.today,
                event="tasks.ready",
                title=f"Nothing holds it up any more: {task.title}",
                due_on=task.due_on,
                data=data,
                **notification_target("task", task.id, owner),
            )
            for task in ready
        ]
    return [
        Notification.for_occasion(
            ctx,
            f"{after.deal_id}/{occasion}",
            on=ctx.today,
            event="tasks.ready",
            title=f"Nothing holds up {len(ready)} tasks any more",
            data={**data, "task_ids": [task.id for task in ready]},
            **notification_target("deal", after.deal_id or "", owner),
        )
    ]


def referred_to(dependents: list[str], shown: int) -> Conflict:
    """The refusal of deleting a task that others depend on."""
    return Conflict(f"{len(dependents)} other tasks depend on it.", code="referred_to", held_by=dependents[:shown])


def unfinished_of_deal(ctx: Context, deal_id: str) -> list[Task]:
    """The unfinished tasks of a deal, the oldest first. One round trip for each MB of its tasks."""
    return unfinished(tasks_in(ctx.store.query_all(Task.children_of(deal_id))))


def unfinished(tasks: Iterable[Task]) -> list[Task]:
    """Those that there is still work on, but those that are deleted."""
    return [task for task in tasks if task.deleted_at is None and task.is_unfinished]
