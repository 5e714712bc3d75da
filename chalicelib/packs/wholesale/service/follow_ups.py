"""Pipelines without recent activity: listing them, and raising follow-ups.

The last activity comes from two items: the activity state has creation and activities, the pipeline has its last stage change.
The indexes find candidates by the former; then the pipeline is read and decides.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import CursorSigner, paginate
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import QUIET, Pipeline, PipelineActivityState
from chalicelib.packs.wholesale.presenters import pipeline_summary
from chalicelib.packs.wholesale.rules import follow_ups
from chalicelib.packs.wholesale.schemas import StalePage, StaleQuery, StaleSummary
from chalicelib.packs.wholesale.service import due


def quiet_since(pipeline: Pipeline, last_day: date) -> date:
    """The business date of the last activity or stage change, whichever is later."""
    return max(last_day, pipeline.stage_entered_on)


# -- the list


def list_stale(ctx: Context, query: StaleQuery) -> StalePage:
    """A page of open pipelines without activity for `query.days` days, the longest inactive first. Two round trips.

    A page may be short: candidates whose stage changed since are left out.
    """
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, query.days, ctx.actor.id)
    latest_day = (ctx.today - timedelta(days=query.days)).isoformat()
    partition = KeyRange("gsi1", QUIET, high=f"{latest_day}~")
    result = paginate(ctx.store, [partition], seal, limit=query.limit, cursor=query.cursor, newest_first=False, decode=_candidate)
    rows = ctx.store.batch_get(Pipeline.ID.key(row["id"]) for row in result.rows)
    items = [_stale_view(ctx, query.days, candidate, rows) for candidate in result.rows]
    return {"items": [item for item in items if item], "next_cursor": result.next_cursor}


def _candidate(raw: DynamoItem) -> dict[str, Any]:
    return {"id": raw["pk"]["S"], "last_day": date.fromisoformat(raw["gsi1sk"]["S"].split("#")[0])}


def _stale_view(ctx: Context, days: int, candidate: dict[str, Any], rows: dict[ItemKey, DynamoItem]) -> StaleSummary | None:
    pipeline = parse_live(Pipeline, rows.get(Pipeline.ID.key(candidate["id"])))
    if pipeline is None:
        return None
    since, today = quiet_since(pipeline, candidate["last_day"]), ctx.today
    if not follow_ups.is_stale(pipeline.stage, on_hold=pipeline.on_hold, quiet_since=since, today=today, days=days):
        return None
    return {
        **pipeline_summary(ctx, pipeline.list_view()),
        "quiet_since": since.isoformat(),
        "quiet_days": follow_ups.quiet_days(since, today),
    }


# -- follow-ups


def remind(ctx: Context, id: str, rows: dict[ItemKey, DynamoItem]) -> bool:
    """Raise a follow-up where one is due; returns whether one was raised. `rows` are the pipeline and its activity state.

    The claim and the event are one transaction: a concurrent run fails on the changed due key. Where no follow-up is due, the due
    key is moved to the day of the next one.
    """
    pipeline = parse_live(Pipeline, rows.get(Pipeline.ID.key(id)))
    raw = rows.get(PipelineActivityState.key(id))
    if raw is None:
        return False
    state = PipelineActivityState.from_item(raw)
    if state.follow_up_on is None or state.follow_up_on > ctx.today:
        return False  # the index lags: another run has moved it already
    if pipeline is None or not pipeline.is_watched:
        return False  # the change that ended the watch also removed the due key
    since = quiet_since(pipeline, state.last_day)
    follow_up = follow_ups.next_follow_up(since, state.raised, ctx.today)
    if follow_up.raise_on > ctx.today:
        _claim(ctx, id, state, replace(state, follow_up_on=follow_up.raise_on), [])
        return False
    raised = replace(state, raised_since=since, raised_days=follow_up.days)
    next_one = follow_ups.next_follow_up(since, raised.raised, ctx.today)
    return _claim(ctx, id, state, replace(raised, follow_up_on=next_one.raise_on), [_event(ctx, pipeline, follow_up)])


def _claim(ctx: Context, id: str, before: PipelineActivityState, after: PipelineActivityState, events: list[Notification]) -> bool:
    """Move the due key and write the events; False where another run was first."""

    def claim(tx: Transaction) -> None:
        values = {name: value for name, value in after.values(id).items() if value is not None and name in _CLAIMED_ATTRIBUTES}
        tx.update_by_expression(
            PipelineActivityState.key(id),
            "SET " + ", ".join(f"{name} = :{name}" for name in values),
            "follow_up_on = :seen AND last_day = :last_day AND watched = :yes AND attribute_exists(gsi3pk)",
            VersionConflict(),
            {f":{name}": value for name, value in values.items()}
            | {":seen": before.follow_up_on, ":last_day": before.last_day, ":yes": True},
        )

    return due.commit_claim(ctx, claim, events)


_CLAIMED_ATTRIBUTES = ("follow_up_on", "raised_since", "raised_days", "gsi3sk")


def _event(ctx: Context, pipeline: Pipeline, follow_up: follow_ups.FollowUp) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{pipeline.id}/{follow_up.key}",
        on=follow_up.quiet_since + timedelta(days=follow_up.days),
        event="wholesale.follow_up",
        title=f"Quiet for {follow_up.days} days: {due.display_name(pipeline)}",
        due_on=ctx.today,
        data={"days": follow_up.days, "quiet_since": follow_up.quiet_since.isoformat(), "stage": pipeline.stage},
        **due.notification_target(pipeline),
    )
