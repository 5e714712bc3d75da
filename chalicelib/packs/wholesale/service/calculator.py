"""Working a deal out without keeping anything."""

from dataclasses import asdict
from typing import Any, cast

from ....foundation.context import Context
from ..entities import inputs
from ..rules import numbers
from ..rules.sensitivity import grid
from ..schemas import Calculation, CalculationView, Cell
from . import changes
from .shown import explanations

_AMOUNTS = ("arv_estimate", "repair_estimate", "assignment_fee_target", "offer_price", "contract_price", "assignment_price")


def calculate(ctx: Context, body: Calculation, *, explain: bool) -> CalculationView:
    """Ceiling, MAO and spread of what is known, and the grid of what they become when the estimates are off."""
    values: dict[str, Any] = body.model_dump(exclude_unset=True)
    values["currency"] = values.get("currency") or ctx.settings.default_currency
    changes.check_amounts(values["currency"], values, _AMOUNTS)
    given = inputs(values)
    found = numbers.evaluate(given)
    view: CalculationView = {
        "currency": given.currency,
        "rule_pct": given.rule_pct,
        "exit_strategy": given.exit_strategy,
        "ceiling": found.ceiling,
        "max_allowable_offer": found.max_allowable_offer,
        "expected_spread": found.expected_spread,
        "spread_basis": found.spread_basis,
        "missing": list(found.missing),
        "warnings": list(found.warnings),
        "sensitivity": [cast(Cell, asdict(cell)) for cell in grid(given)],
    }
    if explain:
        view["explain"] = explanations(ctx, given)
    return view
