"""Opening, reading, listing, changing and deleting deals, and their timeline."""

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, ValidationFailed
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams, check_money
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.audit import public as audit
from chalicelib.packs.audit.public import TimelineEntryView
from chalicelib.packs.deals import repository
from chalicelib.packs.deals.entities import NO_OWNER, Deal
from chalicelib.packs.deals.permissions import ANY_OWNER, require_own_deal
from chalicelib.packs.deals.presenters import deal_summary, deal_view
from chalicelib.packs.deals.rules import FINALIZED, OPEN, check_edit, not_open
from chalicelib.packs.deals.schemas import DealCreate, DealFields, DealPatch, DealQuery, DealSummary, DealView
from chalicelib.packs.wholesale.public import Pipeline


@retry_on_conflict
def create_deal(ctx: Context, body: DealCreate, query: ExplainParams) -> DealView:
    """Open a deal. With `pipeline_id` it is that pipeline's deal from then on."""
    _check_reference(body)
    pipeline = None if body.pipeline_id is None else _find_pipeline(ctx, body.pipeline_id)
    if body.owner not in (None, ctx.actor.id) and not ctx.actor.can(ANY_OWNER):
        raise Forbidden(f"Opening it for somebody else needs the permission {ANY_OWNER}.")
    deal = _build(ctx, body, pipeline)
    view = deal_view(ctx, deal, pipeline, explain=query.explain)
    repository.create(ctx, deal, pipeline, view)
    return view


def _check_reference(body: DealFields) -> None:
    """Raise ValidationFailed for an external reference that has the form of a deal's id: as such it would be taken, and the deal not found."""
    if body.external_ref is not None and Deal.ID.is_id(body.external_ref):
        raise ValidationFailed.field("external_ref", "it has the form of a deal's id")


def _find_pipeline(ctx: Context, id: str) -> Pipeline:
    pipeline = repository.read_pipeline(ctx, id)
    access.require_owner(ctx, pipeline.owner, ANY_OWNER, "The pipeline belongs to somebody else.")
    return pipeline


def _build(ctx: Context, body: DealCreate, pipeline: Pipeline | None) -> Deal:
    """The deal that `body` describes. Raises ValidationFailed or Conflict."""
    values = body.model_dump(exclude_none=True, exclude={"kind"})
    values.setdefault("currency", pipeline.currency if pipeline else ctx.settings.default_currency)
    if "owner" not in body.model_fields_set:
        values["owner"] = access.default_owner(ctx)
    if pipeline is not None:
        _check_pipeline(pipeline, values["currency"])
    check_money(values["currency"], {"value": body.value})
    defaults: dict[str, Any] = {"professional_ids": [], "parties": [], "team": [], "opened_on": ctx.today}
    given = {**defaults, **values, **repository.HISTORY.entry(ctx, OPEN)}
    return Deal.new(ctx, kind_of_deal=body.kind, **given)


def _check_pipeline(pipeline: Pipeline, currency: str) -> None:
    if currency != pipeline.currency:
        raise ValidationFailed.field("currency", f"its pipeline is in {pipeline.currency}")
    if pipeline.deal is not None:
        raise Conflict("The pipeline is in another deal.", code="pipeline_taken", deal_id=pipeline.deal)


def get_deal(ctx: Context, id: str, query: ExplainParams) -> DealView:
    """A deal, by its id or its external reference."""
    deal = ctx.store.require(Deal, repository.resolve_id(ctx, id))
    return deal_view(ctx, deal, repository.pricing_pipeline(ctx, deal), explain=query.explain)


def list_changes(ctx: Context, id: str, query: PageParams) -> PageOf[TimelineEntryView]:
    """What was changed of a deal, of all that belongs to it, and of its pipeline: who, when, what, and which fields, without their values.

    A change appears within about a second. The values are on the trail of each entity, whose reading is recorded.
    """
    deal = ctx.store.require(Deal, repository.resolve_id(ctx, id))
    return audit.timeline(ctx, [deal.id, *([deal.pipeline_id] if deal.pipeline_id else [])], query)


def list_deals(ctx: Context, query: DealQuery) -> PageOf[DealSummary]:
    """Deals, newest first."""
    page = _page_of_rows(ctx, query)
    pipelines = _pricing_pipelines(ctx, page["items"])
    items = [deal_summary(ctx, row, pipelines.get(row.get("priced_by", "")), explain=query.explain) for row in page["items"]]
    return {"items": items, "next_cursor": page["next_cursor"]}


def _pricing_pipelines(ctx: Context, rows: Iterable[JsonObject]) -> dict[str, Pipeline]:
    """The pipelines that deals of a page are priced by, by id. One round trip where there are any."""
    ids = [row["priced_by"] for row in rows if "priced_by" in row]
    return ctx.store.find_many(Pipeline, ids) if ids else {}


def _page_of_rows(ctx: Context, query: DealQuery) -> PageOf[JsonObject]:
    """The list views of a page."""
    if query.external_ref is None:
        return ctx.paginate(repository.list_ranges(query), query, lambda row: row, predicate=_predicate(query))
    return _find_by_reference(ctx, query, query.external_ref)


def _find_by_reference(ctx: Context, query: DealQuery, external_ref: str) -> PageOf[JsonObject]:
    """The deal that has the reference, where the other filters let it through."""
    id = repository.EXTERNAL_REF.find_owner(ctx.store, external_ref)
    deal = ctx.store.find(Deal, id) if id else None
    rows = [deal.list_view()] if deal else []
    matches = _predicate(query) or bool
    page, cursor = ctx.page_of([row for row in rows if matches(row)], lambda row: (row["id"],), query, query.model_dump(exclude={"cursor"}))
    return {"items": page, "next_cursor": cursor}


def _predicate(query: DealQuery) -> Callable[[JsonObject], bool] | None:
    """What the index doesn't decide."""
    expected = {name: value for name in ("status", "kind", "owner") if (value := getattr(query, name)) is not None}
    if len(expected) < 2 and query.external_ref is None:
        return None
    if expected.get("owner") == NO_OWNER:
        expected["owner"] = None
    return lambda row: all(row.get(name) == value for name, value in expected.items())


@retry_on_conflict
def edit_deal(ctx: Context, id: str, body: DealPatch, query: ExplainParams) -> DealView:
    """Change a deal that isn't cancelled. Omitted fields keep their value, null clears, lists are replaced.

    Kind, value, currency and professionals change while it is open only.
    """
    _check_reference(body)
    before = _find_to_write(ctx, id)
    check_edit(before.status, ())
    after = _apply_patch(ctx, before, body)
    pipeline = repository.pricing_pipeline(ctx, after)
    if after is not before:
        repository.save(ctx, before, after)
    return deal_view(ctx, after, pipeline, explain=query.explain)


def _apply_patch(ctx: Context, before: Deal, body: DealPatch) -> Deal:
    """The deal after the patch; `before` itself where nothing changes."""
    kind = {"kind_of_deal": body.kind} if "kind" in body.model_fields_set and body.kind != before.kind else {}
    values = body.changes_to(before.attribute_values, exclude=("kind", "parties")) | kind
    if (
        "parties" in body.model_fields_set
        and (parties := [party.model_dump(exclude_none=True) for party in body.parties or ()]) != before.parties
    ):
        values["parties"] = parties
    if not values:
        return before
    check_edit(before.status, values)
    if "owner" in values:
        ctx.actor.require(ANY_OWNER)
    after = before.with_changes(ctx, **values)
    if before.pipeline_id is not None and after.currency != before.currency:
        raise ValidationFailed.field("currency", f"its pipeline is in {before.currency}")
    check_money(after.currency, {"value": after.value})
    return after


@retry_on_conflict
def delete_deal(ctx: Context, id: str) -> None:
    """Delete a deal, unless something refers to it, or it is finalized. Its pipeline may be taken into another deal then."""
    deal = _find_to_write(ctx, id)
    if deal.status == FINALIZED:
        raise not_open(deal.status)
    pipeline = ctx.store.find(Pipeline, deal.pipeline_id) if deal.pipeline_id else None
    repository.delete(ctx, deal, pipeline)


def _find_to_write(ctx: Context, id: str) -> Deal:
    deal = ctx.store.require(Deal, repository.resolve_id(ctx, id))
    require_own_deal(ctx, deal, ANY_OWNER)
    ctx.check_if_match(deal.revision)
    return deal
