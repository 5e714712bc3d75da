"""Moving a task from one status to another."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.retainers import public as retainers
from chalicelib.packs.retainers.public import Retainer
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.tasks import repository
from chalicelib.packs.tasks.entities import Task
from chalicelib.packs.tasks.permissions import ANY_DEAL, is_their_own, require_own_deal, require_work
from chalicelib.packs.tasks.presenters import task_view
from chalicelib.packs.tasks.rules import time_in_states
from chalicelib.packs.tasks.rules.dependencies import open_dependencies
from chalicelib.packs.tasks.rules.statuses import (
    CANCELLED,
    DEAL_DEAD,
    DONE,
    IN_PROGRESS,
    MACHINE,
    OPEN,
    SETTLED,
    WRITE,
    TaskFacts,
    is_change_of_dependents,
)
from chalicelib.packs.tasks.schemas import TaskMoveQuery, TaskMoveRequest, TaskView


@dataclass(frozen=True)
class _Move:
    target: str
    reason: str | None = None
    note: str | None = None
    hours: Decimal | None = None
    retainer_id: str | None = None


def move_task(ctx: Context, id: str, query: TaskMoveQuery, body: TaskMoveRequest) -> TaskView:
    """Start, block, finish, cancel or reopen a task.

    The professional who has it starts, blocks, goes on and finishes. It is done once its dependencies are done or cancelled and its
    checklist is ticked; one with a day is then logged with the professional's interactions, as in time or not, until it is reopened.
    """
    Task.ID.key(id)  # an id of another form is not found, whatever the request says
    move = _Move(_target(query, body), body.reason, body.note, body.hours, body.retainer_id)
    if move.hours is not None and move.target != DONE:
        raise ValidationFailed.field("hours", "hours are logged when a task is done")
    if move.retainer_id is not None and move.hours is None:
        raise ValidationFailed.field("retainer_id", "it takes hours")
    return repository.on_dependencies(ctx, partial(_move, ctx, id, move))


def _target(query: TaskMoveQuery, body: TaskMoveRequest) -> str:
    """The status in the body or, as the older API has it, in the query. ValidationFailed where there is none, or two."""
    if body.status is not None and query.status not in (None, body.status):
        raise ValidationFailed.field("status", "the query says another one")
    target = body.status or query.status
    if target is None:
        raise ValidationFailed.field("status", "it is needed", "missing")
    return target


def _move(ctx: Context, id: str, move: _Move, dependencies: int | None) -> TaskView:
    snapshot = repository.read(ctx, id, with_tasks=move.target in SETTLED)
    before = snapshot.task
    require_work(ctx, before, snapshot.deal)
    ctx.check_if_match(before.revision)
    transition = MACHINE.transition(before.status, move.target)
    transition.check_permission(ctx.actor)
    is_work = WRITE not in transition.permissions
    if not is_work:
        require_own_deal(ctx, snapshot.deal)
    transition.check_reason(move.reason, move.note)
    transition.check_guards(TaskFacts(open_dependencies(before.depends_on, snapshot.tasks.statuses), before.unticked))
    if move.target in SETTLED and dependencies is None:
        dependencies = snapshot.tasks.dependency_changes
    retainer = _retainer(ctx, before, move)
    share = before.dependency_changes + is_change_of_dependents(before.status, move.target)
    after = _moved(ctx, before, move).with_values(dependency_changes=share)
    tx = Transaction(ctx.store)
    after = _with_interaction(ctx, tx, before, after)
    if (before.status, move.target) == (OPEN, IN_PROGRESS):
        scorecards.require_usable(tx, before.professional_id)
    any_deal = None if is_work and is_their_own(ctx, before) else ANY_DEAL
    repository.add_change(ctx, tx, before, after, dependencies=dependencies, any_deal=any_deal)
    if retainer is not None and move.hours is not None:
        retainers.add_hours(ctx, tx, retainer, move.hours, professional_id=before.professional_id, task_id=id)
    if move.target in SETTLED:
        repository.add_ready_events(ctx, tx, snapshot, after)
    tx.commit()
    return task_view(ctx, after)


def _retainer(ctx: Context, task: Task, move: _Move) -> Retainer | None:
    """The retainer that takes the hours of the move, where it has any: NotFound, or ValidationFailed where it isn't clear which."""
    if move.hours is None:
        return None
    if move.retainer_id is None:
        return retainers.only_active(ctx, task.professional_id)
    return retainers.parse_retainer(ctx.store.get_item(retainers.key(move.retainer_id)))


def _with_interaction(ctx: Context, tx: Transaction, before: Task, after: Task) -> Task:
    """The task, with what is logged where one with a day is done, in time or not. It is reversed where that is reopened."""
    if before.interaction_id is not None and before.status == DONE:
        scorecards.reverse_interaction(ctx, tx, before.interaction_id)
        return after.with_values(interaction_id=None)
    if after.status != DONE or after.due_on is None:
        return after
    interaction_id = scorecards.log_interaction(
        ctx,
        tx,
        after.professional_id,
        source=scorecards.TASK,
        key=f"{after.id}/{after.reopened}",
        at=ctx.now,
        deal_id=after.deal_id,
        task_id=after.id,
        met_deadline=time_in_states.met_deadline(after.due_on, ctx.today, after.milliseconds_blocked),
    )
    return after.with_values(interaction_id=interaction_id)


def cancel_with_deal(ctx: Context, tx: Transaction, deal_id: str, limit: int) -> int:
    """Add that the unfinished tasks of a deal are cancelled, since it is; how many they are. Of more than `limit` it adds nothing.

    One action a task; one round trip for each MB of the deal's tasks. That none is written meanwhile is for the caller to see to.
    """
    unfinished = repository.unfinished_of_deal(ctx, deal_id)
    if len(unfinished) <= limit:
        for before in unfinished:
            repository.add_cancellation(ctx, tx, before, _moved(ctx, before, _Move(CANCELLED, DEAL_DEAD)))
    return len(unfinished)


def _moved(ctx: Context, before: Task, move: _Move) -> Task:
    """The task after the move, with the stay that ends."""
    in_states, blocked = time_in_states.after_stay(
        before.milliseconds_in, before.milliseconds_blocked, before.status, before.status_reason, before.status_entered_at, ctx.now
    )
    return before.with_changes(
        ctx,
        **repository.HISTORY.entry(ctx, move.target, reason=move.reason, note=move.note),
        milliseconds_in=in_states,
        milliseconds_blocked=blocked,
        reopened=before.reopened + (before.status == DONE),
    )
