"""The numbers of a pipeline: ceiling, maximum allowable offer (MAO), expected spread, and how they bend.

    ceiling = ARV x rule % - repairs             what an investor pays
    MAO     = ceiling - assignment fee target    what may be offered, so that the fee fits under the ceiling
    spread  = by the hardest prices known        `spread_basis` says which

A double close gives up its costs too; a novation and a wholetail don't sell to an investor, have neither ceiling nor MAO,
and their spread is their own net. What isn't known makes null what depends on it, and only that.

Every figure is worked from the inputs, exactly, and rounded once, half up, to the currency's minor unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from chalicelib.foundation.money import rounded
from chalicelib.packs.wholesale.rules import exits

RULE_PCT, RULE_PCT_MIN, RULE_PCT_MAX = Decimal(70), Decimal(50), Decimal(95)

# The prices that a spread can stand on, hardest first. The last is no price but a wish: a ceiling less the MAO is the fee
# target again, so boards and funnels count the other three only.
ASSIGNMENT, CONTRACT, OFFER, MAO = "assignment", "contract", "offer", "mao"
BASES = (ASSIGNMENT, CONTRACT, OFFER, MAO)
COUNTED_BASES = (ASSIGNMENT, CONTRACT, OFFER)


@dataclass(frozen=True)
class Inputs:
    """What is known of a pipeline's money. None: unknown.

    `max_allowable_offer` and `expected_spread` are those that the caller gave. `costs` are the terms of the exit that
    are no fields of a pipeline (`exits.TERMS`); its purchase price is the contract price, else the offer. Without a
    chosen exit strategy it is an assignment.
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
    exit_strategy: str = exits.ASSIGNMENT
    costs: Mapping[str, Decimal | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Numbers:
    """The figures as printed.

    `max_allowable_offer` and `expected_spread` are the given ones where they were given, else the computed ones;
    `mao_computed` and `spread_computed` are always the computed ones. `spread_basis` is that of the computed spread,
    None where it is null or an exit's net stands on no price. `missing` names the inputs that the null figures lack,
    `computed_fields` the fields that the caller left to us. `counted_spread` is what boards and funnels add: the
    computed spread where prices carry it, else 0.
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
class Exact:
    """A figure before rounding, the inputs that it lacks, and for a spread what it stands on."""

    amount: Decimal | None
    missing: tuple[str, ...] = ()
    basis: str | None = None


def rule_pct_fault(pct: Decimal) -> str | None:
    """Why `pct` can't be the rule: it is a percent number from 50 to 95 with at most 2 decimals. None where it can."""
    if not RULE_PCT_MIN <= pct <= RULE_PCT_MAX or pct != round(pct, 2):
        return f"a percent number from {RULE_PCT_MIN} to {RULE_PCT_MAX} with at most 2 decimals is needed"
    return None


def _lacking(given: Inputs, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if getattr(given, name) is None)


def _united(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _price(given: Inputs) -> tuple[Decimal | None, str]:
    """What the house costs us as far as it is known, and the basis that it makes."""
    return (given.offer_price, OFFER) if given.contract_price is None else (given.contract_price, CONTRACT)


def _exit_costs(given: Inputs) -> Exact:
    """What lies between the two prices besides our fee: nothing in an assignment, two closings and a loan in a double close."""
    if given.exit_strategy != exits.DOUBLE_CLOSE:
        return Exact(Decimal(0))
    price, _ = _price(given)
    outcome = exits.double_close_costs({**given.costs, "ab_price": price})
    return Exact(outcome.amount, _own_names(outcome.missing))


def _own_names(missing: tuple[str, ...]) -> tuple[str, ...]:
    """An exit's purchase price is missing as the pipeline's contract price: that is the field that a caller can fill."""
    purchase = ("ab_price", "seller_net", "purchase_price")
    return tuple("contract_price" if name in purchase else name for name in missing)


def _ceiling(given: Inputs) -> Exact:
    if given.arv_estimate is None or given.repair_estimate is None:
        return Exact(None, _lacking(given, "arv_estimate", "repair_estimate"))
    return Exact(exits.percent(given.rule_pct, given.arv_estimate) - given.repair_estimate)


def _mao(given: Inputs) -> Exact:
    ceiling, costs, fee = _ceiling(given), _exit_costs(given), given.assignment_fee_target
    if ceiling.amount is None or costs.amount is None or fee is None:
        return Exact(None, _united(ceiling.missing, _lacking(given, "assignment_fee_target"), costs.missing))
    return Exact(ceiling.amount - fee - costs.amount)


def _retail_spread(given: Inputs) -> Exact:
    """A novation's or wholetail's net; what it pays the seller is our price."""
    price, basis = _price(given)
    outcome = exits.net_exactly(given.exit_strategy, {**given.costs, "seller_net": price, "purchase_price": price})
    return Exact(outcome.amount, _own_names(outcome.missing), basis if outcome.amount is not None else None)


def _investor_spread(given: Inputs) -> Exact:
    """The spread under the ceiling: by the hardest prices that are known."""
    costs, ceiling = _exit_costs(given), _ceiling(given)
    price, basis = _price(given)
    if given.assignment_price is not None and given.contract_price is not None:
        sold, price, basis = Exact(given.assignment_price), given.contract_price, ASSIGNMENT
    elif price is not None:
        sold = ceiling
    else:
        mao = Exact(given.max_allowable_offer) if given.max_allowable_offer is not None else _mao(given)
        sold, price, basis = ceiling, mao.amount, MAO
        if price is None:
            return Exact(None, mao.missing)
    if sold.amount is None or costs.amount is None:
        return Exact(None, _united(sold.missing, costs.missing))
    return Exact(sold.amount - price - costs.amount, basis=basis)


def exact_figures(given: Inputs) -> tuple[Exact, Exact, Exact]:
    """Ceiling, MAO and spread before rounding."""
    if given.exit_strategy in exits.UNDER_CEILING:
        return _ceiling(given), _mao(given), _investor_spread(given)
    return Exact(None), Exact(None), _retail_spread(given)


def _warnings(given: Inputs, ceiling: Decimal | None, mao: Decimal | None, computed: Decimal | None) -> tuple[str, ...]:
    """Codes of what looks wrong; nothing of it is refused. Judged by the printed figures, so that a reader can follow."""
    offer, contract = given.offer_price, given.contract_price
    # Both are known only where the caller gave one; over a computed MAO of 0 every other differs by more than 1 %.
    apart = mao is not None and computed is not None and abs(mao - computed) * 100 > abs(computed)
    found = {
        "mao_differs": apart,
        "negative_mao": mao is not None and mao <= 0,
        "offer_above_mao": mao is not None and offer is not None and offer > mao,
        "contract_above_ceiling": ceiling is not None and contract is not None and contract > ceiling,
    }
    return tuple(code for code, holds in found.items() if holds)


def evaluate(given: Inputs) -> Numbers:
    """All numbers of a pipeline, as printed."""

    def printed(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else rounded(amount, given.currency)

    exact_ceiling, exact_mao, exact_spread = exact_figures(given)
    ceiling, mao_computed, spread_computed = printed(exact_ceiling.amount), printed(exact_mao.amount), printed(exact_spread.amount)
    mao = mao_computed if given.max_allowable_offer is None else printed(given.max_allowable_offer)
    spread = spread_computed if given.expected_spread is None else printed(given.expected_spread)
    ours = {
        "max_allowable_offer": given.max_allowable_offer is None and mao is not None,
        "expected_spread": given.expected_spread is None and spread is not None,
    }
    counted = spread_computed if exact_spread.basis in COUNTED_BASES else None
    return Numbers(
        ceiling=ceiling,
        max_allowable_offer=mao,
        mao_computed=mao_computed,
        expected_spread=spread,
        spread_computed=spread_computed,
        spread_basis=exact_spread.basis,
        counted_spread=counted if counted is not None else rounded(Decimal(0), given.currency),
        computed_fields=tuple(name for name, computed in ours.items() if computed),
        missing=_united(exact_ceiling.missing, exact_mao.missing, exact_spread.missing),
        warnings=_warnings(given, ceiling, mao, mao_computed),
    )
