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

# The term of an exit strategy's net that is the assignment price, and the one that is the contract price.
_SOLD = {
    exit_strategies.ASSIGNMENT: "fee",
    exit_strategies.DOUBLE_CLOSE: "bc_price",
    exit_strategies.NOVATION: "retail_price",
    exit_strategies.WHOLETAIL: "resale_price",
}
_BOUGHT = {exit_strategies.DOUBLE_CLOSE: "ab_price", exit_strategies.NOVATION: "seller_net", exit_strategies.WHOLETAIL: "purchase_price"}
# Terms that are zero unless given.
_NONE_UNLESS_GIVEN = {exit_strategies.ASSIGNMENT: ("partner_split", "earnest_money_lost")}


@dataclass(frozen=True)
class Fees:
    """`gross` and `net` in the currency's minor unit; `missing` names what a null one lacks, by the assignment's own fields."""

    gross: Decimal | None
    net: Decimal | None
    missing: tuple[str, ...] = ()


def compute_fees(
    exit_strategy: str, price: Decimal | None, contract_price: Decimal | None, costs: Mapping[str, Decimal | None], currency: str
) -> Fees:
    """The fees of an assignment of this kind. `costs` are the other terms of `exit_strategies.TERMS[exit_strategy]`."""
    gross = None if price is None or contract_price is None else price - contract_price
    sold, bought = _SOLD[exit_strategy], _BOUGHT.get(exit_strategy)
    terms = dict.fromkeys(_NONE_UNLESS_GIVEN.get(exit_strategy, ()), Decimal(0))
    terms |= {name: cost for name, cost in costs.items() if cost is not None}
    known: dict[str, Decimal | None] = {**terms, sold: gross if sold == "fee" else price}
    if bought:
        known[bought] = contract_price
    outcome = exit_strategies.net(exit_strategy, known, currency)
    unpriced = [name for name, value in (("assignment_price", price), ("contract_price", contract_price)) if value is None]
    lacking = [name for name in outcome.missing if name not in (sold, bought)]
    return Fees(None if gross is None else round_money(gross, currency), outcome.amount, (*unpriced, *lacking))


# Incremented whenever a formula gives another fee for the same inputs.
VERSION = 1


class FeeExplanations(TypedDict):
    """Where either fee comes from."""

    fee_gross: Explanation
    fee_net: Explanation


def explain_fees(
    exit_strategy: str,
    price: Decimal | None,
    contract_price: Decimal | None,
    costs: Mapping[str, Decimal | None],
    currency: str,
    as_of: str,
) -> FeeExplanations:
    """The explanations of the fees that `compute_fees` returns for the same arguments."""
    prices: dict[str, Decimal | str | None] = {"assignment_price": price, "contract_price": contract_price, "currency": currency}
    ours = (_SOLD[exit_strategy], _BOUGHT.get(exit_strategy))
    unless_given = dict.fromkeys(_NONE_UNLESS_GIVEN.get(exit_strategy, ()), Decimal(0))
    terms = {name: costs.get(name, unless_given.get(name)) for name in exit_strategies.TERMS[exit_strategy] if name not in ours}
    unpriced = [name for name, value in prices.items() if value is None]
    missing = compute_fees(exit_strategy, price, contract_price, costs, currency).missing
    return {
        "fee_gross": explain("dispositions.fee_gross", prices, as_of, unpriced, version=VERSION),
        "fee_net": explain(f"dispositions.fee_net.{exit_strategy}", {**prices, **terms}, as_of, missing, version=VERSION),
    }
