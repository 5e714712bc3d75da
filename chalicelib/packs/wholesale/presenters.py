"""Views of pipelines and activities, as the API returns them."""

from typing import Any, cast, get_args

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.packs.wholesale.entities import Activity, Pipeline
from chalicelib.packs.wholesale.rules.explanations import Figure, explain
from chalicelib.packs.wholesale.rules.pricing import PricingInputs
from chalicelib.packs.wholesale.schemas import ActivityView, PipelineSummary, PipelineView, PricingExplanations

_MASK = "•••"
_CONTACTS = ("name", "phone", "email")

_SUMMARY_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(PipelineSummary.__annotations__),
    "on_hold": False,
}

# Fields that the view copies unchanged.
_COPIED_FIELDS = (
    "stage",
    "stage_entered_by",
    "stage_reason",
    "stage_note",
    "previous_stage",
    "deal_id",
    "property_id",
    "external_ref",
    "lead_source",
    "seller_motivation",
    "property",
    "currency",
    "asking_price",
    "arv_estimate",
    "repair_estimate",
    "arv_confidence",
    "offer_price",
    "contract_price",
    "assignment_fee_target",
    "assignment_id",
    "assignment_price",
    "exit_strategy",
    "costs",
    "suited_for",
    "contract_effective_on",
    "earnest_money_due_on",
    "earnest_money_paid_on",
    "inspection_ends_on",
    "inspection_cleared_on",
    "closes_on",
    "next_action",
    "on_hold",
    "owner",
    "tags",
    "notes",
)


def pipeline_view(ctx: Context, pipeline: Pipeline) -> PipelineView:
    """A pipeline with its pricing; contacts are masked for callers without the permission."""
    values, pricing = pipeline.attribute_values, pipeline.pricing
    view = {
        "id": pipeline.id,
        "revision": pipeline.revision,
        "created_at": format_timestamp(pipeline.created_at),
        "created_by": pipeline.created_by,
        "updated_at": format_timestamp(pipeline.updated_at),
        "updated_by": pipeline.updated_by,
        "stage_entered_at": format_timestamp(pipeline.stage_entered_at),
        **{name: values.get(name) for name in _COPIED_FIELDS},
        "seller": mask_contacts(ctx, pipeline.seller),
        "rule_pct": pipeline.pricing_inputs.rule_pct,
        "ceiling": pricing.ceiling,
        "max_allowable_offer": pricing.max_allowable_offer,
        "mao_computed": pricing.mao_computed,
        "expected_spread": pricing.expected_spread,
        "spread_basis": pricing.spread_basis,
        "computed_fields": pricing.computed_fields,
        "missing": pricing.missing,
        "warnings": pricing.warnings,
    }
    return cast(PipelineView, view)


def pipeline_summary(ctx: Context, view: dict[str, Any]) -> PipelineSummary:
    """The entry of a list, from the index's list view; the contact name is masked for callers without the permission."""
    values = {**_SUMMARY_DEFAULTS, **view}
    if values["seller_name"] is not None and not ctx.actor.can("wholesale:contacts"):
        values["seller_name"] = _MASK
    return cast(PipelineSummary, values)


def mask_contacts(ctx: Context, seller: dict[str, Any] | None) -> dict[str, Any] | None:
    """The seller, with name, phone and email masked for callers without the permission."""
    if seller is None or ctx.actor.can("wholesale:contacts"):
        return seller
    return {name: _MASK if name in _CONTACTS and value is not None else value for name, value in seller.items()}


def activity_view(activity: Activity) -> ActivityView:
    """An activity. Reads the attribute dict directly: PynamoDB's attribute access costs ten times as much, and a page has twenty."""
    values = activity.attribute_values
    return {
        "id": values["id"],
        "revision": values["revision"],
        "created_at": format_timestamp(values["created_at"]),
        "created_by": values["created_by"],
        "updated_at": format_timestamp(values["updated_at"]),
        "updated_by": values["updated_by"],
        "pipeline_id": values["pipeline_id"],
        "event_type": values["event_type"],
        "description": values.get("description"),
        "amount": values.get("amount"),
        "currency": values["currency"],
        "occurred_at": format_timestamp(values["occurred_at"]),
    }


def pricing_explanations(ctx: Context, inputs: PricingInputs) -> PricingExplanations:
    """Inputs, formula and missing inputs of each computed figure."""
    as_of = format_timestamp(ctx.now)
    by_figure = {figure: explain(inputs, figure, as_of) for figure in get_args(Figure)}
    return cast(PricingExplanations, by_figure)
