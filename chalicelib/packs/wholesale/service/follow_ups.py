"""Pipelines without recent activity: listing them, and raising follow-ups.

The indexes find candidates by their activity state; then the pipeline is read and decides, since an index may be behind.
"""

from datetime import date, timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import DueItems, notification_target
from chalicelib.foundation.events import Notification
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.schema_types import PageOf
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.presenters import pipeline_summary, pricing_explanations
from chalicelib.packs.wholesale.rules import follow_ups
from chalicelib.packs.wholesale.schemas import StaleQuery, StaleSummary


def quiet_since(pipeline: Pipeline, last_day: date) -> date:
    """The business date of the last activity or stage change, whichever is later (activity states once counted no change of stage)."""
    return max(last_day, pipeline.stage_entered_on)


def list_stale(ctx: Context, query: StaleQuery) -> PageOf[StaleSummary]:
    """Open pipelines without activity for so many days, the longest inactive first."""
    range = repository.inactive_until(ctx.today - timedelta(days=query.days))
    candidates = ctx.paginate(range, query, lambda row: row, decode=repository.inactive_since, newest_first=False)
    pipelines = ctx.store.find_many(Pipeline, [id for id, _ in candidates["items"]])
    items = [
        _stale_summary(ctx, pipelines[id], since, explain=query.explain)
        for id, last_day in candidates["items"]
        if id in pipelines and _is_stale(ctx, pipelines[id], since := quiet_since(pipelines[id], last_day), query.days)
    ]
    return {"items": items, "next_cursor": candidates["next_cursor"]}


def _is_stale(ctx: Context, pipeline: Pipeline, since: date, days: int) -> bool:
    return follow_ups.is_stale(pipeline.stage, on_hold=pipeline.on_hold, quiet_since=since, today=ctx.today, days=days)


def _stale_summary(ctx: Context, pipeline: Pipeline, since: date, *, explain: bool) -> StaleSummary:
    summary, quiet = pipeline_summary(ctx, pipeline.list_view()), follow_ups.quiet_days(since, ctx.today)
    explanations = {"explain": pricing_explanations(ctx, pipeline.pricing_inputs)} if explain else {}
    return present_row(StaleSummary, summary, quiet_since=since.isoformat(), quiet_days=quiet, **explanations)


def raise_follow_up(ctx: Context, id: str, items: DueItems) -> bool:
    """Raise a follow-up where one is due; returns whether one was raised.

    The claim and the event are one transaction: a concurrent run fails on the changed due key. Where no follow-up is due, the due
    key is moved to the day of the next one.
    """
    pipeline, state = repository.read_due(id, items)
    if state is None or state.follow_up_on is None or state.follow_up_on > ctx.today:
        return False  # the index lags: another run has moved it already
    if pipeline is None or not pipeline.is_watched:
        return False  # the change that ended the watch also removed the due key
    since = quiet_since(pipeline, state.last_day)
    latest = state if since == state.last_day else state.with_values(last_day=since, last_activity_at=pipeline.stage_entered_at)
    follow_up = follow_ups.next_follow_up(since, state.raised, ctx.today)
    if follow_up.raise_on > ctx.today:
        repository.claim_follow_up(ctx, state, latest.with_values(follow_up_on=follow_up.raise_on), [])
        return False
    next_one = follow_ups.next_follow_up(since, (since, follow_up.days), ctx.today)
    after = latest.with_values(raised_since=since, raised_days=follow_up.days, follow_up_on=next_one.raise_on)
    return repository.claim_follow_up(ctx, state, after, [_event(ctx, pipeline, follow_up)])


def _event(ctx: Context, pipeline: Pipeline, follow_up: follow_ups.FollowUp) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{pipeline.id}/{follow_up.key}",
        on=follow_up.quiet_since + timedelta(days=follow_up.days),
        event="wholesale.follow_up",
        title=f"Quiet for {follow_up.days} days: {pipeline.display_name}",
        due_on=ctx.today,
        data={"days": follow_up.days, "quiet_since": follow_up.quiet_since.isoformat(), "stage": pipeline.stage},
        **notification_target("pipeline", pipeline.id, pipeline.owner),
    )
