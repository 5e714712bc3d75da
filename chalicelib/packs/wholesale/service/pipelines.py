"""Opening, reading, listing, changing and deleting pipelines."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, ValidationFailed
from chalicelib.foundation.schema_types import ExplainParams, PageOf, to_storable
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.shared_values import NOBODY
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import NO_OWNER, Pipeline
from chalicelib.packs.wholesale.permissions import REASSIGN, require_write
from chalicelib.packs.wholesale.presenters import pipeline_summary, pipeline_view, pipeline_with_activities, pricing_explanations
from chalicelib.packs.wholesale.rules import funnel, stages
from chalicelib.packs.wholesale.schemas import (
    NextActionQuery,
    PipelineCreate,
    PipelinePatch,
    PipelineQuery,
    PipelineSummary,
    PipelineView,
    PipelineWithActivitiesView,
)
from chalicelib.packs.wholesale.service import duplicates, pipeline_transitions
from chalicelib.packs.wholesale.service.validation import check_amounts, check_change

LATEST_ACTIVITIES = 20  # that come with a pipeline


def create_pipeline(ctx: Context, body: PipelineCreate, query: ExplainParams) -> PipelineView:
    """Open a pipeline at lead, offer_made or under_contract, with the fields that the stage requires."""
    pipeline = build_pipeline(ctx, body)
    sharing = duplicates.find_for_new(ctx, pipeline)
    view = pipeline_view(ctx, pipeline, explain=query.explain, duplicate_of=sharing.others)
    repository.create(ctx, pipeline, sharing, view)
    return view


def build_pipeline(ctx: Context, body: PipelineCreate) -> Pipeline:
    """The pipeline that `body` describes, checked as far as is possible without reading the table."""
    sent = body.model_dump(exclude_unset=True)
    values = {name: to_storable(value) if isinstance(value, dict) else value for name, value in sent.items()}
    values = {name: value for name, value in values.items() if value is not None or name == "owner"}
    values = duplicates.with_readable_phone(values, _country(values))
    values.setdefault("currency", ctx.settings.default_currency)
    values.setdefault("owner", access.default_owner(ctx))
    if values["owner"] not in (None, ctx.actor.id) and not ctx.actor.can(REASSIGN):
        raise Forbidden(f"Opening it for somebody else needs the permission {REASSIGN}.")
    check_amounts(values["currency"], values)
    stages.MACHINE.check_initial(body.stage, values)
    if body.stage == stages.UNDER_CONTRACT:
        values.setdefault("contract_effective_on", ctx.today)
    given: dict[str, Any] = {"suited_for": [], "tags": [], "on_hold": False, **values, **repository.STAGES.entry(ctx, body.stage)}
    pipeline = Pipeline.new(
        ctx,
        **given,
        stage_entered_on=ctx.today,
        cohort=funnel.cohort(ctx.now, ctx.settings.firm_time_zone),
        highest_stage=body.stage,
        stays={},
    )
    pipeline.found_by = pipeline.digests
    return pipeline.with_next_reminder(ctx.today)


def _country(values: Mapping[str, Any]) -> str | None:
    country: str | None = ((values.get("property") or {}).get("address") or {}).get("country")
    return country


def get_pipeline(ctx: Context, id: str, query: ExplainParams) -> PipelineWithActivitiesView:
    """A pipeline with its 20 latest activities."""
    pipeline, activities = repository.find_with_activities(ctx, id, LATEST_ACTIVITIES)
    return pipeline_with_activities(ctx, pipeline, activities, explain=query.explain)


def list_pipelines(ctx: Context, query: PipelineQuery) -> PageOf[PipelineSummary]:
    """Pipelines, the newest first unless `sort` says otherwise; those of a market by postal code first. A page may be short."""
    page = ctx.paginate(
        repository.list_ranges(ctx, query),
        query,
        partial(pipeline_summary, ctx),
        predicate=_predicate(ctx, query),
        newest_first=query.sort == "newest",
    )
    if query.explain:
        pipelines = ctx.store.find_many(Pipeline, [item["id"] for item in page["items"]])
        for item in page["items"]:
            if pipeline := pipelines.get(item["id"]):
                item["explain"] = pricing_explanations(ctx, pipeline.pricing_inputs)
    return page


def _predicate(ctx: Context, query: PipelineQuery) -> Callable[[dict[str, Any]], bool] | None:
    """What the index doesn't decide. Sort keys bound the creation already, but for markets."""
    expected: dict[str, str | None] = {}
    if query.stage is not None and query.owner is not None and query.market is not None:
        expected["stage"] = query.stage
    if query.lead_source is not None:
        expected["lead_source"] = query.lead_source
    between = repository.created_between(ctx, query) if query.market is not None else None
    if not expected and between is None:
        return None

    def matches(row: dict[str, Any]) -> bool:
        if between and not between[0] <= row["id"] <= between[1]:
            return False
        return all(row.get(name) == value for name, value in expected.items())

    return matches


def list_next_actions(ctx: Context, query: NextActionQuery) -> PageOf[PipelineSummary]:
    """Open pipelines with a next action that has a day, the earliest first: the caller's, unless `owner` says whose."""
    owner = repository.owner_of(ctx, query.owner) or NO_OWNER
    return ctx.paginate(repository.next_actions(owner, query.due_before), query, partial(pipeline_summary, ctx), newest_first=False)


@retry_on_conflict
def edit_pipeline(ctx: Context, id: str, body: PipelinePatch, query: ExplainParams) -> PipelineView:
    """Change a pipeline. Omitted fields keep their value, null clears, nested objects are merged."""
    before = _find_to_write(ctx, id)
    after = apply_patch(ctx, before, body)
    if after is before:
        return pipeline_view(ctx, after, explain=query.explain)
    after, sharing = duplicates.find_for_changed(ctx, before, after)
    repository.save(ctx, before, after, sharing or NOBODY)
    return pipeline_view(ctx, after, explain=query.explain, duplicate_of=None if sharing is None else sharing.others)


def apply_patch(ctx: Context, before: Pipeline, body: PipelinePatch) -> Pipeline:
    """The pipeline after the patch; `before` itself where nothing changes. A stage in the patch is a transition."""
    target = body.stage if "stage" in body.model_fields_set else None
    if target is None and (body.reason or body.note):
        raise ValidationFailed.field("stage", "reason and note belong to a move of the stage")
    values = body.changes_to(before.attribute_values, exclude=("stage", "reason", "note"))
    if "seller" in values:
        values = duplicates.with_readable_phone(values, _country({**before.attribute_values, **values}))
        if values["seller"] == before.seller:
            del values["seller"]
    if "owner" in values:
        ctx.actor.require(REASSIGN)
    if target is not None and target != before.stage:
        after = pipeline_transitions.transitioned(ctx, before, target, values, reason=body.reason, note=body.note)
    elif values:
        after = before.with_changes(ctx, **values)
        stages.MACHINE.check_fields(after.stage, after.attribute_values)
        after.with_next_reminder(ctx.today)
    else:
        return before
    check_change(before, after)
    return after


@retry_on_conflict
def delete_pipeline(ctx: Context, id: str) -> None:
    """Delete a pipeline, unless something refers to it."""
    repository.delete(ctx, _find_to_write(ctx, id))


def _find_to_write(ctx: Context, id: str) -> Pipeline:
    pipeline = ctx.store.require(Pipeline, id)
    require_write(ctx, pipeline.owner)
    ctx.check_if_match(pipeline.revision)
    return pipeline
