"""What happened with a pipeline: logging it, listing it."""

from datetime import date, datetime
from functools import partial

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.presentation import present
from chalicelib.foundation.schema_types import PageOf, PageParams, check_money, occurred_at
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import Activity, Pipeline, PipelineActivityState
from chalicelib.packs.wholesale.permissions import ANY_OWNER, require_write
from chalicelib.packs.wholesale.repository import UnexpectedActivityState
from chalicelib.packs.wholesale.schemas import ActivityCreate, ActivityView


def log_activity(ctx: Context, id: str, body: ActivityCreate) -> ActivityView:
    """Log an activity. It changes neither prices nor stage."""
    # One round trip in the usual case: the pipeline is watched, in the default currency, and has no later activity. Otherwise the
    # failed condition returns the actual state, and a second attempt is conditioned on that.
    at = occurred_at(ctx.now, body.occurred_at)
    owner = None if ctx.actor.can(ANY_OWNER) else ctx.actor.id
    actual: PipelineActivityState | None = None

    def attempt() -> ActivityView:
        nonlocal actual
        expected = actual or repository.usual_activity_state(ctx, id, at, _day(ctx, at), owner)
        try:
            return _write(ctx, id, body, at, expected, actual is not None)
        except UnexpectedActivityState as unexpected:
            is_first = actual is None
            actual = unexpected.actual
            if is_first:
                return attempt()  # without a pause: nobody interfered, the guess was wrong
            raise VersionConflict from None

    return ctx.store.retry_on_conflict(attempt)


def _day(ctx: Context, at: datetime) -> date:
    return business_date(at, ctx.settings.firm_time_zone)


def _write(ctx: Context, id: str, body: ActivityCreate, at: datetime, expected: PipelineActivityState, was_read: bool) -> ActivityView:
    if was_read:
        require_write(ctx, expected.owner)
    check_money(expected.currency, {"amount": body.amount})
    activity = Activity.new(
        ctx,
        id=Activity.ID.new(ctx.now, parent=id),
        pipeline_id=id,
        event_type=body.event_type,
        description=body.description,
        amount=body.amount,
        currency=expected.currency,
        occurred_at=at,
    )
    latest = expected.with_values(last_activity_at=at, last_day=_day(ctx, at)) if at >= expected.last_activity_at else expected
    view = present(ActivityView, activity)
    repository.create_activity(ctx, activity, latest, expected, was_read=was_read, response=view)
    return view


def list_activities(ctx: Context, id: str, query: PageParams) -> PageOf[ActivityView]:
    """A pipeline's activities, the latest logged first."""
    pipeline = ctx.store.require(Pipeline, id)
    present_activity = partial(present, ActivityView)
    return ctx.paginate(Activity.children_of(pipeline.id), query, present_activity, decode=Activity.from_item)
