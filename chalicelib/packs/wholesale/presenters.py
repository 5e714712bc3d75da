"""Pipelines and activities as responses."""

from typing import Any, cast, get_args

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.schema_types import RowRemarks
from chalicelib.packs.wholesale.entities import Activity, Pipeline
from chalicelib.packs.wholesale.permissions import seen_contact, sees_contacts
from chalicelib.packs.wholesale.rules.explanations import Figure, explain
from chalicelib.packs.wholesale.rules.pricing import PricingInputs
from chalicelib.packs.wholesale.schemas import ActivityView, PipelineSummary, PipelineView, PipelineWithActivitiesView, PricingExplanations

_CONTACT_FIELDS = ("name", "phone", "email")
_FIGURES = (
    "ceiling", "max_allowable_offer", "mao_computed", "expected_spread", "spread_basis", "computed_fields", "missing", "warnings",
)  # fmt: skip


def pipeline_view(ctx: Context, pipeline: Pipeline, *, explain: bool = False, duplicate_of: list[str] | None = None) -> PipelineView:
    """A pipeline with its figures and, on request, their explanations; contacts are masked for callers who may not see them.

    `duplicate_of` are the others that may be the same, where it was looked for them.
    """
    return present(PipelineView, pipeline, **_computed(ctx, pipeline, explain=explain, duplicate_of=duplicate_of))


def pipeline_with_activities(ctx: Context, pipeline: Pipeline, activities: list[Activity], *, explain: bool) -> PipelineWithActivitiesView:
    """A pipeline with its latest activities and, on request, the explanations of its figures."""
    views = [present(ActivityView, activity) for activity in activities]
    return present(PipelineWithActivitiesView, pipeline, activities=views, **_computed(ctx, pipeline, explain=explain))


def row_remarks(pipeline: Pipeline, duplicate_of: list[str]) -> RowRemarks:
    """What a bulk result says of a row besides its id, where there is anything to say."""
    remarks: RowRemarks = {}
    if warnings := _warnings(pipeline, duplicate_of):
        remarks["warnings"] = warnings
    if duplicate_of:
        remarks["duplicate_of"] = duplicate_of
    return remarks


def _warnings(pipeline: Pipeline, duplicate_of: list[str] | None) -> list[str]:
    is_unreadable = (pipeline.seller or {}).get("phone") is not None and pipeline.seller_phone is None
    conditions = {"phone_unreadable": is_unreadable, "duplicate": bool(duplicate_of)}
    return [code for code, is_true in conditions.items() if is_true]


def _computed(ctx: Context, pipeline: Pipeline, *, explain: bool, duplicate_of: list[str] | None = None) -> dict[str, object]:
    figures = {name: getattr(pipeline.pricing, name) for name in _FIGURES}
    figures["warnings"] = [*pipeline.pricing.warnings, *_warnings(pipeline, duplicate_of)]
    others = {} if duplicate_of is None else {"duplicate_of": duplicate_of}
    seller = pipeline.seller
    if seller is not None and not sees_contacts(ctx, pipeline.owner):
        seller = access.mask(seller, _CONTACT_FIELDS)
    explanations = {"explain": pricing_explanations(ctx, pipeline.pricing_inputs)} if explain else {}
    return {**figures, **explanations, **others, "seller": seller, "rule_pct": pipeline.pricing_inputs.rule_pct}


def pipeline_summary(ctx: Context, row: dict[str, Any]) -> PipelineSummary:
    """A pipeline of a list, from its list view."""
    seller_name = seen_contact(ctx, row.get("owner"), row.get("seller_name"))
    return present_row(PipelineSummary, row, on_hold=row.get("on_hold", False), seller_name=seller_name)


def pricing_explanations(ctx: Context, inputs: PricingInputs) -> PricingExplanations:
    """How each figure was computed."""
    as_of = format_timestamp(ctx.now)
    return cast(PricingExplanations, {figure: explain(inputs, figure, as_of) for figure in get_args(Figure)})
