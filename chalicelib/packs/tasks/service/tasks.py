"""Giving, reading, changing and deleting tasks."""

from collections.abc import Sequence
from functools import partial

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.foundation.store.references import MAX_NAMED
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.tasks import repository
from chalicelib.packs.tasks.entities import Task
from chalicelib.packs.tasks.permissions import ANY_DEAL, require_own_deal, require_read
from chalicelib.packs.tasks.presenters import explained_task_view, task_view
from chalicelib.packs.tasks.rules import statuses
from chalicelib.packs.tasks.rules.dependencies import find_circle
from chalicelib.packs.tasks.schemas import NORMAL, ExplainedTaskView, TaskCreate, TaskFields, TaskPatch, TaskView

_TAKEN_APART = ("task_id", "depends_on", "checklist")  # fields of a patch whose stored form isn't what was sent


def create_task(ctx: Context, body: TaskCreate) -> TaskView:
    """Give an active professional a task of a deal that is open. Without the right to write on any deal it must be one's own."""
    deal_id = deals.resolve_id(ctx, body.deal_id)
    depends_on = _of_same_deal(deal_id, body.depends_on or [])
    values = {
        **body.model_dump(exclude={"deal_id", "status", *_TAKEN_APART}),
        "outside_id": _stored_outside_id(body.task_id),
        "checklist": _stored_checklist(body),
        "depends_on": depends_on,
        "dependency_changes": int(bool(depends_on)),
    }
    task = new_task(ctx, Task.ID.new(ctx.now, deal_id), deal_id, **values)
    view = task_view(ctx, task)
    tx = idempotent_transaction(ctx, view)
    repository.add_new(ctx, tx, [task], deal_id)
    tx.commit()
    return view


def new_task(ctx: Context, id: str, deal_id: str | None, **values: object) -> Task:
    """A new task, open, as if nothing had ever happened to it; what isn't given is as most tasks have it."""
    untouched = {"milliseconds_in": {}, "milliseconds_blocked": {}, "reopened": 0, "reassigned": 0, "alarm_raised": 0}
    usual = {"priority": NORMAL, "depends_on": [], "checklist": [], "dependency_changes": 0}
    status = repository.HISTORY.entry(ctx, statuses.OPEN)
    return Task.new(ctx, id, **{"deal_id": deal_id, **untouched, **usual, **status, **values})


def get_task(ctx: Context, id: str, query: ExplainParams) -> ExplainedTaskView:
    """A task."""
    task = ctx.store.require(Task, id)
    require_read(ctx, task)
    return explained_task_view(ctx, task, explain=query.explain)


def edit_task(ctx: Context, id: str, body: TaskPatch) -> TaskView:
    """Change a task that isn't over. Omitted fields keep their value, null clears, lists are replaced as a whole."""
    partition = Task.ID.key(id).pk
    sent = _of_same_deal(partition, body.depends_on or []) if "depends_on" in body.model_fields_set else None
    return repository.on_dependencies(ctx, partial(_edit, ctx, id, body, sent))


def _edit(ctx: Context, id: str, body: TaskPatch, sent_dependencies: list[str] | None, dependencies: int | None) -> TaskView:
    snapshot = repository.read(ctx, id, with_tasks=sent_dependencies is not None)
    before = _writable(ctx, snapshot)
    if not before.is_unfinished:
        raise _over(before)
    values, decided_on = _changes(before, body), None
    if sent_dependencies is not None and sent_dependencies != before.depends_on:
        _check_dependencies(id, sent_dependencies, snapshot.tasks)
        values |= {"depends_on": sent_dependencies, "dependency_changes": before.dependency_changes + 1}
        decided_on = snapshot.tasks.dependency_changes if dependencies is None else dependencies
    if not values:
        return task_view(ctx, before)
    after = before.with_changes(ctx, **values)
    tx = Transaction(ctx.store)
    repository.add_change(ctx, tx, before, after, dependencies=decided_on, any_deal=ANY_DEAL)
    tx.commit()
    return task_view(ctx, after)


def _changes(before: Task, body: TaskPatch) -> JsonObject:
    """What the patch changes of the task, but for its dependencies."""
    values = body.changes_to(before.attribute_values, exclude=_TAKEN_APART)
    if "task_id" in body.model_fields_set and body.task_id != before.task_id:
        values["outside_id"] = _stored_outside_id(body.task_id)
    if "checklist" in body.model_fields_set and (checklist := _stored_checklist(body)) != before.checklist:
        values["checklist"] = checklist
    if "professional_id" in values:
        values["reassigned"] = before.reassigned + 1
    if "due_on" in values:
        values["alarm_raised"] = 0
    return values


def delete_task(ctx: Context, id: str) -> None:
    """Delete a task that isn't done, and that no other depends on; none of a finalized deal."""
    repository.on_dependencies(ctx, partial(_delete, ctx, id))


def _delete(ctx: Context, id: str, dependencies: int | None) -> None:
    snapshot = repository.read(ctx, id, with_tasks=True)
    before = _writable(ctx, snapshot)
    if before.status == statuses.DONE:
        raise _over(before)
    if dependents := snapshot.tasks.dependents_of(id):
        raise repository.referred_to(dependents, MAX_NAMED)
    repository.delete(ctx, before, dependencies=snapshot.tasks.dependency_changes if dependencies is None else dependencies)


# -- what holds for all of them


def _writable(ctx: Context, snapshot: repository.TaskSnapshot) -> Task:
    """The task, which the caller may write, and whose revision is the one that they expect."""
    require_own_deal(ctx, snapshot.deal)
    ctx.check_if_match(snapshot.task.revision)
    return snapshot.task


def _over(task: Task) -> Conflict:
    return Conflict(f"The task is {task.status}.", code="over")


def _stored_outside_id(task_id: str | int | None) -> JsonObject | None:
    return None if task_id is None else {"id": task_id}


def _stored_checklist(body: TaskFields) -> list[JsonObject]:
    return [entry.model_dump() for entry in body.checklist or ()]


def _of_same_deal(partition: str, depends_on: Sequence[str]) -> list[str]:
    """The dependencies, which must be of the task's deal, whose partition it is in. NotFound for what is no task's id."""
    keys = [Task.ID.key(dependency) for dependency in depends_on]
    if any(key.pk != partition for key in keys) or (keys and not deals.Deal.ID.is_id(partition)):
        raise ValidationFailed.field("depends_on", "a task depends on tasks of its own deal only")
    return list(depends_on)


def _check_dependencies(id: str, depends_on: Sequence[str], tasks: repository.DealTasks) -> None:
    """Raise NotFound for a dependency that isn't there, Conflict where they close a circle."""
    if any(dependency not in tasks.live for dependency in depends_on):
        raise NotFound(Task.ID.name)
    if circle := find_circle(id, depends_on, tasks.graph):
        raise Conflict("The task would depend on itself.", code="circle", circle=circle)
