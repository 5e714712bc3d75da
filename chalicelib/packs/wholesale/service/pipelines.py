"""Opening, reading, listing, changing and deleting pipelines."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.calendar import day_start
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, Invalid, NotFound
from chalicelib.foundation.ids import ROOT, encode_ulid
from chalicelib.foundation.store import gates
from chalicelib.foundation.store.pages import CursorSeal, Partition, page
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import (
    ACTIVITIES,
    AREA,
    INDEXED,
    NOBODY,
    Activity,
    Pipeline,
    by_market,
    by_owner,
    by_stage,
    postal_code,
)
from chalicelib.packs.wholesale.rules import funnel, stages
from chalicelib.packs.wholesale.schemas import (
    PipelineCreate,
    PipelinePage,
    PipelinePatch,
    PipelineQuery,
    PipelineView,
    PipelineWithActivities,
)
from chalicelib.packs.wholesale.service import changes, moves
from chalicelib.packs.wholesale.service.rights import REASSIGN, first_owner, need_write
from chalicelib.packs.wholesale.service.shown import activity_view, explanations, pipeline_view, summary

LATEST = 20  # activities that come with a pipeline
_NESTED = ("seller", "property", "costs", "next_action")
_LISTS = ("tags", "suited_for")
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(9998, 12, 30)  # that an instant of every zone's can hold


def create(ctx: Context, body: PipelineCreate) -> PipelineView:
    """Open a pipeline. One round trip, first call and replay alike."""
    pipeline = new(ctx, body)
    answer = pipeline_view(ctx, pipeline)
    tx = idempotency.transaction(ctx, answer)
    changes.add_new(ctx, tx, pipeline)
    tx.commit()
    return answer


def new(ctx: Context, body: PipelineCreate) -> Pipeline:
    """The pipeline that `body` describes, checked as far as can be without the table."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None or name == "owner"}
    values |= {name: changes.plain(values[name]) for name in _NESTED if name in values}
    values.setdefault("currency", ctx.settings.default_currency)
    values.setdefault("owner", first_owner(ctx))
    stage = values.setdefault("stage", body.stage)
    if values["owner"] not in (None, ctx.actor.id) and not ctx.actor.may(REASSIGN):
        raise Forbidden(f"Opening it for somebody else needs the permission {REASSIGN}.")
    changes.check_amounts(values["currency"], values)
    stages.check_beginning(stage, values)
    if stage == stages.UNDER_CONTRACT:
        values.setdefault("contract_effective_on", ctx.today)
    pipeline = Pipeline.fresh(
        ctx,
        **{"suited_for": [], "tags": [], "on_hold": False, **values},
        stage_entered_at=ctx.now,
        stage_entered_on=ctx.today,
        stage_entered_by=ctx.actor.id,
        cohort=funnel.cohort(ctx.now, ctx.settings.firm_time_zone),
        highest_stage=stage,
        stays={},
    )
    return changes.armed(pipeline, ctx.today)


def get(ctx: Context, id: str, *, explain: bool) -> PipelineWithActivities:
    """A pipeline with its latest activities: one query, from the end of its partition."""
    key = Pipeline.ID.key(id)
    answer = ctx.store.query(
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :root",
        ExpressionAttributeValues={":pk": {"S": key.pk}, ":first": {"S": ACTIVITIES}, ":root": {"S": ROOT}},
        ScanIndexForward=False,
        Limit=LATEST + 1,
        ConsistentRead=True,
    )
    rows = answer["Items"]
    pipeline = alive(Pipeline, rows[0]) if rows and rows[0]["sk"]["S"] == ROOT else None
    if pipeline is None:
        raise NotFound("pipeline")
    view = cast(PipelineWithActivities, pipeline_view(ctx, pipeline))
    view["activities"] = [activity_view(Activity.from_item(row)) for row in rows[1:]]
    if explain:
        view["explain"] = explanations(ctx, pipeline.inputs)
    return view


# -- lists


def list_page(ctx: Context, query: PipelineQuery) -> PipelinePage:
    """Pipelines, newest first. One equality picks the index (market, else owner, else stage); the rest is filtered."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, filters, ctx.actor.id)
    found = page(ctx.store, _partitions(ctx, query), seal, limit=query.limit, cursor=query.cursor, keep=_filter(ctx, query))
    return {"items": [summary(ctx, view) for view in found.rows], "next_cursor": found.next_cursor}


def _created(ctx: Context, query: PipelineQuery) -> tuple[str, str] | None:
    """The first and last ids that days of creation allow; None where any day will do."""
    first, last = query.created_from, query.created_to
    if first is None and last is None:
        return None
    if first and last and first > last:
        raise Invalid.field("created_from", "must not be after `created_to`")
    return _id_at(ctx, _clamped(first or _FIRST_DAY)), _id_before(ctx, _clamped(last or _LAST_DAY))


def _clamped(day: date) -> date:
    """The day, or the nearest that an id can tell."""
    return min(max(day, _FIRST_DAY), _LAST_DAY)


def _id_at(ctx: Context, day: date) -> str:
    start = day_start(day, ctx.settings.firm_time_zone)
    return f"{Pipeline.ID.prefix}_{encode_ulid(start, bytes(10))}"


def _id_before(ctx: Context, day: date) -> str:
    """What sorts just before the first id of the next day."""
    end = day_start(day + timedelta(days=1), ctx.settings.firm_time_zone)
    return f"{Pipeline.ID.prefix}_{encode_ulid(end - timedelta(milliseconds=1), bytes([255] * 10))}"


def _partitions(ctx: Context, query: PipelineQuery) -> list[Partition]:
    between = _created(ctx, query)
    low, high = between or (None, None)
    if query.market is not None:
        return [_market(query, query.market)]
    if query.owner is not None:
        owner = None if query.owner == NOBODY else query.owner
        return [Partition("gsi2", by_owner(owner), low, high)]
    wanted = stages.STAGES if query.stage is None else (query.stage,)
    return [Partition("gsi1", by_stage(stage), low, high) for stage in wanted]


def _market(query: PipelineQuery, market: str) -> Partition:
    code = postal_code(market)
    if len(code) < AREA:
        raise Invalid.field("market", f"at least {AREA} letters or digits are needed")
    return Partition("gsi4", by_market(query.country, code), prefix=code)


def _filter(ctx: Context, query: PipelineQuery) -> Callable[[dict[str, Any]], bool] | None:
    """What the index doesn't say. A sort key bounds the creation already, but for markets."""
    wanted: dict[str, Any] = {}
    if query.stage is not None and (query.market is not None or query.owner is not None):
        wanted["stage"] = query.stage
    if query.owner is not None and query.market is not None:
        wanted["owner"] = None if query.owner == NOBODY else query.owner
    if query.lead_source is not None:
        wanted["lead_source"] = query.lead_source
    between = _created(ctx, query) if query.market is not None else None
    if not wanted and between is None:
        return None

    def keep(view: dict[str, Any]) -> bool:
        if between and not between[0] <= view["id"] <= between[1]:
            return False
        return all(view.get(name) == value for name, value in wanted.items())

    return keep


# -- changes


def edit(ctx: Context, id: str, body: PipelinePatch) -> PipelineView:
    """Change a pipeline; what is left out stays. Two round trips. What changes nothing writes nothing."""

    def step() -> PipelineView:
        before = _to_write(ctx, id)
        after = edited(ctx, before, body)
        if after is not before:
            _write(ctx, before, after)
        return pipeline_view(ctx, after)

    return ctx.store.settle(step)


def _to_write(ctx: Context, id: str) -> Pipeline:
    pipeline = ctx.store.find(Pipeline, id)
    if pipeline is None:
        raise NotFound("pipeline")
    need_write(ctx, pipeline.owner)
    ctx.expect_revision(pipeline.revision)
    return pipeline


def _write(ctx: Context, before: Pipeline, after: Pipeline) -> None:
    if changes.is_alone(before, after):
        ctx.store.save(after)
        return
    tx = Transaction(ctx.store)
    changes.add_changed(ctx, tx, before, after)
    tx.commit()


def edited(ctx: Context, before: Pipeline, body: PipelinePatch) -> Pipeline:
    """The pipeline after the patch; `before` itself where nothing changes."""
    sent = body.model_dump(exclude_unset=True)
    stage, reason, note = sent.pop("stage", before.stage), sent.pop("reason", None), sent.pop("note", None)
    if stage == before.stage and "stage" not in body.model_fields_set and (reason or note):
        raise Invalid.field("stage", "reason and note belong to a move of the stage")
    values = {name: _merged(before, name, value) for name, value in sent.items()}
    values = {name: value for name, value in values.items() if value != before.attribute_values.get(name)}
    if not values and stage == before.stage:
        return before
    if "owner" in values:
        ctx.actor.need(REASSIGN)
    if stage == before.stage:
        after = before.changed(ctx, **values)
        stages.check_fields(stage, after.attribute_values)
        changes.armed(after, ctx.today)
    else:
        after = moves.moved(ctx, before, stage, values, reason=reason, note=note)
    changes.check_amounts(after.currency, after.attribute_values)
    changes.complete_next_action(after.next_action)
    changes.refuse_currency_change(before, after)
    return after


def _merged(before: Pipeline, name: str, sent: Any) -> Any:
    if name in _LISTS:
        return sent or []
    if name in _NESTED and sent is not None:
        return _merge(before.attribute_values.get(name) or {}, changes.plain(sent)) or None
    return sent


def _merge(kept: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """`sent` over `kept`, level by level; None clears."""
    merged = dict(kept)
    for name, value in sent.items():
        if isinstance(value, dict):
            value = _merge(merged.get(name) or {}, value) or None
        merged[name] = value
    return {name: value for name, value in merged.items() if value is not None}


def delete(ctx: Context, id: str) -> None:
    """Mark a pipeline deleted; refused (409) while anything refers to it. Two round trips."""

    def step() -> None:
        before = _to_write(ctx, id)
        tx = Transaction(ctx.store)
        gates.closed(tx, Pipeline.ID, id, ctx.now, removing=INDEXED)
        if before.external_ref:
            changes.free_reference(tx, before)
        tx.save(before.deleted(ctx))
        tx.commit()

    ctx.store.settle(step)
