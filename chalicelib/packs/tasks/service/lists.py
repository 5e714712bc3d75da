"""Lists of tasks."""

from collections.abc import Callable
from datetime import timedelta

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import Deal
from chalicelib.packs.scorecards.public import Professional
from chalicelib.packs.tasks.entities import Task
from chalicelib.packs.tasks.permissions import own_professional
from chalicelib.packs.tasks.rules.statuses import STATUSES
from chalicelib.packs.tasks.schemas import TaskQuery, TaskSummary


def list_tasks(ctx: Context, query: TaskQuery) -> PageOf[TaskSummary]:
    """Tasks, newest first; with `due_before` or `overdue` unfinished ones, by the day on which they are due. A professional's own."""
    own = own_professional(ctx)
    is_by_day = query.overdue or query.due_before is not None
    ranges = _by_day(ctx, query) if is_by_day else _by_status(query) if own is None else [Task.BY_PROFESSIONAL.range(professional_id=own)]
    return ctx.paginate(ranges, query, _summary, predicate=_predicate(query.status, own), newest_first=not is_by_day)


def _by_day(ctx: Context, query: TaskQuery) -> list[KeyRange]:
    """Unfinished tasks that are due before the day, and before today where only overdue ones are asked for."""
    ends = [day for day in (query.due_before, ctx.today if query.overdue else None) if day is not None]
    return [Task.BY_DAY.range(high=f"{min(ends) - timedelta(days=1)}~")]


def _by_status(query: TaskQuery) -> list[KeyRange]:
    return [Task.BY_STATUS.range(status=status) for status in (STATUSES if query.status is None else (query.status,))]


def _predicate(status: str | None, own: str | None) -> Callable[[JsonObject], bool] | None:
    """What the ranges don't decide, or decide as well: the status, and whose they are."""
    expected = {name: value for name, value in (("status", status), ("professional_id", own)) if value is not None}
    return (lambda row: all(row.get(name) == value for name, value in expected.items())) if expected else None


def list_professional_tasks(ctx: Context, professional_id: str, query: PageParams) -> PageOf[TaskSummary]:
    """A professional's tasks, newest first."""
    access.require_own_professional(ctx, "tasks", professional_id, Professional.ID.name)
    ctx.store.require(Professional, professional_id)
    return ctx.paginate(Task.BY_PROFESSIONAL.range(professional_id=professional_id), query, _summary)


def list_deal_tasks(ctx: Context, deal_id: str, query: PageParams) -> PageOf[TaskSummary]:
    """A deal's tasks, newest first; to a professional their own of it."""
    id = deals.resolve_id(ctx, deal_id)
    ctx.store.require(Deal, id)
    return ctx.paginate(Task.children_of(id), query, _summary, predicate=_predicate(None, own_professional(ctx)))


def _summary(row: JsonObject) -> TaskSummary:
    return present_row(TaskSummary, row)
