"""The workload of a professional, or of the firm, from counts by day: one round trip, whatever the number of tasks."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.projections import live_aggregates, read_aggregates
from chalicelib.packs.scorecards.public import Professional
from chalicelib.packs.tasks.entities import WORKLOAD, WORKLOAD_ROW, parse_workload_day
from chalicelib.packs.tasks.permissions import own_professional
from chalicelib.packs.tasks.presenters import workload_view
from chalicelib.packs.tasks.rules.workload import compute
from chalicelib.packs.tasks.schemas import WorkloadQuery, WorkloadView


def read_workload(ctx: Context, query: WorkloadQuery) -> WorkloadView:
    """Unfinished tasks, overdue ones among them, and their estimates by week: of a professional, else of the firm.

    A professional reads their own. Eventually consistent: a change appears within seconds.
    """
    professional_id = query.professional_id or own_professional(ctx)
    if professional_id is None:
        rows = read_aggregates(ctx.store, WORKLOAD, WORKLOAD_ROW)
    else:
        access.require_own_professional(ctx, "tasks", professional_id, Professional.ID.name)
        rows = live_aggregates(ctx.store, ctx.store.require_with_rows(Professional, professional_id, WORKLOAD_ROW)[1])
    days = {parse_workload_day(sort_key): counts for sort_key, counts in rows.items() if sort_key.startswith(WORKLOAD_ROW)}
    return workload_view(ctx, professional_id, compute(days, ctx.today), explained=query.explain)
