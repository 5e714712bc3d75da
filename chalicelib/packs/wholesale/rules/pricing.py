"""The pricing of a pipeline: ceiling, maximum allowable offer (MAO), expected spread.

    ceiling = ARV x rule % - repairs             the highest price for an investor
    MAO     = ceiling - assignment fee target    the highest offer that leaves room for the fee
    spread  = from the firmest known prices      `spread_basis` says which

A double close subtracts its costs, too. A novation and a wholetail don't sell to an investor: they have neither ceiling nor MAO,
and their spread is their own net. An unknown input makes null the figures that depend on it, and no others.

Every figure is computed from the inputs without intermediate rounding, then rounded once, half up, to the currency's minor unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from chalicelib.foundation.money import round_money
from chalicelib.packs.wholesale.rules import exit_strategies

RULE_PCT, RULE_PCT_MIN, RULE_PCT_MAX = Decimal(70), Decimal(50), Decimal(95)

# The prices that a spread can be based on, firmest first. MAO is no price: ceiling - MAO is the fee target again. So boards and
# funnels count only the other three.
ASSIGNMENT, CONTRACT, OFFER, MAO = "assignment", "contract", "offer", "mao"
BASES = (ASSIGNMENT, CONTRACT, OFFER, MAO)
COUNTED_BASES = (ASSIGNMENT, CONTRACT, OFFER)


@dataclass(frozen=True)
class PricingInputs:
    """The inputs of a pricing. None: unknown.

    `max_allowable_offer` and `expected_spread` are the caller's own figures. `costs` are the terms of the exit that are not fields
    of a pipeline (`exit_strategies.TERMS`); its purchase price is the contract price, else the offer. The default exit strategy
    is an assignment.
    """

    currency: str
    arv_estimate: Decimal | None = None
    repair_estimate: Decimal | None = None
    assignment_fee_target: Decimal | None = None
    rule_pct: Decimal = RULE_PCT
    offer_price: Decimal | None = None
    contract_price: Decimal | None = None
    assignment_price: Decimal | None = None
    max_allowable_offer: Decimal | None = None
    expected_spread: Decimal | None = None
    exit_strategy: str = exit_strategies.ASSIGNMENT
    costs: Mapping[str, Decimal | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Pricing:
    """The rounded figures.

    `max_allowable_offer` and `expected_spread` are the caller's own figures, else the computed ones; `mao_computed` and
    `spread_computed` are always computed. `spread_basis` is that of the computed spread, None where it is null or an exit's net
    has no price. `missing` names the inputs that null figures lack, `computed_fields` the fields without a figure of the caller.
    `counted_spread` is what boards and funnels add: the computed spread where it is based on a price, else 0.
    """

    ceiling: Decimal | None
    max_allowable_offer: Decimal | None
    mao_computed: Decimal | None
    expected_spread: Decimal | None
    spread_computed: Decimal | None
    spread_basis: str | None
    counted_spread: Decimal
    computed_fields: tuple[str, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Unrounded:
    """A figure before rounding, the names of missing inputs, and for a spread its basis."""

    amount: Decimal | None
    missing: tuple[str, ...] = ()
    basis: str | None = None


def rule_pct_error(pct: Decimal) -> str | None:
    """The error where `pct` isn't a percent number from 50 to 95 with at most 2 decimals, else None."""
    if not RULE_PCT_MIN <= pct <= RULE_PCT_MAX or pct != round(pct, 2):
        return f"a percent number from {RULE_PCT_MIN} to {RULE_PCT_MAX} with at most 2 decimals is needed"
    return None


def _missing(inputs: PricingInputs, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if getattr(inputs, name) is None)


def _merge_unique(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _price(inputs: PricingInputs) -> tuple[Decimal | None, str]:
    """The known purchase price, and the basis that it gives a spread."""
    return (inputs.offer_price, OFFER) if inputs.contract_price is None else (inputs.contract_price, CONTRACT)


def _exit_costs(inputs: PricingInputs) -> Unrounded:
    """The costs between purchase and sale besides the fee: none in an assignment, closings and a loan in a double close."""
    if inputs.exit_strategy != exit_strategies.DOUBLE_CLOSE:
        return Unrounded(Decimal(0))
    price, _ = _price(inputs)
    outcome = exit_strategies.double_close_costs({**inputs.costs, "ab_price": price})
    return Unrounded(outcome.amount, _to_pipeline_fields(outcome.missing))


def _to_pipeline_fields(missing: tuple[str, ...]) -> tuple[str, ...]:
    """Names a missing purchase price as contract_price: that is the field of a pipeline that a caller can set."""
    purchase = ("ab_price", "seller_net", "purchase_price")
    return tuple("contract_price" if name in purchase else name for name in missing)


def _ceiling(inputs: PricingInputs) -> Unrounded:
    if inputs.arv_estimate is None or inputs.repair_estimate is None:
        return Unrounded(None, _missing(inputs, "arv_estimate", "repair_estimate"))
    return Unrounded(exit_strategies.percent(inputs.rule_pct, inputs.arv_estimate) - inputs.repair_estimate)


def _mao(inputs: PricingInputs) -> Unrounded:
    ceiling, costs, fee = _ceiling(inputs), _exit_costs(inputs), inputs.assignment_fee_target
    if ceiling.amount is None or costs.amount is None or fee is None:
        return Unrounded(None, _merge_unique(ceiling.missing, _missing(inputs, "assignment_fee_target"), costs.missing))
    return Unrounded(ceiling.amount - fee - costs.amount)


def _retail_spread(inputs: PricingInputs) -> Unrounded:
    """The net of a novation or wholetail; the seller's net is the purchase price."""
    price, basis = _price(inputs)
    outcome = exit_strategies.unrounded_net(inputs.exit_strategy, {**inputs.costs, "seller_net": price, "purchase_price": price})
    return Unrounded(outcome.amount, _to_pipeline_fields(outcome.missing), basis if outcome.amount is not None else None)


def _investor_spread(inputs: PricingInputs) -> Unrounded:
    """The spread of an exit to an investor, from the firmest known prices."""
    costs, ceiling = _exit_costs(inputs), _ceiling(inputs)
    price, basis = _price(inputs)
    if inputs.assignment_price is not None and inputs.contract_price is not None:
        sold, price, basis = Unrounded(inputs.assignment_price), inputs.contract_price, ASSIGNMENT
    elif price is not None:
        sold = ceiling
    else:
        mao = Unrounded(inputs.max_allowable_offer) if inputs.max_allowable_offer is not None else _mao(inputs)
        sold, price, basis = ceiling, mao.amount, MAO
        if price is None:
            return Unrounded(None, mao.missing)
    if sold.amount is None or costs.amount is None:
        return Unrounded(None, _merge_unique(sold.missing, costs.missing))
    return Unrounded(sold.amount - price - costs.amount, basis=basis)


def unrounded_figures(inputs: PricingInputs) -> tuple[Unrounded, Unrounded, Unrounded]:
    """Ceiling, MAO and spread before rounding."""
    if inputs.exit_strategy in exit_strategies.UNDER_CEILING:
        return _ceiling(inputs), _mao(inputs), _investor_spread(inputs)
    return Unrounded(None), Unrounded(None), _retail_spread(inputs)


def _warnings(inputs: PricingInputs, ceiling: Decimal | None, mao: Decimal | None, computed: Decimal | None) -> tuple[str, ...]:
    """Codes of implausible figures; they are accepted. Judged by the rounded figures, so that a caller can verify them."""
    offer, contract = inputs.offer_price, inputs.contract_price
    # They differ by more than 1 %; from a computed MAO of 0, every other value does.
    differs = mao is not None and computed is not None and abs(mao - computed) * 100 > abs(computed)
    conditions = {
        "mao_differs": differs,
        "negative_mao": mao is not None and mao <= 0,
        "offer_above_mao": mao is not None and offer is not None and offer > mao,
        "contract_above_ceiling": ceiling is not None and contract is not None and contract > ceiling,
    }
    return tuple(code for code, is_true in conditions.items() if is_true)


def compute_pricing(inputs: PricingInputs) -> Pricing:
    """All figures of a pipeline, rounded."""

    def round_known(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else round_money(amount, inputs.currency)

    unrounded_ceiling, unrounded_mao, unrounded_spread = unrounded_figures(inputs)
    ceiling, mao_computed, spread_computed = (
        round_known(unrounded_ceiling.amount),
        round_known(unrounded_mao.amount),
        round_known(unrounded_spread.amount),
    )
    mao = mao_computed if inputs.max_allowable_offer is None else round_known(inputs.max_allowable_offer)
    spread = spread_computed if inputs.expected_spread is None else round_known(inputs.expected_spread)
    is_computed = {
        "max_allowable_offer": inputs.max_allowable_offer is None and mao is not None,
        "expected_spread": inputs.expected_spread is None and spread is not None,
    }
    counted = spread_computed if unrounded_spread.basis in COUNTED_BASES else None
    return Pricing(
        ceiling=ceiling,
        max_allowable_offer=mao,
        mao_computed=mao_computed,
        expected_spread=spread,
        spread_computed=spread_computed,
        spread_basis=unrounded_spread.basis,
        counted_spread=counted if counted is not None else round_money(Decimal(0), inputs.currency),
        computed_fields=tuple(name for name, computed in is_computed.items() if computed),
        missing=_merge_unique(unrounded_ceiling.missing, unrounded_mao.missing, unrounded_spread.missing),
        warnings=_warnings(inputs, ceiling, mao, mao_computed),
    )
