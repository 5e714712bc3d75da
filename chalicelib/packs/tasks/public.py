"""The interface of this pack to other packs: give tasks, find unfinished ones, and read what is estimated of a professional's time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice

from chalicelib.foundation.context import Context
from chalicelib.foundation.counts import Counts
from chalicelib.foundation.ids import keyed_ulid
from chalicelib.foundation.packet_facts import MAX_FACTS, FactList
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT, any_of, attribute
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import OnConditionFailed
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.tasks.entities import Task as Task
from chalicelib.packs.tasks.rules import statuses as statuses
from chalicelib.packs.tasks.rules.workload import ESTIMATED

_PAGE = 1000  # tasks of a professional that are looked at for unfinished ones
_NO_DAY = date.max.isoformat()


@dataclass(frozen=True)
class PacketAction:
    """An action of a packet that becomes a task: its place among the packet's actions, who has it, what it is, and by when."""

    index: int
    professional_id: str
    title: str
    due_on: date | None = None


# -- giving tasks


def task_id_of(packet_id: str, sent_at: datetime, deal_id: str | None, action: PacketAction) -> str:
    """The id of the one task of an action: in the partition of the deal, else of the professional."""
    return Task.ID.derived(deal_id or action.professional_id, keyed_ulid(sent_at, f"{packet_id}/{action.index}"))


def add_tasks(
    ctx: Context,
    tx: Transaction,
    packet_id: str,
    sent_at: datetime,
    deal_id: str | None,
    actions: Sequence[PacketAction],
    *,
    any_deal: str | None = None,
) -> list[Task]:
    """Add the tasks of a packet's actions to the transaction in which it is accepted: each once, since its id is that of its action.

    The transaction fails with VersionConflict where one exists, NotFound or Conflict where a professional or the deal can't take it:
    professionals must be active, the deal open or finalizing, and, with `any_deal`, the caller's own unless they have that permission.
    One action a task and a professional, and one on the deal's gate, whose `ver` is raised: the transaction takes no other on it.
    """
    from chalicelib.packs.tasks import repository
    from chalicelib.packs.tasks.service.tasks import new_task

    tasks = [
        new_task(
            ctx,
            task_id_of(packet_id, sent_at, deal_id, action),
            deal_id,
            packet_id=packet_id,
            professional_id=action.professional_id,
            title=action.title,
            due_on=action.due_on,
        )
        for action in actions
    ]
    repository.add_new(ctx, tx, tasks, deal_id, any_deal=any_deal)
    return tasks


# -- finding unfinished ones


def tasks_of_deal(deal_id: str) -> KeyRange:
    """Where the tasks of a deal lie, in its partition."""
    return Task.children_of(deal_id)


def unfinished_in(rows: Iterable[DynamoItem]) -> list[Task]:
    """The unfinished tasks among rows of a partition, the oldest first."""
    from chalicelib.packs.tasks import repository

    return repository.unfinished(repository.tasks_in(rows))


def unfinished_of_deal(ctx: Context, deal_id: str) -> list[Task]:
    """The unfinished tasks of a deal, the oldest first. One round trip for each MB of its tasks."""
    from chalicelib.packs.tasks import repository

    return repository.unfinished_of_deal(ctx, deal_id)


def cancel_with_deal(ctx: Context, tx: Transaction, deal_id: str, limit: int) -> int:
    """Add that the unfinished tasks of a deal are cancelled with it, one action each; how many they are. Of more than `limit` nothing."""
    from chalicelib.packs.tasks.service import moves

    return moves.cancel_with_deal(ctx, tx, deal_id, limit)


def unfinished_without_deal(ctx: Context, professional_id: str, limit: int) -> tuple[list[Task], bool]:
    """The unfinished tasks that a professional has and that belong to no deal, and whether these are all: at most `limit`, the soonest due.

    Those that they took over from somebody else are among them. The newest thousand of their tasks are looked at. One round trip for
    each MB of what lists show of them, and one for each hundred that are found.
    """
    rows = ctx.store.query_all(Task.BY_PROFESSIONAL.range(professional_id=professional_id), newest_first=True, page_size=_PAGE)
    listed = [task for task in map(decode_view, islice(rows, _PAGE)) if "deal_id" not in task and task["status"] in statuses.UNFINISHED]
    listed.sort(key=lambda task: (task.get("due_on", _NO_DAY), task["id"]))
    found = ctx.store.find_many(Task, [task["id"] for task in listed[:limit]]).values()
    tasks = [task for task in found if task.is_unfinished and task.professional_id == professional_id]
    return tasks, len(listed) <= limit and next(rows, None) is None


# -- what packets say of tasks, and wait for


def outstanding(ctx: Context, professional_id: str, deal_id: str | None, rows: Sequence[DynamoItem]) -> FactList:
    """The unfinished tasks among the rows of the deal, else those of the professional that belong to none: the soonest due first."""
    if deal_id is None:
        tasks, is_complete = unfinished_without_deal(ctx, professional_id, MAX_FACTS)
    else:
        tasks, is_complete = unfinished_in(rows), True
    tasks = sorted(tasks, key=lambda task: (task.due_on is None, task.due_on or date.max, task.id))
    fields = ("id", "title", "professional_id", "status", "priority")
    listed = [
        {**{name: task.attribute_values[name] for name in fields}, "due_on": task.due_on and task.due_on.isoformat()} for task in tasks
    ]
    return FactList(listed, cut=not is_complete)


def require_settled(tx: Transaction, task_ids: Iterable[str], refusal: OnConditionFailed) -> None:
    """Let the transaction stand only while each of these tasks is done, cancelled or deleted: one check each."""
    settled = any_of(ROW_ABSENT, attribute("status").is_in(*statuses.SETTLED), attribute("deleted_at").exists())
    for id in task_ids:
        tx.condition_check(Task.ID.key(id), settled, refusal)


def unfinished_among(ctx: Context, task_ids: Sequence[str]) -> list[str]:
    """Those of these tasks that are unfinished. One round trip for a hundred."""
    found = ctx.store.find_many(Task, task_ids)
    return [id for id in task_ids if id in found and found[id].is_unfinished]


# -- estimates


def hours_estimated(numbers: Counts) -> Decimal:
    """The estimated hours of a professional's unfinished tasks, of the professional's numbers. They follow a change within seconds."""
    return Decimal(numbers.get(ESTIMATED, 0))
