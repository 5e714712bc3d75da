"""Where a computed number comes from: its inputs, its formula, what it lacks."""

from decimal import Decimal
from typing import Literal, TypedDict

from chalicelib.packs.wholesale.rules import exits
from chalicelib.packs.wholesale.rules.numbers import Exact, Inputs, exact_figures

# Raised whenever a formula gives another figure for the same inputs, so that an old explanation isn't read by a new rule.
VERSION = 1

_ESTIMATES = ("arv_estimate", "repair_estimate", "rule_pct", "assignment_fee_target")
_PRICES = ("offer_price", "contract_price")
Figure = Literal["max_allowable_offer", "expected_spread"]


class Formula(TypedDict):
    """A formula's name, and which edition of it."""

    id: str
    version: int


class Explanation(TypedDict):
    """`inputs` by their field names (None: unknown); `as_of` the instant at which they held; `missing` names what made it null."""

    inputs: dict[str, Decimal | str | None]
    formula: Formula
    as_of: str
    missing: list[str]


def _formula(given: Inputs, figure: Figure, spread: Exact) -> str:
    """`wholesale.mao.<exit>`, `wholesale.spread.<exit>.<basis>`, or `wholesale.net.<exit>` of those that don't sell to investors."""
    if figure == "max_allowable_offer":
        return f"wholesale.mao.{given.exit_strategy}"
    if given.exit_strategy not in exits.UNDER_CEILING:
        return f"wholesale.net.{given.exit_strategy}"
    return f"wholesale.spread.{given.exit_strategy}" + (f".{spread.basis}" if spread.basis else "")


def _fields(given: Inputs, figure: Figure) -> tuple[str, ...]:
    """The fields that a figure can depend on."""
    if given.exit_strategy not in exits.UNDER_CEILING:
        return () if figure == "max_allowable_offer" else _PRICES
    if figure == "expected_spread":
        return (*_ESTIMATES, *_PRICES, "assignment_price", "max_allowable_offer")
    # Points are paid on the price: only a double close's MAO depends on it.
    return (*_ESTIMATES, *_PRICES) if given.exit_strategy == exits.DOUBLE_CLOSE else _ESTIMATES


def explain(given: Inputs, figure: Figure, as_of: str) -> Explanation:
    """Explains the computed figure, also where a given one stands in its place.

    A novation or wholetail has no MAO, and so no inputs to it but the currency.
    """
    _, mao, spread = exact_figures(given)
    fields = _fields(given, figure)
    costs = given.costs if given.exit_strategy != exits.ASSIGNMENT and fields else {}
    return {
        "inputs": {"currency": given.currency, **{name: getattr(given, name) for name in fields}, **costs},
        "formula": {"id": _formula(given, figure, spread), "version": VERSION},
        "as_of": as_of,
        "missing": list((mao if figure == "max_allowable_offer" else spread).missing),
    }
