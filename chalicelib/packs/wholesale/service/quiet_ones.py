"""Pipelines in which nothing happens: listing them, and asking for a follow-up.

How long one is quiet is told by two rows: the row beside it knows of its creation and activities, the pipeline of its stage's
last change. The indexes find candidates by the former; the pipeline decides.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Stale
from chalicelib.foundation.events import Event
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.pages import CursorSeal, Partition, page
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import QUIET, Beside, Pipeline
from chalicelib.packs.wholesale.rules import quiet
from chalicelib.packs.wholesale.schemas import StalePage, StaleQuery, StaleSummary
from chalicelib.packs.wholesale.service import due
from chalicelib.packs.wholesale.service.shown import summary


def quiet_since(pipeline: Pipeline, last_day: date) -> date:
    """The firm's day of the last activity: of those, and of the stage's change."""
    return max(last_day, pipeline.stage_entered_on)


# -- the list


def list_page(ctx: Context, query: StaleQuery) -> StalePage:
    """Open pipelines without activity for so many days, the quietest first. Two round trips.

    A page may be short: whose stage has moved since is left out.
    """
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, query.days, ctx.actor.id)
    before = (ctx.today - timedelta(days=query.days)).isoformat()
    partition = Partition("gsi1", QUIET, high=f"{before}~")
    found = page(ctx.store, [partition], seal, limit=query.limit, cursor=query.cursor, newest_first=False, shown=_candidate)
    rows = ctx.store.get_many(Pipeline.ID.key(row["id"]) for row in found.rows)
    items = [_stale(ctx, query.days, candidate, rows) for candidate in found.rows]
    return {"items": [item for item in items if item], "next_cursor": found.next_cursor}


def _candidate(raw: Raw) -> dict[str, Any]:
    return {"id": raw["pk"]["S"], "last_day": date.fromisoformat(raw["gsi1sk"]["S"].split("#")[0])}


def _stale(ctx: Context, days: int, candidate: dict[str, Any], rows: dict[Key, Raw]) -> StaleSummary | None:
    pipeline = alive(Pipeline, rows.get(Pipeline.ID.key(candidate["id"])))
    if pipeline is None:
        return None
    since, today = quiet_since(pipeline, candidate["last_day"]), ctx.today
    if not quiet.is_stale(pipeline.stage, on_hold=pipeline.on_hold, quiet_since=since, today=today, days=days):
        return None
    return {**summary(ctx, pipeline.view()), "quiet_since": since.isoformat(), "quiet_days": quiet.quiet_days(since, today)}


# -- follow-ups


def raise_due(ctx: Context, id: str, rows: dict[Key, Raw]) -> bool:
    """Ask for a follow-up where one is due; whether that was done. `rows` are the pipeline and the row beside it.

    Claiming is one transaction with the event: whoever else finds the same row due meets its new key. Where none is due, the
    key is moved to the day when it may be.
    """
    pipeline = alive(Pipeline, rows.get(Pipeline.ID.key(id)))
    raw = rows.get(Beside.key(id))
    if raw is None:
        return False
    beside = Beside.from_item(raw)
    if beside.follow_up_on is None or beside.follow_up_on > ctx.today:
        return False  # the index was behind: somebody has moved it already
    if pipeline is None or not pipeline.is_watched:
        return False  # the change that ends the watch takes the keys with it
    since = quiet_since(pipeline, beside.last_day)
    upcoming = quiet.next_follow_up(since, beside.raised, ctx.today)
    if upcoming.raise_on > ctx.today:
        _claim(ctx, id, beside, replace(beside, follow_up_on=upcoming.raise_on), [])
        return False
    raised = replace(beside, raised_since=since, raised_days=upcoming.days)
    following = quiet.next_follow_up(since, raised.raised, ctx.today)
    return _claim(ctx, id, beside, replace(raised, follow_up_on=following.raise_on), [_event(ctx, pipeline, upcoming)])


def _claim(ctx: Context, id: str, seen: Beside, after: Beside, events: list[Event]) -> bool:
    """Move the key, with the events; False where somebody else was first."""

    def claim(tx: Transaction) -> None:
        values = {name: value for name, value in after.values(id).items() if value is not None and name in _CLAIMED}
        tx.update(
            Beside.key(id),
            "SET " + ", ".join(f"{name} = :{name}" for name in values),
            "follow_up_on = :seen AND last_day = :last_day AND watched = :yes AND attribute_exists(gsi3pk)",
            Stale(),
            {f":{name}": value for name, value in values.items()} | {":seen": seen.follow_up_on, ":last_day": seen.last_day, ":yes": True},
        )

    return due.claimed(ctx, claim, events)


_CLAIMED = ("follow_up_on", "raised_since", "raised_days", "gsi3sk")


def _event(ctx: Context, pipeline: Pipeline, follow_up: quiet.FollowUp) -> Event:
    return Event.single(
        ctx,
        f"{pipeline.id}/{follow_up.key}",
        on=follow_up.quiet_since + timedelta(days=follow_up.days),
        event="wholesale.follow_up",
        title=f"Quiet for {follow_up.days} days: {due.name(pipeline)}",
        due_on=ctx.today,
        data={"days": follow_up.days, "quiet_since": follow_up.quiet_since.isoformat(), "stage": pipeline.stage},
        **due.addressed(pipeline),
    )
