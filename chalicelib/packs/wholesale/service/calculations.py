"""Calculating a deal without storing anything."""

from dataclasses import asdict
from typing import Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.packs.wholesale.entities import to_pricing_inputs
from chalicelib.packs.wholesale.presenters import pricing_explanations
from chalicelib.packs.wholesale.rules.exit_strategies import DOUBLE_CLOSE
from chalicelib.packs.wholesale.rules.pricing import compute_pricing
from chalicelib.packs.wholesale.rules.sensitivity import grid
from chalicelib.packs.wholesale.schemas import CalculationRequest, CalculationView, SensitivityCell
from chalicelib.packs.wholesale.service.validation import check_amounts

_AMOUNTS = ("arv_estimate", "repair_estimate", "assignment_fee_target", "offer_price", "contract_price", "assignment_price")


def calculate(ctx: Context, body: CalculationRequest, query: ExplainParams) -> CalculationView:
    """Ceiling, maximum allowable offer and spread, and their sensitivity to errors in the estimates."""
    values: dict[str, Any] = body.model_dump(exclude_unset=True)
    values["currency"] = values.get("currency") or ctx.settings.default_currency
    _apply_resale_price(values)
    check_amounts(values["currency"], values, _AMOUNTS)
    inputs = to_pricing_inputs(values)
    pricing = compute_pricing(inputs)
    view: CalculationView = {
        "currency": inputs.currency,
        "rule_pct": inputs.rule_pct,
        "exit_strategy": inputs.exit_strategy,
        "ceiling": pricing.ceiling,
        "max_allowable_offer": pricing.max_allowable_offer,
        "expected_spread": pricing.expected_spread,
        "spread_basis": pricing.spread_basis,
        "missing": list(pricing.missing),
        "warnings": list(pricing.warnings),
        "sensitivity": [cast(SensitivityCell, asdict(cell)) for cell in grid(inputs)],
    }
    if query.explain:
        view["explain"] = pricing_explanations(ctx, inputs)
    return view


def _apply_resale_price(values: dict[str, Any]) -> None:
    """Use a double close's B-C price as the assignment price: both are the price that the end buyer pays."""
    price = (values.get("costs") or {}).pop("bc_price", None)
    if price is None:
        return
    if values.get("exit_strategy") != DOUBLE_CLOSE:
        raise ValidationFailed.field("costs.bc_price", f"only a {DOUBLE_CLOSE} has a second sale")
    if values.get("assignment_price") not in (None, price):
        raise ValidationFailed.field("costs.bc_price", "differs from assignment_price, which is the same price")
    values["assignment_price"] = price
