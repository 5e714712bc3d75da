"""Explanations of computed figures: inputs, formula, missing inputs."""

from typing import Literal

from chalicelib.foundation import explanations
from chalicelib.foundation.explanations import Explanation
from chalicelib.packs.wholesale.rules import exit_strategies
from chalicelib.packs.wholesale.rules.pricing import PricingInputs, Unrounded, unrounded_figures

# Incremented whenever a formula changes its result, so that a stored explanation isn't read with a newer formula.
VERSION = 1

_ESTIMATES = ("arv_estimate", "repair_estimate", "rule_pct", "assignment_fee_target")
_PRICES = ("offer_price", "contract_price")
Figure = Literal["max_allowable_offer", "expected_spread"]


def _formula(inputs: PricingInputs, figure: Figure, spread: Unrounded) -> str:
    """`wholesale.mao.<exit>`, `wholesale.spread.<exit>.<basis>`, or `wholesale.net.<exit>` of exits to the retail market."""
    if figure == "max_allowable_offer":
        return f"wholesale.mao.{inputs.exit_strategy}"
    if inputs.exit_strategy not in exit_strategies.UNDER_CEILING:
        return f"wholesale.net.{inputs.exit_strategy}"
    return f"wholesale.spread.{inputs.exit_strategy}" + (f".{spread.basis}" if spread.basis else "")


def _fields(inputs: PricingInputs, figure: Figure) -> tuple[str, ...]:
    """The fields that a figure can depend on."""
    if inputs.exit_strategy not in exit_strategies.UNDER_CEILING:
        return () if figure == "max_allowable_offer" else _PRICES
    if figure == "expected_spread":
        return (*_ESTIMATES, *_PRICES, "assignment_price", "max_allowable_offer")
    # Points are a percentage of the price: only a double close's MAO depends on it.
    return (*_ESTIMATES, *_PRICES) if inputs.exit_strategy == exit_strategies.DOUBLE_CLOSE else _ESTIMATES


def explain(inputs: PricingInputs, figure: Figure, as_of: str) -> Explanation:
    """Explains the computed figure, also where the caller's own figure replaces it.

    A novation or wholetail has no MAO, so its only input is the currency.
    """
    _, mao, spread = unrounded_figures(inputs)
    fields = _fields(inputs, figure)
    costs = inputs.costs if inputs.exit_strategy != exit_strategies.ASSIGNMENT and fields else {}
    return explanations.explain(
        _formula(inputs, figure, spread),
        {"currency": inputs.currency, **{name: getattr(inputs, name) for name in fields}, **costs},
        as_of,
        (mao if figure == "max_allowable_offer" else spread).missing,
        version=VERSION,
    )
