"""Tasks and workloads as answers."""

from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present
from chalicelib.packs.tasks.entities import Task
from chalicelib.packs.tasks.rules import alarms, time_in_states
from chalicelib.packs.tasks.rules.workload import Workload
from chalicelib.packs.tasks.schemas import ExplainedTaskView, TaskView, WorkloadView


def task_view(ctx: Context, task: Task) -> TaskView:
    """A task."""
    return present(TaskView, task, **_computed(ctx, task))


def explained_task_view(ctx: Context, task: Task, *, explain: bool) -> ExplainedTaskView:
    """A task and, on request, what its computed fields come from."""
    explanation = {"explain": _explanation(ctx, task)} if explain else {}
    return present(ExplainedTaskView, task, **explanation, **_computed(ctx, task))


def _computed(ctx: Context, task: Task) -> JsonObject:
    return {
        "status_since": task.status_entered_at,
        "seconds_in": time_in_states.seconds_in(task.milliseconds_in),
        "blocked_seconds": time_in_states.blocked_seconds(task.milliseconds_blocked),
        "overdue": alarms.is_overdue(task.open_until, ctx.today),
    }


def _explanation(ctx: Context, task: Task) -> Explanation:
    inputs = {
        "status": task.status,
        "due_on": task.due_on and task.due_on.isoformat(),
        "today": ctx.today.isoformat(),
        "firm_time_zone": ctx.settings.firm_time_zone,
        "milliseconds_in": task.milliseconds_in,
        "milliseconds_blocked": task.milliseconds_blocked,
    }
    missing = ["due_on"] if task.due_on is None else []
    return explain("tasks.times", inputs, format_timestamp(ctx.now), missing)


def workload_view(ctx: Context, professional_id: str | None, workload: Workload, *, explained: bool) -> WorkloadView:
    """A workload; `professional_id` null: the firm's."""
    view: WorkloadView = {
        "professional_id": professional_id,
        "open": workload.open,
        "overdue": workload.overdue,
        "hours_estimated": workload.hours,
        "by_week": [
            {"week": None if week.monday is None else week.monday.isoformat(), "open": week.open, "hours_estimated": week.hours}
            for week in workload.weeks
        ],
    }
    if explained:
        inputs = {
            "today": ctx.today.isoformat(),
            "firm_time_zone": ctx.settings.firm_time_zone,
            "tasks_without_estimate": workload.unestimated,
        }
        missing = ["estimate_hours"] if workload.unestimated else []
        view["explain"] = explain("tasks.workload", cast(JsonObject, inputs), format_timestamp(ctx.now), missing)
    return view
