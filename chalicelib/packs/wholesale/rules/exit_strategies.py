"""The net of each exit strategy: assignment, double close, novation, wholetail.

Each has its own formula and costs. An unknown cost makes the net unknown (null, with the cost named), never zero: that would
overstate the deal.

Percentages are percent numbers (1.5 is 1.5 %). Amounts are rounded once, in the returned figure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.foundation.money import round_money

ASSIGNMENT, DOUBLE_CLOSE, NOVATION, WHOLETAIL = "assignment", "double_close", "novation", "wholetail"
EXITS = (ASSIGNMENT, DOUBLE_CLOSE, NOVATION, WHOLETAIL)

# Exits that sell to an investor, whose price the ceiling is. The others sell to the retail market.
UNDER_CEILING = (ASSIGNMENT, DOUBLE_CLOSE)

Terms = Mapping[str, Decimal | None]
KnownTerms = Mapping[str, Decimal]


@dataclass(frozen=True)
class ExitNet:
    """A net amount, or None and the names of the missing terms."""

    amount: Decimal | None
    missing: tuple[str, ...] = ()


def percent(rate: Decimal, amount: Decimal) -> Decimal:
    """`rate` per cent of `amount`, exact."""
    return (rate * amount).scaleb(-2)


def _double_close_costs(t: KnownTerms) -> Decimal:
    return t["closing_ab"] + t["closing_bc"] + percent(t["points_pct"], t["ab_price"]) + t["lender_fee"]


def _double_close(t: KnownTerms) -> Decimal:
    return t["bc_price"] - t["ab_price"] - _double_close_costs(t)


def _assignment(t: KnownTerms) -> Decimal:
    return t["fee"] - t["partner_split"] - t["earnest_money_lost"]


def _novation(t: KnownTerms) -> Decimal:
    sale = t["retail_price"]
    return sale - t["seller_net"] - percent(t["commission_pct"], sale) - percent(t["closing_pct"], sale) - t["make_ready"]


def _wholetail(t: KnownTerms) -> Decimal:
    bought, sold = t["purchase_price"], t["resale_price"]
    holding = t["holding_months"] * percent(t["holding_pct"], bought)
    return sold - bought - t["rehab"] - percent(t["buying_pct"], bought) - percent(t["selling_pct"], sold) - holding


DOUBLE_CLOSE_COSTS = ("closing_ab", "closing_bc", "points_pct", "lender_fee")
# Terms of each net: points are of the A-B price (what the transactional lender lends), commission and a novation's closing
# of the retail price, a wholetail's buying and monthly holding of its purchase, its selling of its resale. A term that
# doesn't apply (no partner, nothing forfeited) is passed as 0.
TERMS: dict[str, tuple[str, ...]] = {
    ASSIGNMENT: ("fee", "partner_split", "earnest_money_lost"),
    DOUBLE_CLOSE: ("bc_price", "ab_price", *DOUBLE_CLOSE_COSTS),
    NOVATION: ("retail_price", "seller_net", "commission_pct", "closing_pct", "make_ready"),
    WHOLETAIL: ("resale_price", "purchase_price", "rehab", "buying_pct", "selling_pct", "holding_months", "holding_pct"),
}
_NETS: dict[str, Callable[[KnownTerms], Decimal]] = {
    ASSIGNMENT: _assignment,
    DOUBLE_CLOSE: _double_close,
    NOVATION: _novation,
    WHOLETAIL: _wholetail,
}


def _evaluate(formula: Callable[[KnownTerms], Decimal], needed: tuple[str, ...], terms: Terms) -> ExitNet:
    known = {name: value for name in needed if (value := terms.get(name)) is not None}
    missing = tuple(name for name in needed if name not in known)
    return ExitNet(None, missing) if missing else ExitNet(formula(known))


def unrounded_net(exit_strategy: str, terms: Terms) -> ExitNet:
    """The net of an exit before rounding, for further calculation. `TERMS[exit_strategy]` names its terms."""
    return _evaluate(_NETS[exit_strategy], TERMS[exit_strategy], terms)


def net(exit_strategy: str, terms: Terms, currency: str) -> ExitNet:
    """The net of an exit in the currency's minor unit, or None and the terms that are missing."""
    outcome = unrounded_net(exit_strategy, terms)
    return outcome if outcome.amount is None else ExitNet(round_money(outcome.amount, currency))


def double_close_costs(terms: Terms) -> ExitNet:
    """The costs of a double close before rounding: both closings, points on the A-B price, the lender's flat fee."""
    return _evaluate(_double_close_costs, ("ab_price", *DOUBLE_CLOSE_COSTS), terms)
