"""The fees of an assignment: gross is the price less the contract price, net is gross less the costs of the exit strategy.

The gross of a double close is not income: two closings and a lender are paid from it. With an unknown cost the net is None and
the cost is listed as missing; a plain assignment has no costs except those that were agreed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from typing_extensions import TypedDict

from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.foundation.money import round_money
from chalicelib.packs.wholesale.public import exit_strategies

# Incremented whenever a formula gives another fee for the same inputs.
VERSION = 1

# The terms of an exit strategy's net that are the assignment price and the contract price; of a plain assignment the fee is one.
_PRICES = {
    exit_strategies.ASSIGNMENT: ("fee",),
    exit_strategies.DOUBLE_CLOSE: ("bc_price", "ab_price"),
    exit_strategies.NOVATION: ("retail_price", "seller_net"),
    exit_strategies.WHOLETAIL: ("resale_price", "purchase_price"),
}

Amounts = Mapping[str, Decimal | None]


@dataclass(frozen=True)
class Fees:
    """`gross` and `net` in the currency's minor unit; `missing` names what a null one lacks, by the assignment's own fields."""

    gross: Decimal | None
    net: Decimal | None
    missing: tuple[str, ...] = ()


class FeeExplanations(TypedDict):
    """Where either fee comes from."""

    fee_gross: Explanation
    fee_net: Explanation


def _cost_terms(exit_strategy: str, costs: Amounts) -> dict[str, Decimal | None]:
    """The terms of the net other than its prices."""
    unless_given = Decimal(0) if exit_strategy == exit_strategies.ASSIGNMENT else None
    given = {name: costs.get(name) for name in exit_strategies.TERMS[exit_strategy] if name not in _PRICES[exit_strategy]}
    return {name: unless_given if cost is None else cost for name, cost in given.items()}


def compute_fees(exit_strategy: str, price: Decimal | None, contract_price: Decimal | None, costs: Amounts, currency: str) -> Fees:
    """The fees of an assignment of this kind. `costs` are the other terms of `exit_strategies.TERMS[exit_strategy]`."""
    gross = None if price is None or contract_price is None else price - contract_price
    prices = (gross,) if exit_strategy == exit_strategies.ASSIGNMENT else (price, contract_price)
    terms = _cost_terms(exit_strategy, costs)
    outcome = exit_strategies.net(exit_strategy, {**terms, **dict(zip(_PRICES[exit_strategy], prices, strict=True))}, currency)
    needed = {"assignment_price": price, "contract_price": contract_price, **terms}
    missing = tuple(name for name, value in needed.items() if value is None)
    return Fees(None if gross is None else round_money(gross, currency), outcome.amount, missing)


def explain_fees(
    exit_strategy: str, price: Decimal | None, contract_price: Decimal | None, costs: Amounts, currency: str, as_of: str
) -> FeeExplanations:
    """The explanations of the fees that `compute_fees` returns for the same arguments."""
    prices = {"assignment_price": price, "contract_price": contract_price, "currency": currency}
    missing = compute_fees(exit_strategy, price, contract_price, costs, currency).missing
    unpriced = [name for name in missing if name in prices]
    terms = {**prices, **_cost_terms(exit_strategy, costs)}
    return {
        "fee_gross": explain("dispositions.fee_gross", prices, as_of, unpriced, version=VERSION),
        "fee_net": explain(f"dispositions.fee_net.{exit_strategy}", terms, as_of, missing, version=VERSION),
    }
