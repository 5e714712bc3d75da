"""Holdings, valuations and flows as callers see them."""

from datetime import date
from typing import Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.store.entity import Entity
from chalicelib.packs.holdings.entities import Flow, Holding, Valuation
from chalicelib.packs.holdings.schemas import FlowView, HoldingSummary, HoldingView, ValuationView

_SUMMARY: dict[str, Any] = dict.fromkeys(HoldingSummary.__annotations__)

_PLAIN = (
    "asset_type",
    "label",
    "internal_ref",
    "jurisdiction",
    "entity_name",
    "entity_id",
    "value_estimate",
    "valued_on",
    "currency",
    "liability",
    "ownership_pct",
    "acquired_on",
    "cost_basis",
    "disposed_on",
    "proceeds",
    "is_active",
    "details",
    "notes",
)


def audited(entity: Entity) -> dict[str, Any]:
    """What every resource carries."""
    values = entity.attribute_values
    return {
        "id": values["id"],
        "revision": values["revision"],
        "created_at": format_timestamp(values["created_at"]),
        "created_by": values["created_by"],
        "updated_at": format_timestamp(values["updated_at"]),
        "updated_by": values["updated_by"],
    }


def _settled(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def holding_view(holding: Holding) -> HoldingView:
    """A holding as it is now."""
    values = holding.attribute_values
    shown = {**audited(holding), **{name: _settled(values.get(name)) for name in _PLAIN}, "owned_value": holding.owned_value}
    return cast(HoldingView, shown)


def explained(ctx: Context, holding: Holding) -> dict[str, Explanation]:
    """Where the owned value comes from."""
    missing = [] if holding.value_estimate is not None else ["value_estimate"]
    inputs = {
        "value_estimate": holding.value_estimate,
        "valued_on": holding.valued_on and holding.valued_on.isoformat(),
        "liability": holding.liability or 0,
        "ownership_pct": holding.ownership_pct,
        "currency": holding.currency,
    }
    return {"owned_value": explanation("holdings.owned", inputs, ctx.today.isoformat(), missing)}


def explanation(formula: str, inputs: dict[str, Any], as_of: str, missing: list[Any]) -> Explanation:
    """A computed number's inputs, formula and what it lacks."""
    return {"inputs": inputs, "formula": {"id": formula, "version": 1}, "as_of": as_of, "missing": missing}


def summary(view: dict[str, Any]) -> HoldingSummary:
    """A holding's view as lists show it."""
    return cast(HoldingSummary, {**_SUMMARY, **view})


def valuation_view(valuation: Valuation) -> ValuationView:
    """What a holding is worth from a day on."""
    values = valuation.attribute_values
    shown = {name: _settled(values.get(name)) for name in ("holding_id", "value", "currency", "as_of", "method", "source")}
    return cast(ValuationView, {**audited(valuation), **shown})


def flow_view(flow: Flow) -> FlowView:
    """Money put in or taken out."""
    values = flow.attribute_values
    shown = {name: _settled(values[name]) for name in ("holding_id", "amount", "currency", "on")}
    return cast(FlowView, {**audited(flow), **shown, "kind": values["flow_kind"]})
