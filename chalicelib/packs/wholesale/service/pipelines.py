"""Opening, reading, listing, changing and deleting pipelines."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import start_of_day
from chalicelib.foundation.errors import Forbidden, NotFound, ValidationFailed
from chalicelib.foundation.ids import ROOT_SORT_KEY, encode_ulid
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.pagination import CursorSigner, decode_view, paginate
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import (
    ACTIVITIES,
    INDEX_ATTRIBUTES,
    MARKET_PREFIX_LENGTH,
    NO_OWNER,
    Activity,
    Pipeline,
    market_key,
    owner_key,
    postal_code,
    stage_key,
)
from chalicelib.packs.wholesale.permissions import REASSIGN, default_owner, require_write
from chalicelib.packs.wholesale.presenters import activity_view, pipeline_summary, pipeline_view, pricing_explanations
from chalicelib.packs.wholesale.rules import funnel, stages
from chalicelib.packs.wholesale.schemas import (
    PipelineCreate,
    PipelinePage,
    PipelinePatch,
    PipelineQuery,
    PipelineView,
    PipelineWithActivitiesView,
)
from chalicelib.packs.wholesale.service import changes, pipeline_transitions

LATEST_ACTIVITIES = 20  # activities returned with a pipeline
_NESTED = ("seller", "property", "costs", "next_action")
_LISTS = ("tags", "suited_for")
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(9998, 12, 30)  # days whose start is a valid timestamp in every time zone


def create(ctx: Context, body: PipelineCreate) -> PipelineView:
    """Create a pipeline. One round trip, also for a replay."""
    pipeline = build_pipeline(ctx, body)
    view = pipeline_view(ctx, pipeline)
    tx = idempotency.idempotent_transaction(ctx, view)
    changes.add_create(ctx, tx, pipeline)
    tx.commit()
    return view


def build_pipeline(ctx: Context, body: PipelineCreate) -> Pipeline:
    """The pipeline that `body` describes, validated as far as possible without reading the table."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None or name == "owner"}
    values |= {name: changes.to_storable(values[name]) for name in _NESTED if name in values}
    values.setdefault("currency", ctx.settings.default_currency)
    values.setdefault("owner", default_owner(ctx))
    stage = values.setdefault("stage", body.stage)
    if values["owner"] not in (None, ctx.actor.id) and not ctx.actor.can(REASSIGN):
        raise Forbidden(f"Opening it for somebody else needs the permission {REASSIGN}.")
    changes.check_amounts(values["currency"], values)
    stages.check_initial(stage, values)
    if stage == stages.UNDER_CONTRACT:
        values.setdefault("contract_effective_on", ctx.today)
    pipeline = Pipeline.new(
        ctx,
        **{"suited_for": [], "tags": [], "on_hold": False, **values},
        stage_entered_at=ctx.now,
        stage_entered_on=ctx.today,
        stage_entered_by=ctx.actor.id,
        cohort=funnel.cohort(ctx.now, ctx.settings.firm_time_zone),
        highest_stage=stage,
        stays={},
    )
    return changes.with_next_reminder(pipeline, ctx.today)


def get(ctx: Context, id: str, *, explain: bool) -> PipelineWithActivitiesView:
    """A pipeline with its latest activities: one descending query of its partition."""
    key = Pipeline.ID.key(id)
    response = ctx.store.query(
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :root",
        ExpressionAttributeValues={":pk": {"S": key.pk}, ":first": {"S": ACTIVITIES}, ":root": {"S": ROOT_SORT_KEY}},
        ScanIndexForward=False,
        Limit=LATEST_ACTIVITIES + 1,
        ConsistentRead=True,
    )
    rows = response["Items"]
    pipeline = parse_live(Pipeline, rows[0]) if rows and rows[0]["sk"]["S"] == ROOT_SORT_KEY else None
    if pipeline is None:
        raise NotFound("pipeline")
    view = cast(PipelineWithActivitiesView, pipeline_view(ctx, pipeline))
    view["activities"] = [activity_view(Activity.from_item(row)) for row in rows[1:]]
    if explain:
        view["explain"] = pricing_explanations(ctx, pipeline.pricing_inputs)
    return view


# -- lists


def list_pipelines(ctx: Context, query: PipelineQuery) -> PipelinePage:
    """A page of pipelines, newest first. Market, else owner, else stage selects the index; other filters are applied to the rows."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, filters, ctx.actor.id)
    result = paginate(
        ctx.store,
        _key_ranges(ctx, query),
        seal,
        limit=query.limit,
        cursor=query.cursor,
        predicate=_predicate(ctx, query),
        decode=decode_view,
    )
    return {"items": [pipeline_summary(ctx, view) for view in result.rows], "next_cursor": result.next_cursor}


def _creation_range(ctx: Context, query: PipelineQuery) -> tuple[str, str] | None:
    """The first and last possible ids of the requested days of creation; None without such a filter."""
    first, last = query.created_from, query.created_to
    if first is None and last is None:
        return None
    if first and last and first > last:
        raise ValidationFailed.field("created_from", "must not be after `created_to`")
    return _first_id_of(ctx, _clamp_day(first or _FIRST_DAY)), _last_id_of(ctx, _clamp_day(last or _LAST_DAY))


def _clamp_day(day: date) -> date:
    """The day, or the nearest one that an id can encode."""
    return min(max(day, _FIRST_DAY), _LAST_DAY)


def _first_id_of(ctx: Context, day: date) -> str:
    start = start_of_day(day, ctx.settings.firm_time_zone)
    return f"{Pipeline.ID.prefix}_{encode_ulid(start, bytes(10))}"


def _last_id_of(ctx: Context, day: date) -> str:
    """The last id of the day in sort order."""
    end = start_of_day(day + timedelta(days=1), ctx.settings.firm_time_zone)
    return f"{Pipeline.ID.prefix}_{encode_ulid(end - timedelta(milliseconds=1), bytes([255] * 10))}"


def _key_ranges(ctx: Context, query: PipelineQuery) -> list[KeyRange]:
    between = _creation_range(ctx, query)
    low, high = between or (None, None)
    if query.market is not None:
        return [_market_range(query, query.market)]
    if query.owner is not None:
        owner = None if query.owner == NO_OWNER else query.owner
        return [KeyRange("gsi2", owner_key(owner), low, high)]
    selected = stages.STAGES if query.stage is None else (query.stage,)
    return [KeyRange("gsi1", stage_key(stage), low, high) for stage in selected]


def _market_range(query: PipelineQuery, market: str) -> KeyRange:
    code = postal_code(market)
    if len(code) < MARKET_PREFIX_LENGTH:
        raise ValidationFailed.field("market", f"at least {MARKET_PREFIX_LENGTH} letters or digits are needed")
    return KeyRange("gsi4", market_key(query.country, code), prefix=code)


def _predicate(ctx: Context, query: PipelineQuery) -> Callable[[dict[str, Any]], bool] | None:
    """The filters that the index doesn't cover. The sort key already bounds the creation, except in a market's index."""
    expected: dict[str, Any] = {}
    if query.stage is not None and (query.market is not None or query.owner is not None):
        expected["stage"] = query.stage
    if query.owner is not None and query.market is not None:
        expected["owner"] = None if query.owner == NO_OWNER else query.owner
    if query.lead_source is not None:
        expected["lead_source"] = query.lead_source
    between = _creation_range(ctx, query) if query.market is not None else None
    if not expected and between is None:
        return None

    def matches(view: dict[str, Any]) -> bool:
        if between and not between[0] <= view["id"] <= between[1]:
            return False
        return all(view.get(name) == value for name, value in expected.items())

    return matches


# -- changes


def edit(ctx: Context, id: str, body: PipelinePatch) -> PipelineView:
    """Apply a patch to a pipeline. Two round trips; one where nothing changes, as then nothing is written."""

    def step() -> PipelineView:
        before = _get_writable(ctx, id)
        after = apply_patch(ctx, before, body)
        if after is not before:
            _write(ctx, before, after)
        return pipeline_view(ctx, after)

    return ctx.store.retry_on_conflict(step)


def _get_writable(ctx: Context, id: str) -> Pipeline:
    pipeline = ctx.store.find(Pipeline, id)
    if pipeline is None:
        raise NotFound("pipeline")
    require_write(ctx, pipeline.owner)
    ctx.check_if_match(pipeline.revision)
    return pipeline


def _write(ctx: Context, before: Pipeline, after: Pipeline) -> None:
    if changes.is_single_item_update(before, after):
        ctx.store.save(after)
        return
    tx = Transaction(ctx.store)
    changes.add_update(ctx, tx, before, after)
    tx.commit()


def apply_patch(ctx: Context, before: Pipeline, body: PipelinePatch) -> Pipeline:
    """The pipeline after the patch; `before` itself where nothing changes."""
    sent = body.model_dump(exclude_unset=True)
    stage, reason, note = sent.pop("stage", before.stage), sent.pop("reason", None), sent.pop("note", None)
    if stage == before.stage and "stage" not in body.model_fields_set and (reason or note):
        raise ValidationFailed.field("stage", "reason and note belong to a move of the stage")
    values = {name: _patched_value(before, name, value) for name, value in sent.items()}
    values = {name: value for name, value in values.items() if value != before.attribute_values.get(name)}
    if not values and stage == before.stage:
        return before
    if "owner" in values:
        ctx.actor.require(REASSIGN)
    if stage == before.stage:
        after = before.with_changes(ctx, **values)
        stages.check_fields(stage, after.attribute_values)
        changes.with_next_reminder(after, ctx.today)
    else:
        after = pipeline_transitions.transitioned(ctx, before, stage, values, reason=reason, note=note)
    changes.check_amounts(after.currency, after.attribute_values)
    changes.check_next_action(after.next_action)
    changes.check_currency_change(before, after)
    return after


def _patched_value(before: Pipeline, name: str, sent: Any) -> Any:
    if name in _LISTS:
        return sent or []
    if name in _NESTED and sent is not None:
        return _merge_patch(before.attribute_values.get(name) or {}, changes.to_storable(sent)) or None
    return sent


def _merge_patch(current: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """`current` with `sent` merged into it, level by level; None clears."""
    merged = dict(current)
    for name, value in sent.items():
        if isinstance(value, dict):
            value = _merge_patch(merged.get(name) or {}, value) or None
        merged[name] = value
    return {name: value for name, value in merged.items() if value is not None}


def delete(ctx: Context, id: str) -> None:
    """Soft-delete a pipeline; Conflict (409) while anything references it. Two round trips."""

    def step() -> None:
        before = _get_writable(ctx, id)
        tx = Transaction(ctx.store)
        references.close_if_unreferenced(tx, Pipeline.ID, id, ctx.now, removing=INDEX_ATTRIBUTES)
        if before.external_ref:
            changes.release_external_ref(tx, before)
        tx.save(before.soft_deleted(ctx))
        tx.commit()

    ctx.store.retry_on_conflict(step)
