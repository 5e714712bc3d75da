"""Working a deal out without keeping anything."""

from dataclasses import asdict
from typing import Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Invalid
from chalicelib.packs.wholesale.entities import inputs
from chalicelib.packs.wholesale.rules import numbers
from chalicelib.packs.wholesale.rules.exits import DOUBLE_CLOSE
from chalicelib.packs.wholesale.rules.sensitivity import grid
from chalicelib.packs.wholesale.schemas import Calculation, CalculationView, Cell
from chalicelib.packs.wholesale.service import changes
from chalicelib.packs.wholesale.service.shown import explanations

_AMOUNTS = ("arv_estimate", "repair_estimate", "assignment_fee_target", "offer_price", "contract_price", "assignment_price")


def calculate(ctx: Context, body: Calculation, *, explain: bool) -> CalculationView:
    """Ceiling, MAO and spread of what is known, and the grid of what they become when the estimates are off."""
    values: dict[str, Any] = body.model_dump(exclude_unset=True)
    values["currency"] = values.get("currency") or ctx.settings.default_currency
    _second_sale(values)
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


def _second_sale(values: dict[str, Any]) -> None:
    """The B-C price of a double close is the price at which it is sold on: the same as an assignment's, which it stands for."""
    price = (values.get("costs") or {}).pop("bc_price", None)
    if price is None or values.get("exit_strategy") != DOUBLE_CLOSE:
        return
    if values.get("assignment_price") not in (None, price):
        raise Invalid.field("costs.bc_price", "differs from assignment_price, which is the same price")
    values["assignment_price"] = price
