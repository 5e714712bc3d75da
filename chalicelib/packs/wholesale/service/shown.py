"""Pipelines and activities as callers see them."""

from typing import Any, cast, get_args

from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.packs.wholesale.entities import Activity, Pipeline
from chalicelib.packs.wholesale.rules.explain import Figure, explain
from chalicelib.packs.wholesale.rules.numbers import Inputs
from chalicelib.packs.wholesale.schemas import ActivityView, Explanations, PipelineSummary, PipelineView

_MASK = "•••"
_CONTACTS = ("name", "phone", "email")

_SUMMARY: dict[str, Any] = {
    **dict.fromkeys(PipelineSummary.__annotations__),
    "on_hold": False,
}

# What is shown as it is kept.
_PLAIN = (
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
    """A pipeline with its numbers; contacts masked for those who may not see them."""
    values, numbers = pipeline.attribute_values, pipeline.numbers
    shown = {
        "id": pipeline.id,
        "revision": pipeline.revision,
        "created_at": instant(pipeline.created_at),
        "created_by": pipeline.created_by,
        "updated_at": instant(pipeline.updated_at),
        "updated_by": pipeline.updated_by,
        "stage_entered_at": instant(pipeline.stage_entered_at),
        **{name: values.get(name) for name in _PLAIN},
        "seller": masked(ctx, pipeline.seller),
        "rule_pct": pipeline.inputs.rule_pct,
        "ceiling": numbers.ceiling,
        "max_allowable_offer": numbers.max_allowable_offer,
        "mao_computed": numbers.mao_computed,
        "expected_spread": numbers.expected_spread,
        "spread_basis": numbers.spread_basis,
        "computed_fields": numbers.computed_fields,
        "missing": numbers.missing,
        "warnings": numbers.warnings,
    }
    return cast(PipelineView, shown)


def summary(ctx: Context, view: dict[str, Any]) -> PipelineSummary:
    """A pipeline's view as lists show it."""
    shown = {**_SUMMARY, **view}
    if shown["seller_name"] is not None and not ctx.actor.may("wholesale:contacts"):
        shown["seller_name"] = _MASK
    return cast(PipelineSummary, shown)


def masked(ctx: Context, seller: dict[str, Any] | None) -> dict[str, Any] | None:
    """The seller, without name, phone and email for those who may not see contacts."""
    if seller is None or ctx.actor.may("wholesale:contacts"):
        return seller
    return {name: _MASK if name in _CONTACTS and value is not None else value for name, value in seller.items()}


def activity_view(activity: Activity) -> ActivityView:
    """An activity. From its values at once: an attribute's own access costs ten times as much, and there are twenty of these."""
    values = activity.attribute_values
    return {
        "id": values["id"],
        "revision": values["revision"],
        "created_at": instant(values["created_at"]),
        "created_by": values["created_by"],
        "updated_at": instant(values["updated_at"]),
        "updated_by": values["updated_by"],
        "pipeline_id": values["pipeline_id"],
        "event_type": values["event_type"],
        "description": values.get("description"),
        "amount": values.get("amount"),
        "currency": values["currency"],
        "occurred_at": instant(values["occurred_at"]),
    }


def explanations(ctx: Context, given: Inputs) -> Explanations:
    """How the computed numbers came about."""
    as_of = instant(ctx.now)
    found = {figure: explain(given, figure, as_of) for figure in get_args(Figure)}
    return cast(Explanations, found)
